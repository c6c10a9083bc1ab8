"""``gesta predict``: what a run says about new clips."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gesta.cli.console import Console
from gesta.inference import Recognizer


@dataclass
class Arguments:
    """Say what people do in skeleton files.

    $ gesta predict runs/ntu60-cross_subject-st_gcn-joint-0 S001C001P001R001A001.skeleton
    $ gesta predict RUN recordings/*.json --json
    """

    run: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A finished run, or a weights file of one."""
    inputs: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="INPUT")]]
    """Skeleton files of any known format."""
    scene: bool | None = None
    """Judge all persons of a clip together, or each alone; by default as the model was trained."""
    device: str = "auto"
    """auto, cpu or cuda."""


def run(arguments: Arguments, console: Console) -> list[dict[str, Any]]:
    """Predict, and print the three most probable classes of each track."""
    if not arguments.inputs:
        print("gesta: error: expected at least one INPUT after the run", file=sys.stderr)
        raise SystemExit(2)
    recognizer = Recognizer.from_run(arguments.run, arguments.device)
    predictions = recognizer.predict(list(arguments.inputs), scene=arguments.scene)
    rows: list[list[object]] = []
    for prediction in predictions:
        for person in prediction.persons:
            for segment in person.segments:
                best = ", ".join(f"{name} {100 * p:.1f} %" for name, p in segment.top5[:3])
                track = "all" if person.track is None else str(person.track)
                frames = f"{segment.start}-{segment.end}"
                rows.append([prediction.input, track, frames, best])
        if not prediction.persons:
            rows.append([prediction.input, "", "", "nobody is there"])
    console.table(["input", "track", "frames", "what"], rows)
    return [prediction.to_dict() for prediction in predictions]
