"""Reproducing a table: every row of it trained, and set beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gesta.reproduce.figures import figures, summed
from gesta.reproduce.measured import Measured, best_of, measure, wanted, wanted_in_full
from gesta.reproduce.outcome import RESAMPLES
from gesta.reproduce.paper import Paper, Row, Table
from gesta.reproduce.places import places_for, why_not
from gesta.reproduce.plan import Place, check_own
from gesta.reproduce.runs import Wanted
from gesta.reproduce.settings import BUDGETS, Settings

Document = dict[str, Any]
UNLEARNT = "hardly above chance"


def reproduce_table(paper: Paper, table: Table, settings: Settings) -> Document:
    """Train every row of a table, those that are there already left as they are.

    Args:
        paper, table: what.
        settings: on what, how thoroughly.

    Returns:
        Plain values that the pages are made of, see `gesta.reproduce.pages`.

    Raises:
        GestaError: no archive can answer it, or a run cannot be carried out.
    """
    places = places_for(table, settings.archives, settings.protocol)
    check_own(settings.own, table.own_rows)
    plan = {
        (place.title, row.name): wanted(row, place, paper, settings)
        for place in places
        for row in _answerable(table, place)
    }
    settings.workshop.carry_out(plan.values())
    measured = [_at(place, paper, table, plan, settings) for place in places]
    return {
        "target": f"{paper.name}/{table.name}",
        **settings.block.described(),
        "kind": "table",
        "paper": {"title": paper.title, "citation": paper.citation},
        "title": table.title,
        "budget": settings.budget,
        "schedule": BUDGETS[settings.budget],
        "seeds": list(settings.seeds),
        "own": dict(settings.own),
        "base": table.base,
        "notes": list(table.notes),
        "resamples": RESAMPLES,
        "columns": [asdict(column) for column in table.columns],
        "rows": [_described(row, table) for row in table.rows],
        "places": measured,
        "summed": summed(measured),
    }


def _answerable(table: Table, place: Place) -> list[Row]:
    return [row for row in table.own_rows if why_not(row, place, table) is None]


def _described(row: Row, table: Table) -> Document:
    return {
        "name": row.name,
        "quoted": row.quoted,
        "model": row.model,
        "stream": row.stream,
        "starts": list(row.starts),
        "cost": list(row.cost),
        "changes": {section: dict(options) for section, options in row.changes.items()},
        "paper": list(row.paper),
        "base": None if row.quoted else row.base or table.base,
    }


def _at(
    place: Place,
    paper: Paper,
    table: Table,
    plan: Mapping[tuple[str, str], Wanted],
    settings: Settings,
) -> Document:
    skipped = {
        row.name: why
        for row in table.own_rows
        if (
            why := why_not(row, place, table)
            or settings.workshop.why_not(plan[place.title, row.name])
        )
    }
    rows = {
        row.name: measure(row, place, plan[place.title, row.name], settings)
        for row in table.own_rows
        if row.name not in skipped
    }
    document: Document = {
        "dataset": place.dataset,
        "protocol": place.protocol,
        "title": place.title,
        "same": is_same(place, table),
        "note": place.note,
        "skipped": skipped,
        "rows": {name: _numbers(one, rows, table) for name, one in rows.items()},
        **figures(table, rows),
    }
    if settings.budget == "cpu" and settings.in_full:
        best = best_of(list(rows.values()), settings.in_full)
        document["full"] = _in_full(best, paper, table, settings)
    return document


def _numbers(
    one: Measured, rows: Mapping[str, Measured], table: Table, otherwise: str = ""
) -> Document:
    base = one.row.base or table.base
    base = base if base in rows else otherwise
    numbers = one.numbers()
    if base != one.row.name and base in rows:
        numbers["difference"] = one.above(rows[base])
        learnt = one.has_learnt and rows[base].has_learnt
        order = compare_order(table, one.row.name, base, numbers["difference"])
        numbers["order"] = order if learnt else UNLEARNT
    return numbers


def compare_order(table: Table, row: str, base: str, found: Mapping[str, float]) -> str:
    """Whether two rows stand in the same order here as in the paper.

    Returns:
        "agrees", "contradicts", "too small to tell" (our interval holds 0), or "" where the
        paper's columns differ among themselves or it has no numbers.
    """
    numbers = zip(table.row(row).paper, table.row(base).paper, strict=True)
    gaps = [a - b for a, b in numbers if a is not None and b is not None]
    if not gaps or not (all(gap > 0 for gap in gaps) or all(gap < 0 for gap in gaps)):
        return ""
    if found["low"] <= 0 <= found["high"]:
        return "too small to tell"
    return "agrees" if (gaps[0] > 0) == (found["low"] > 0) else "contradicts"


def is_same(place: Place, table: Table) -> bool:
    """Whether a place is one of the paper's own, however its clips are counted.

    NTU RGB+D is published with the clips that show nobody (``cross_subject_all``) and without.
    """
    found = (place.dataset, place.protocol.removesuffix("_all"))
    return any(found == (column.dataset, column.protocol) for column in table.columns)


def _in_full(
    best: Sequence[Measured], paper: Paper, table: Table, settings: Settings
) -> dict[str, Document]:
    """The best rows of a screening, trained in full."""
    runs = {one.row.name: wanted_in_full(one.row, one.place, paper, settings) for one in best}
    settings.workshop.carry_out(runs.values())
    rows = {
        one.row.name: measure(one.row, one.place, runs[one.row.name], settings)
        for one in best
        if not settings.workshop.why_not(runs[one.row.name])
    }
    # Where the table's base is not one of the two, the best is compared with the other.
    return {name: _numbers(one, rows, table, best[-1].row.name) for name, one in rows.items()}
