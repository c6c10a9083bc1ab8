"""What a page says of the figures of a table: charts, confusion matrices, tables by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gesta.reproduce.page_parts import Chart, Grid, Picture

Document = Mapping[str, Any]


def charts(place: Document) -> list[Chart]:
    """Losses by epoch, and accuracy against what rows differ in."""
    found = []
    losses = place["curves"]
    if losses is not None:
        for part in ("training", "validation"):
            lines = {
                name: [
                    (epoch, loss, 0.0) for epoch, loss in enumerate(values, 1) if loss is not None
                ]
                for name, values in losses[part].items()
            }
            title = f"{losses['figure']}, {part} loss, {place['title']}"
            note = "Of the runs that have a validation part; the mean over folds and seeds."
            axes = ("epoch", f"{part} loss")
            found.append(Chart(title, note, axes, {n: p for n, p in lines.items() if p}))
    plot = place["plot"]
    if plot is not None:
        lines = {name: [(x, y, s) for x, y, s in points] for name, points in plot["lines"].items()}
        title = f"{plot['figure']}, {place['title']}"
        note = "Whiskers: one standard error, of the clips alone."
        found.append(Chart(title, note, (plot["axis"], "top-1, per cent"), lines))
    return [chart for chart in found if chart.lines]


def pictures(place: Document) -> list[Picture]:
    """The confusion matrices of a place."""
    return [_matrix(one, place["title"]) for one in place["confusions"]]


def summed_pictures(document: Document) -> list[Picture]:
    """Those summed over the protocols of a data set."""
    return [
        _matrix(one, f"{one['dataset']}, sum over {one['protocols']} protocols")
        for one in document["summed"]
    ]


def _matrix(one: Document, where: str) -> Picture:
    seeds = "" if one["seeds"] == 1 else f" The sum over {one['seeds']} seeds."
    return Picture(
        f"{one['figure']}, {where}",
        f"Confusion matrix of {one['row']} on the test clips.{seeds}",
        one["classes"],
        one["counts"],
    )


def by_class(place: Document) -> list[Grid]:
    """The classes that fall from one row to another, and those that are hardest for the first."""
    shown = place["by_class"]
    if shown is None:
        return []
    head = [shown["figure"], "clips", shown["base"], shown["row"], "difference"]
    return [
        Grid([f"{head[0]}: {title}", *head[1:]], [_class(*one) for one in shown[key]])
        for key, title in (("fallen", "classes that fall"), ("hardest", "the hardest classes"))
    ]


def _class(name: str, clips: int, base: float, row: float) -> list[str]:
    return [name, str(clips), f"{base:.1f}", f"{row:.1f}", f"{row - base:+.1f}"]
