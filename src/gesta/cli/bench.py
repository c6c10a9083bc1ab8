"""``gesta bench``: latency and throughput of models on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import tyro

from gesta.cli.console import Console


@dataclass
class Arguments:
    """Time models on this machine; ratios are within this run.

    $ gesta bench st_gcn --layout coco_17 --frames 64 --persons 1
    $ gesta bench cross_attention --frames 16 --train --option variant=concat
    """

    names: tyro.conf.Positional[
        Annotated[tuple[str, ...], tyro.conf.arg(metavar="[NAME ...]")]
    ] = ()
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
    train: bool = False
    """Time a training step as well: forward, backward and SGD, in float32 and bfloat16."""
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """An option of the named models, as NAME=VALUE; may be given several times."""


def run(arguments: Arguments, console: Console) -> list[dict[str, object]]:
    """Time each model and show a table."""
    from gesta.bench import measure
    from gesta.models import create_model, list_models
    from gesta.models.options import read_assignments
    from gesta.training.machine import check_compiler

    if arguments.compile:
        check_compiler()
    modes: tuple[str, ...] = ("eager", "folded", "bf16")
    modes += ("compiled",) * arguments.compile + ("train", "train_bf16") * arguments.train
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
                **read_assignments(arguments.option),
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
        f"{arguments.persons} persons; medians; ratio: times faster than eager float32 in this "
        "run; memory: MiB that a pass takes at its most beside the weights"
    )
    columns = ["model", "device", "mode", "ms a pass", "clips/s", "ratio", "memory"]
    console.table(columns, [list(asdict(timing).values()) for timing in timings])
    return [asdict(timing) for timing in timings]
