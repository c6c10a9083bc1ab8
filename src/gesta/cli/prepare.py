"""``gesta prepare``: files of a data set -> an archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from gesta.archive import Archive
    from gesta.cli.console import Console

_SHOWN = 5  # skipped files that are printed; the archive lists all


@dataclass
class Arguments:
    """Read the files of a data set, or of a part of it, into an archive.

    Example: gesta prepare ntu60 nturgb+d_skeletons.zip --out ntu60 --bodies denoised

    Broken off, the same command goes on. Files that cannot be read are listed in the archive.
    """

    dataset: tyro.conf.Positional[str]
    """Name of the data set; `gesta datasets` lists them."""

    source: tyro.conf.Positional[Path]
    """Folder, .zip, .tar, .tar.gz or .tar.xz with its files."""

    out: Path
    """The archive to write."""

    bodies: str | None = None
    """Which persons are kept, by a name that the data set offers."""

    persons: int | None = None
    """Keep so many persons of a clip at most: the first, in the order that --bodies gives."""

    layout: str | None = None
    """Joint layout to map to, or the files' own where they do not say it; a name or .toml file."""

    strict: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Stop at the first file that cannot be read."""

    processes: int | None = None
    """Processes that parse files; as many as cores if not given."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Prepare the archive and say what is in it."""
    from gesta.datasets import prepare

    with console.progress(f"preparing {arguments.dataset}") as progress:
        archive = prepare(
            arguments.dataset,
            arguments.source,
            arguments.out,
            bodies=arguments.bodies,
            persons=arguments.persons,
            layout=arguments.layout,
            strict=arguments.strict,
            processes=arguments.processes,
            progress=progress,
        )
    document = summary(archive)
    console.say(
        f"{document['clips']} clips of {len(document['classes'])} classes, {document['layout']}, "
        f"{document['empty']} of them empty, in {archive.path}"
    )
    for entry in document["skipped"][:_SHOWN]:
        console.say(f"skipped {entry['name']}: {entry['reason']}", style="yellow")
    if len(document["skipped"]) > _SHOWN:
        console.say(f"skipped {len(document['skipped']) - _SHOWN} more; see `gesta doctor`")
    console.say(f"protocols: {', '.join(document['protocols'])}")
    return document


def summary(archive: Archive) -> dict[str, Any]:
    """What an archive holds, as a JSON document."""
    return {
        "archive": str(archive.path),
        "dataset": archive.dataset,
        "layout": archive.layout.name,
        "clips": len(archive),
        "empty": int((archive.persons == 0).sum()),
        "classes": list(archive.classes),
        "protocols": list(archive.protocols),
        "skipped": [dict(entry) for entry in archive.skipped],
        "provenance": dict(archive.provenance),
    }
