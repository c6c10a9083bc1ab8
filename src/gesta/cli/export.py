"""``gesta export``: a run as a file for other programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from gesta.cli.console import Console


@dataclass
class Arguments:
    """Write the model of a run as one ONNX file of (poses, mask) to logits.

    $ gesta export runs/utd_mhad-cross_subject-st_gcn-joint-0 --out st_gcn.onnx

    The file is checked with onnxruntime before it appears. Clips N are free; persons M and
    frames T are free where the model takes any. Its metadata key `gesta` holds the run's card:
    classes, input transforms, data, metrics.
    """

    run: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A finished run, or "demo": the model that comes with gesta."""
    out: Path | None = None
    """The file to write; default RUN/model.onnx, of "demo" runs/demo/model.onnx."""
    format: Literal["onnx"] = "onnx"
    """What to write."""
    frames: int | None = None
    """Fix T."""
    persons: int | None = None
    """Fix M."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Export, and say what the file takes."""
    from gesta.export import export_onnx
    from gesta.training import Run

    given = Run.open(arguments.run)
    exported = export_onnx(
        given.load_model(),
        arguments.out or given.home / "model.onnx",
        frames=arguments.frames,
        persons=arguments.persons,
        card=json.loads(given.card.to_json()),
    )
    for name, shape in exported.inputs.items():
        console.say(f"{name} ({', '.join(map(str, shape))})")
    console.say(f"agrees with the model to {exported.error:.1e}, opset {exported.opset}")
    console.say(str(exported.path))
    return {
        "path": str(exported.path),
        "format": arguments.format,
        "inputs": {name: list(shape) for name, shape in exported.inputs.items()},
        "opset": exported.opset,
        "error": exported.error,
    }
