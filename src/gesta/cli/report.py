"""``gesta report``: the page of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gesta.cli.console import Console
from gesta.errors import RunError
from gesta.report.report import write_report


@dataclass
class Arguments:
    """Write the report of a run again: measures, curves, confusions and what mattered.

    $ gesta report runs/utd_mhad-cross_subject-st_gcn-joint-0 --explained-clips 200
    """

    run: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """The folder of a finished run, of a group of runs, or of fused scores."""

    data: Path | None = None
    """The archive with its clips; by default where they were when it was trained."""

    out: Path | None = None
    """The page to write; by default report.html in the run's folder."""

    explained_clips: int | None = None
    """On how many test clips mean importance and deletion curves are measured; by default as
    many as about a minute on two cores allows, 8 to 100."""

    device: str = "auto"
    """Where the model computes: auto, cpu or cuda."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Write the report and say where it is.

    Raises:
        RunError: the run is not finished, or the archive is another.
    """
    if arguments.explained_clips is not None and arguments.explained_clips < 1:
        raise RunError(f"--explained-clips: expected at least 1, found {arguments.explained_clips}")
    with console.progress("report") as progress:
        page = write_report(
            arguments.run,
            arguments.data,
            arguments.out,
            explained_clips=arguments.explained_clips,
            device=arguments.device,
            progress=lambda what, done, total: progress(done, total, what),
        )
    console.say(str(page))
    return {"page": str(page), "bytes": page.stat().st_size}
