"""Train, fuse and evaluate everything that docs/results.md shows.

    python benchmarks/run_results.py --data FOLDER --jobs 2 [--only utd_mhad sbu]
    python benchmarks/run_results.py --data FOLDER --only utd_mhad --models st_gcn san_v2

FOLDER holds the data sets' files as they are published. Archives, runs and results are made
below the current folder; what is finished is not done again, and what was broken off goes on.
The metrics of each run are copied to benchmarks/results, from which results_page.py writes the
page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
RESULTS = Path("benchmarks/results")


@dataclass(frozen=True)
class Plan:
    """What is trained on a data set.

    Args:
        source: its file below the data folder.
        protocol: which is trained.
        also: protocols of the same training part that final runs are evaluated on as well.
        extract: where it is a folder of videos, what `gesta extract` is told; DATA stands for the
            data folder.
    """

    source: str
    protocol: str
    also: tuple[str, ...] = ()
    extract: tuple[str, ...] = ()


PLANS = {
    "utd_mhad": Plan("utd_mhad/Skeleton.tar.xz", "cross_subject"),
    "nw_ucla": Plan("nw_ucla/all_sqe.tar.xz", "cross_view", ("cross_view_clean",)),
    "sbu": Plan("sbu_kinect/SBU_skeleton_pos_txt.tar.xz", "folds"),
    "jhmdb": Plan(
        "jhmdb/videos",
        "splits",
        extract=("--splits", "DATA/jhmdb/splits.zip", "--source-from", r"^([^/]+)/(.+)_\1_"),
    ),
}


def gesta(*words: object) -> None:
    """Run a gesta command on one thread; its output goes to runs/results.log."""
    command = [sys.executable, "-m", "gesta", *map(str, words)]
    print("gesta", *words, flush=True)
    with open("runs/results.log", "a") as log:
        subprocess.run(
            command, check=True, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )


def folder(name: str, model: str, stream: str) -> Path:
    return Path("runs") / name / f"{model}-{stream}"


def prepare(name: str, data: Path) -> None:
    """Make the archive: of skeletons, or of videos."""
    plan, out = PLANS[name], Path("archives", name)
    if out.exists():
        return
    if plan.extract:
        words = [word.replace("DATA", str(data)) for word in plan.extract]
        gesta("extract", data / plan.source, *words, "--name", name, "--out", out)
    else:
        gesta("prepare", name, data / plan.source, "--out", out)


def finish(run: Path, *words: object) -> None:
    """Train unless that is done; go on where a run was broken off."""
    if (run / "metrics.json").exists():
        return
    if run.exists():
        gesta("train", "--resume", run, "--no-report")
    else:
        gesta("train", *words, "--out", run, "--no-report")


def choose(name: str, model: str, stream: str) -> None:
    """Train on the training part alone; validation chooses."""
    finish(
        folder(name, model, stream),
        *(model, "--data", f"archives/{name}", "--protocol", PLANS[name].protocol),
        *("--stream", stream, "--seed", 0),
    )


def final(name: str, model: str, stream: str, seeds: str) -> None:
    """Train on train and validation what was chosen, and evaluate beside the protocol."""
    run = folder(name, model, stream)
    done = run.with_name(f"{run.name}-final")
    finish(done, "--final", run, "--seed", seeds)
    members = sorted(done.glob("seed_*")) or [done]
    for member in members:
        for protocol in PLANS[name].also:
            if not any(member.glob(f"evaluations/*-{protocol}-test/metrics.json")):
                gesta("evaluate", member, "--protocol", protocol)


def fused(name: str, models: tuple[str, ...]) -> None:
    """All streams of all models as one, weights learnt on the validation scores."""
    out = Path("runs") / name / f"fused-{'+'.join(models)}"
    if (out / "metrics.json").exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    chosen = [folder(name, model, stream) for model in models for stream in streams_of(model)]
    finals = [run.with_name(f"{run.name}-final") for run in chosen]
    finals = [run / "seed_0" if (run / "seed_0").exists() else run for run in finals]
    gesta("fuse", *finals, "--weights-from", *chosen, "--out", out)


def collect(name: str) -> None:
    """Copy the metrics of all runs into the repository."""
    shutil.rmtree(RESULTS / name, ignore_errors=True)
    for metrics in sorted(Path("runs", name).rglob("metrics.json")):
        run = metrics.parent.relative_to(Path("runs", name))
        target = RESULTS / name / run.with_suffix(".json")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(metrics, target)


def streams_of(model: str) -> tuple[str, ...]:
    """All streams of ST-GCN; the others derive motion themselves and are trained on joints."""
    return STREAMS if model == "st_gcn" else STREAMS[:1]


def trainings(names: list[str], models: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """(data set, model, stream, seeds) with what is asked for first in front."""
    for stream in STREAMS:
        for name in names:
            for model in models:
                if stream in streams_of(model):
                    yield name, model, stream, "0,1,2" if stream == "joint" else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=["st_gcn"])
    parser.add_argument("--only", nargs="*", choices=sorted(PLANS), default=list(PLANS))
    arguments = parser.parse_args()
    Path("runs").mkdir(exist_ok=True)
    for name in arguments.only:
        prepare(name, arguments.data)

    def whole(job: tuple[str, str, str, str]) -> None:
        name, model, stream, seeds = job
        choose(name, model, stream)
        final(name, model, stream, seeds)
        collect(name)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(whole, trainings(arguments.only, arguments.models)))
    for name in arguments.only:
        for model in arguments.models:
            if len(streams_of(model)) > 1:
                fused(name, (model,))
        if len(arguments.models) > 1:
            fused(name, tuple(arguments.models))
        collect(name)


if __name__ == "__main__":
    main()
