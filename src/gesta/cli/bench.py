"""``gesta bench``: latency and throughput of models on this machine."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass

import tyro

from gesta.cli.console import Console


@dataclass
class Arguments:
    """Time models on this machine; ratios are within this run.

    Example: gesta bench st_gcn --layout coco_17 --frames 64 --persons 1
    """

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Models to time; none: all."""
    layout: str = "kinect_v2_25"
    """Skeleton layout."""
    frames: int = 64
    """Frames of a clip."""
    persons: int = 2
    """Persons of a clip."""
    classes: int = 60
    """Number of classes."""
    batch: int = 1
    """Clips a pass."""
    device: str = "cpu"
    """cpu or cuda."""
    compile: bool = False
    """Time torch.compile as well; needs a C++ compiler and a minute for each model."""


def run(arguments: Arguments, console: Console) -> list[dict[str, object]]:
    """Time each model and show a table."""
    from gesta.bench import measure
    from gesta.errors import ModelError
    from gesta.models import create_model, list_models

    if arguments.compile and not shutil.which("c++"):
        raise ModelError("--compile needs a C++ compiler (c++), and none is on the PATH")
    modes = ("eager", "folded", "bf16", *(("compiled",) if arguments.compile else ()))
    timings = []
    with console.progress("timing") as progress:
        names = arguments.names or tuple(list_models())
        for done, name in enumerate(names):
            progress(done, len(names), name)
            model = create_model(
                name,
                arguments.layout,
                arguments.classes,
                frames=arguments.frames,
                persons=arguments.persons,
            )
            timings += measure(
                model,
                frames=arguments.frames,
                persons=arguments.persons,
                batch=arguments.batch,
                modes=modes,
                device=arguments.device,
            )
        progress(len(names), len(names))
    console.say(
        f"{arguments.batch} clip(s) a pass: {arguments.layout}, {arguments.frames} frames, "
        f"{arguments.persons} persons; medians; ratio: times faster than eager float32 in this run"
    )
    console.table(
        ["model", "device", "mode", "ms a pass", "clips/s", "ratio"],
        [[t.model, t.device, t.mode, t.latency_ms, t.throughput, t.ratio] for t in timings],
    )
    return [asdict(timing) for timing in timings]
