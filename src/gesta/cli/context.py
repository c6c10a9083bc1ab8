"""``gesta context``: features of a frozen network of images, a set for each frame of an archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from gesta.cli.console import Console


@dataclass
class Arguments:
    """Look at the videos of an archive once with a frozen network of images; training reads it.

    $ gesta context data/jhmdb --backbone efficientnet_lite0 --weights lite0.pth --out lite0.context
    $ gesta train cross_attention --model.context features --context lite0.context ...

    Clips whose video cannot be read are listed and left out.
    """

    archive: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="ARCHIVE")]]
    """Its clips refer to videos."""

    weights: Path
    """The network's weights, as they are published."""

    out: Path
    """The context file to write."""

    backbone: Literal["efficientnet_lite0", "xception"] = "efficientnet_lite0"
    """The network."""

    grid: int = 1
    """Each frame becomes grid x grid vectors: means of parts of the network's map."""

    every: int = 1
    """Look at the middle one of so many frames, and let what is seen there hold for all of them:
    that much faster, and the file that much smaller."""

    size: int | None = None
    """Pixels of height and width that frames are scaled to; the network's own if not given."""

    view: Literal["centre", "whole", "projection"] = "centre"
    """The centre square of the frame, all of it, or the box around the clip's joints."""

    videos: Path | None = None
    """Folder of the videos, where it is not the one that the archive names."""

    workers: int = 2
    """Processes that decode."""

    device: str = "auto"
    """auto, cpu or cuda."""

    bf16: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Compute in bfloat16: several times as fast where the processor knows it."""

    strict: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Stop where a clip has no usable video."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Compute and write the features, and say of how many clips."""
    from gesta.archive import open_archive
    from gesta.inference.context import compute_context

    with console.progress("context") as progress:
        context, problems = compute_context(
            open_archive(arguments.archive, arguments.videos),
            arguments.out,
            arguments.backbone,
            arguments.weights,
            grid=arguments.grid,
            every=arguments.every,
            size=arguments.size,
            view=arguments.view,
            missing="error" if arguments.strict else "skeleton",
            workers=arguments.workers,
            device=arguments.device,
            bf16=arguments.bf16,
            progress=progress,
        )
    for name, why in problems.items():
        console.say(f"left out: {name}: {why}")
    rows, vectors, width = context.rows.shape
    console.say(
        f"{context.path}: {len(context.ids)} clips, {rows} frames looked at, "
        f"{vectors} x {width} numbers each"
    )
    return {
        "context": str(context.path),
        "clips": len(context.ids),
        "rows": rows,
        "k": vectors,
        "m": width,
        "about": dict(context.about),
        "left_out": problems,
    }
