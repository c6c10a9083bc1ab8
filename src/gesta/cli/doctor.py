"""``gesta doctor``: what is wrong with an archive, and what one should know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gesta.archive import Diagnosis, diagnose, open_archive
from gesta.cli.console import Console


@dataclass
class Arguments:
    """Check an archive: damage, leakage between the parts of its protocols, odd clips.

    Exits 1 where there is an error; notes alone are no failure.

    $ gesta doctor ucla.gesta --protocol cross_view
    """

    archive: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="ARCHIVE")]]
    """The archive's folder."""

    protocol: str | None = None
    """Check this protocol, or group of protocols such as "folds"; default: all the archive has."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Print the diagnosis of an archive and return it as a JSON document.

    Raises:
        ArchiveError: it cannot be opened at all.
        ProtocolError: it has no such protocol.
    """
    diagnosis = diagnose(open_archive(arguments.archive), arguments.protocol)
    for line in describe(diagnosis):
        console.say(line)
    if not diagnosis.healthy:
        console.exit_status = 1
    return diagnosis.to_dict()


def describe(diagnosis: Diagnosis) -> list[str]:
    """The lines that people read."""
    lines = [f"{diagnosis.archive}: {diagnosis.clips} clips"]
    lines += [f"  error  {finding.kind:<12} {finding.text}" for finding in diagnosis.errors]
    lines += [f"  note   {finding.kind:<12} {finding.text}" for finding in diagnosis.notes]
    verdict = "no errors" if diagnosis.healthy else f"{len(diagnosis.errors)} error(s)"
    return [*lines, f"{verdict}, {len(diagnosis.notes)} notes"]
