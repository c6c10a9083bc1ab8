"""``gesta view``: skeletons in motion, in a page of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gesta.archive import open_archive
from gesta.cli.console import Console
from gesta.errors import ArchiveError, LayoutError
from gesta.formats import read_clips
from gesta.report.view import view
from gesta.skeleton import Layout, get_layout


@dataclass
class Arguments:
    """Write a page that animates a clip, or some clips of every class of an archive.

    $ gesta view ucla.gesta --clips-per-class 2 --out ucla.html
    $ gesta view a05_s09_e02_v03.json
    """

    input: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="CLIP|ARCHIVE")]]
    """A skeleton file of any known format, or an archive's folder."""

    out: Path = Path("view.html")
    """The page to write; it needs no network."""

    clips_per_class: int = 4
    """Of an archive, so many clips of each class, evenly spread over the class."""

    ids: tuple[str, ...] | None = None
    """Of an archive or a file with several clips, these instead."""

    layout: str | None = None
    """Which joints there are (a layout's name or TOML file), for files that do not say it."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Write the page and say where it is.

    Raises:
        ArchiveError: an archive is damaged, or has no clip of that id.
        FormatError: the file is of no known format, or damaged.
        LayoutError: no layout is called that, or the joints are those of another.
    """
    path = arguments.input
    layout = None if arguments.layout is None else get_layout(arguments.layout)
    if path.is_dir():
        archive = open_archive(path)
        _check_layout(path, layout, archive.layout)
        page = view(
            archive,
            arguments.out,
            clips_per_class=arguments.clips_per_class,
            ids=arguments.ids,
        )
    else:
        clips = read_clips(path, layout)
        for clip in clips:
            _check_layout(path, layout, clip.layout)
        if arguments.ids is not None:
            clips = [clip for clip in clips if clip.id in arguments.ids]
            if len(clips) != len(arguments.ids):
                raise ArchiveError(f"{path}: not every clip of {', '.join(arguments.ids)} is in it")
        page = view(clips[0] if len(clips) == 1 else clips, arguments.out)
    size = page.stat().st_size
    console.say(f"{page} ({size / 1000:,.0f} kB): open it in a browser")
    return {"page": str(page), "bytes": size}


def _check_layout(path: Path, given: Layout | None, found: Layout) -> None:
    if given is not None and given != found:
        raise LayoutError(
            f"{path}: --layout: expected {found.name}, which it says itself, found {given.name}; "
            "leave it out"
        )
