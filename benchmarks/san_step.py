"""How long a training step of SAN-V2 takes on this machine, and how much of it is not the model.

The step is that of a training: 64 clips are gathered from those in memory, cropped and resized to
32 frames, centred, and then the model (cnn encoder, 4 layers of 8 heads) goes forward and back and
Adam takes its step. Clips are random walks of the size of NTU RGB+D's: 25 joints, 40 to 120 frames,
every fourth with two persons. What is outside the model is all but the last part.

    OMP_NUM_THREADS=2 python benchmarks/san_step.py [--threads 2] [--epochs 2]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gesta.archive import open_archive, write_archive
from gesta.clip import Clip
from gesta.skeleton import get_layout
from gesta.training import Observer, find_recipe
from gesta.training.loop import train_epoch
from gesta.training.machine import describe_machine, describe_versions
from gesta.training.single import begin

OUT = Path(__file__).parent / "results" / "san_step.json"
BATCH, STEPS, CLASSES = 64, 2, 60


def walks(count: int) -> list[Clip]:
    """Clips of bodies that wander, as long and as populated as NTU's."""
    layout, generator = get_layout("kinect_v2_25"), np.random.default_rng(0)
    clips = []
    for index in range(count):
        persons, frames = 2 if index % 4 == 0 else 1, int(generator.integers(40, 121))
        steps = generator.normal(scale=0.01, size=(persons, frames, len(layout), 3))
        body = generator.normal(size=(persons, 1, len(layout), 3))
        coords = (body + steps.cumsum(axis=1)).astype(np.float32)
        clips.append(Clip(coords, layout, id=f"walk {index}", label=index % CLASSES))
    return clips


def measure(archive: str, *, bf16: bool, epochs: int) -> dict[str, Any]:
    """The mean step of the epochs after the first, which warms up."""
    own = {
        "data": archive,
        "protocol": "random",
        "loop": {"batch": BATCH, "bf16": bf16, "device": "cpu"},
    }
    recipe = find_recipe("san_v2", None, own)
    clips = open_archive(archive)
    rows = np.arange(len(clips))
    session, _ = begin(recipe, clips, {"train": rows, "validation": rows[:0], "test": rows[:0]})
    seconds, outside = [], []
    for epoch in range(1 + epochs):
        started = time.perf_counter()
        _, _, share = train_epoch(session, epoch, Observer())
        seconds.append((time.perf_counter() - started) / STEPS)
        outside.append(share)
    return {
        "step_seconds": float(np.mean(seconds[1:])),
        "step_seconds_each_epoch": seconds[1:],
        "share_outside": float(np.mean(outside[1:])),
        "steps": STEPS * epochs,
    }


def main() -> None:
    """Measure both precisions and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--beside", default="", help="what else the machine did meanwhile")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        archive = str(Path(folder) / "walks")
        names = tuple(f"class {label}" for label in range(CLASSES))
        write_archive(archive, walks(BATCH * STEPS), names, dataset="walks")
        found = {
            name: measure(archive, bf16=name == "bfloat16", epochs=arguments.epochs)
            for name in ("float32", "bfloat16")
        }
    report = {
        "model": "san_v2",
        "encoder": "cnn",
        "frames": 32,
        "batch": BATCH,
        "threads": torch.get_num_threads(),
        **found,
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "beside": arguments.beside,
        "machine": describe_machine(torch.device("cpu")),
        "versions": describe_versions(),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
