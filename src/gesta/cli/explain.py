"""``gesta explain``: the joints and frames that mattered, as pictures and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from gesta.archive import Archive, open_archive
from gesta.archive.durable import check_place
from gesta.cli.console import Console
from gesta.clip import Clip
from gesta.datasets.split_files import VIDEO_ENDINGS
from gesta.errors import ArchiveError, FormatError, RunError
from gesta.formats import read_clips
from gesta.inference.predict import fit_to_card
from gesta.nn import observed
from gesta.report.explained import Explainer
from gesta.report.pictures import explain_clip, write_edges
from gesta.report.shown import open_explainer
from gesta.training import Card, Run


@dataclass
class Arguments:
    """Explain what a run says about a clip: SVG pictures and the arrays behind them (npz).

    A joint's importance is the fall of the class's log probability, in nats, when that joint is
    hidden in all frames; that of frames when they are hidden for all joints. A model with
    attention gets a page of it as well: every head of every layer frame against frame, and the
    frames that one frame attends to; or joints and frames by their weights. One that looks at RGB
    gets pictures (png) and a video (mp4) of what it looks at: joints as circles sized by their
    cross-attention, or heat maps over the frame with the part of it that the model saw.

    $ gesta explain RUN a05_s09_e02_v03.json --out why
    $ gesta explain RUN a05_s09_e02_v03 --data ucla.gesta --out why --target label
    """

    run: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """The folder of a finished run."""

    input: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="INPUT")]]
    """A skeleton file, or the id of a clip in the archive."""

    out: Path
    """The folder for the pictures and arrays."""

    data: Path | None = None
    """The archive that holds the clip, where INPUT is an id; by default the run's."""

    target: str = "predicted"
    """The class that is watched: "predicted", "label" (the true one) or a class's name."""

    fill: Literal["mean", "zero"] = "mean"
    """What replaces the hidden: a joint's mean place over the clip, or the body's origin."""

    windows: int = 16
    """Into how many windows of frames the clip is cut."""

    grid: bool = False
    """Also hide every joint in every window by itself; takes windows times joints scores."""

    query: int | None = None
    """The frame of the clip whose attention is followed; by default the one attended to most."""

    missing_rgb: Literal["error", "skeleton"] | None = None
    """What becomes of a clip without usable RGB; as in training if not given."""

    device: str = "auto"
    """Where the model computes: auto, cpu or cuda."""


def run(arguments: Arguments, console: Console) -> list[dict[str, Any]]:
    """Explain each clip, print its joints by importance and say what was written.

    Raises:
        RunError: the run is not finished, has no such class, or no such frame to follow.
        ArchiveError: the archive has no such clip.
        FormatError: the file is of no known format, or damaged.
        OSError: the folder cannot be written in.
    """
    check_place(arguments.out / "edges.svg")
    given = Run.open(arguments.run)
    archive = _archive(arguments, given)
    explainer = open_explainer(given, arguments.device, archive, missing=arguments.missing_rgb)
    if explainer is None:
        raise RunError(f"{given.path}: has no model of its own; explain one of the runs in it")
    card = given.card
    target = _target(arguments.target, card.classes)
    clips = _clips(arguments, archive, card)
    _check_query(arguments.query, explainer, clips)
    rows = [
        explain_clip(
            explainer,
            clip,
            card.classes,
            arguments.out,
            target=target,
            fill=arguments.fill,
            windows=arguments.windows,
            grid=arguments.grid,
            query=arguments.query,
        )
        for clip in clips
    ]
    edges = _edges(explainer, arguments.out)
    for row in rows:
        _say(console, row)
    for path in edges:
        console.say(path)
    return [{**row, "files": [*row["files"], *edges]} for row in rows]


def _edges(explainer: Explainer, out: Path) -> list[str]:
    return [str(path) for path in write_edges(explainer, out)]


def _archive(arguments: Arguments, given: Run) -> Archive | None:
    """The archive that the clip or its video is in; None for a file, unless one is named."""
    if arguments.data is None and Path(arguments.input).is_file():
        return None
    if arguments.data is None and not given.recipe.data:
        raise ArchiveError(
            f"{arguments.input}: there is no such file, and for the id of a clip {given.path} "
            "names no archive: give --data"
        )
    return open_archive(arguments.data or given.recipe.data)


def _clips(arguments: Arguments, archive: Archive | None, card: Card) -> list[Clip]:
    """The clips to explain: of a file, or of an archive by id."""
    if archive is None:
        path = Path(arguments.input)
        if path.suffix.lower() in VIDEO_ENDINGS:
            raise FormatError(
                path, "file", "a skeleton file", "a video",
                "put its folder into an archive with gesta extract, and give --data and its id",
            )  # fmt: skip
        clips = [clip.replace(id=clip.id or path.stem) for clip in read_clips(path, card.layout)]
    else:
        if arguments.input not in archive.ids:
            near = get_close_matches(arguments.input, archive.ids, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "give a file, or another --data"
            raise ArchiveError(
                f"{arguments.input}: no such file, and no clip of {archive.path} is called that; "
                f"{hint}"
            )
        clips = [archive.read(archive.ids.index(arguments.input))]
    return [fit_to_card(clip, card) for clip in clips]


def _check_query(query: int | None, explainer: Explainer, clips: Sequence[Clip]) -> None:
    """Refuse a frame to follow where no frame attends to others, or that a clip does not have."""
    if query is None:
        return
    if not any("query" in point.names for point in observed(explainer.model).values()):
        raise RunError("--query: no frame attends to others in this model; leave it out")
    for clip in clips:
        if not 0 <= query < clip.frames:
            raise RunError(
                f"--query: clip {clip.id!r} has {clip.frames} frames, counted from 0; found {query}"
            )


def _target(name: str, classes: Sequence[str]) -> Any:  # noqa: ANN401 - a word or a number
    if name in ("predicted", "label"):
        return name
    if name not in classes:
        near = get_close_matches(name, classes, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise RunError(f"--target: no class {name!r}; {hint}known are {', '.join(classes)}")
    return list(classes).index(name)


def _say(console: Console, row: dict[str, Any]) -> None:
    console.say(f"{row['clip']}: {row['target']}, probability {100 * row['probability']:.1f} %")
    falls = list(row["joints"].items())[:8]
    console.table(
        ["joint", "fall of log p, nats"], [[joint, f"{fall:+.3f}"] for joint, fall in falls]
    )
    for path in row["files"]:
        console.say(path)
