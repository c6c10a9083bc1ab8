"""What a clip of J-HMDB costs, part by part: poses, the frozen network, what judges them.

    python benchmarks/rgb_cost.py --weights FILE [--clips 12]

Takes the archive and the runs of run_fusion.py below the current folder, and writes
benchmarks/results/rgb_cost.json. Seconds are of processor time on one thread, without
the loading of models; a video is decoded anew for each part that looks at it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from run_fusion import ARCHIVE, context, final, folder

from gesta.archive import Archive, open_archive, open_context, write_archive
from gesta.archive.videos import videos_provenance
from gesta.clip import Clip
from gesta.inference import Recognizer
from gesta.inference.context import compute_context
from gesta.media import open_video
from gesta.pose import create_estimator, estimate_poses
from gesta.training.machine import describe_machine

OUT = Path("benchmarks/results/rgb_cost.json")


def seconds(work: Callable[[], Any], repeats: int = 2) -> float:
    """Of processor time, the least of some times after one that warms up."""
    work()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def see(archive: Archive, weights: Path, **options: Any) -> float:  # noqa: ANN401 - of the context
    """The frozen network on all clips, with decoding."""
    with tempfile.TemporaryDirectory() as home:

        def look() -> None:
            compute_context(
                archive, Path(home) / "c", "efficientnet_lite0", weights, view="projection",
                workers=0, device="cpu", **options,
            )  # fmt: skip

        return seconds(look)


def parts(archive: Archive, clips: list[Clip], weights: Path) -> dict[str, float]:
    """Seconds for all clips."""
    estimator = create_estimator("movenet")

    def estimate() -> None:
        for clip in clips:
            path = archive.video_path(clip)
            assert path is not None
            with open_video(path) as video:
                estimate_poses(video, estimator)

    vectors = open_context(context("person"))
    skeleton = Recognizer.from_run(final(folder("joint")) / "split_1", "cpu")
    scene = Recognizer.from_run(final(folder("rgb_only")) / "split_1", "cpu")
    return {
        "poses": seconds(estimate),
        "rgb_every_6_bf16": see(archive, weights, every=6, bf16=True),
        "rgb_every_6": see(archive, weights, every=6),
        "rgb_every_1_bf16": see(archive, weights, bf16=True),
        "st_gcn": seconds(lambda: skeleton.score(clips)),
        "rgb_only": seconds(lambda: scene.score(clips, context=vectors)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    whole = open_archive(ARCHIVE)
    clips = [whole.read(i) for i in range(0, len(whole), max(1, len(whole) // arguments.clips))]
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "some"
        about = dict(whole.provenance)
        about["videos"] = videos_provenance(path, whole.videos)
        some = write_archive(path, clips, whole.classes, dataset=whole.dataset, provenance=about)
        found = parts(some, clips, arguments.weights)
    measured = {
        "clips": len(clips),
        "frames": sum(clip.frames for clip in clips),
        "seconds_a_clip": {name: value / len(clips) for name, value in found.items()},
        "shares_of_poses": {name: value / found["poses"] for name, value in found.items()},
        "machine": describe_machine(torch.device("cpu")),
        "command": f"python benchmarks/rgb_cost.py --weights FILE --clips {arguments.clips}",
    }
    OUT.write_text(json.dumps(measured, indent=1) + "\n")
    print(json.dumps(measured["shares_of_poses"]))


if __name__ == "__main__":
    main()
