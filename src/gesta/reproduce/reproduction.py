"""The public way in: a target, data, and how thoroughly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gesta.reproduce.claims import reproduce_claims
from gesta.reproduce.pages import write_pages
from gesta.reproduce.places import open_archives
from gesta.reproduce.rgb import Block, Budget
from gesta.reproduce.runs import Workshop
from gesta.reproduce.settings import Settings
from gesta.reproduce.tables import reproduce_table
from gesta.reproduce.targets import find_target
from gesta.training import Observer


def reproduce(
    target: str,
    data: Sequence[str | Path],
    out: str | Path,
    *,
    budget: Budget = "gpu",
    seeds: Sequence[int] = (0,),
    protocol: str | None = None,
    runs: str | Path | None = None,
    jobs: int = 1,
    own: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
    context: str | Path | None = None,
    in_full: int = 2,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Reproduce a table of a paper, or judge its claims.

    Runs are kept by what they train: given again after a stop it goes on, and targets that
    share rows share their runs.

    Args:
        target: one of `list_targets`, such as "san/table-3".
        data: archives, the most important first.
        out: folder of the pages and, unless `runs` says otherwise, of the runs.
        budget: "paper", "gpu" or "cpu", see `BUDGETS`.
        seeds: of each row.
        protocol: instead of the usual ones.
        runs: folder of the runs; by default ``runs`` in `out`.
        jobs: runs trained at a time, each in a process of its own.
        own: recipe options for all rows, as a nested table.
        weights: ImageNet weights of EfficientNet-Lite0, with which models of RGB frames are
            pre-trained; results are then a block of their own, as with the next.
        context: context file that models of the scene read in place of a network of their own.
        in_full: with the budget "cpu": how many of a table's rows, those best on validation, are
            trained in full as well.
        observer: told how it goes.

    Returns:
        What was measured, as plain values; the same as in the JSON file.

    Raises:
        GestaError: an unknown target, data that cannot answer it, a run that cannot be done.
    """
    paper, table = find_target(target)
    folder = Path(out)
    kept = Path(runs) if runs is not None else folder / "runs"
    settings = Settings(
        tuple(open_archives(data)),
        Workshop(kept, jobs, observer or Observer()),
        budget,
        tuple(seeds),
        protocol,
        own or {},
        Block(_path(weights), _path(context)),
        in_full,
    )
    if table is None:
        document = reproduce_claims(paper, settings)
    else:
        document = reproduce_table(paper, table, settings)
    write_pages(document, folder)
    return document


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
