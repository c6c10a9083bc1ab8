"""How many frames a second `gesta extract` does on this machine, from video files to the archive.

The clips are the first of J-HMDB by name in each of its classes in turn (320x240, 15 to 40 frames),
and all that a user waits for counts: finding them, starting processes, decoding, MoveNet at 256
pixels, tracking, writing. Beside the wall clock stands the processor's time, which says what a
machine with nothing else to do would reach: of a few clips much of either is the start.

    GESTA_TEST_DATA=... python benchmarks/extract_speed.py [--clips 928] [--processes 2]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path

from gesta.datasets import VideoPlan, extract, plan_videos
from gesta.pose import create_estimator
from gesta.version import __version__

OUT = Path(__file__).parent / "results" / "extract.json"


def some(plan: VideoPlan, clips: int) -> VideoPlan:
    """The plan with its first videos only, taken from each class in turn."""
    folders: dict[str, list[str]] = {}
    for name in plan.cuts:
        folders.setdefault(name.split("/")[0], []).append(name)
    turns = chain.from_iterable(zip_longest(*folders.values()))
    names = sorted([name for name in turns if name is not None][:clips])
    return replace(plan, cuts={name: plan.cuts[name] for name in names})


def processor_seconds() -> float:
    """Of this process and those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> None:
    """Extract, and write how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--beside", default="", help="what else the machine did meanwhile")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    create_estimator()  # its model is read from disk once before
    load = os.getloadavg()[0]
    began, used = time.perf_counter(), processor_seconds()
    with tempfile.TemporaryDirectory() as folder:
        plan = some(
            plan_videos(Path(os.environ["GESTA_TEST_DATA"]) / "jhmdb" / "videos"), arguments.clips
        )
        archive = extract(
            plan,
            Path(folder) / "archive",
            options={"long_side": arguments.size},
            processes=arguments.processes,
        )
        frames, empty = int(archive.frames.sum()), int((archive.persons == 0).sum())
    seconds, used = time.perf_counter() - began, processor_seconds() - used
    report = {
        "clips": len(archive),
        "empty": empty,
        "frames": frames,
        "estimator": "movenet",
        "size": arguments.size,
        "processes": arguments.processes,
        "seconds": seconds,
        "processor_seconds": used,
        "frames_per_second": frames / seconds,
        "frames_per_processor_second": frames / used,
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "beside": arguments.beside,
        "gesta": __version__,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
