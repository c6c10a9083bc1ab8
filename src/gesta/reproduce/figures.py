"""Figures that papers draw of a table's rows, as plain values for pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.reproduce.measured import Measured
from gesta.reproduce.outcome import confusion_of, singles
from gesta.reproduce.paper import ByClass, Plot, Table

Document = dict[str, Any]
Rows = Mapping[str, Measured]
HARDEST = 6


def figures(table: Table, rows: Rows) -> Document:
    """The figures of a table at a place, those whose rows are there.

    Returns:
        ``confusions``, ``curves``, ``plot`` and ``by_class``; the last three None where the paper
        has no such figure or its rows are not measured.
    """
    both = table.by_class
    return {
        "confusions": [
            confusion(rows[row], figure) for row, figure in table.confusions if row in rows
        ],
        "curves": curves(list(rows.values()), table.curves) if table.curves else None,
        "plot": plotted(table.plot, rows) if table.plot else None,
        "by_class": by_class(both, rows) if both and {both.base, both.row} <= set(rows) else None,
    }


def confusion(one: Measured, figure: str) -> Document:
    """A row's confusion matrix, summed over its runs."""
    counts, classes = confusion_of(one.runs)
    return {
        "figure": figure,
        "row": one.row.name,
        "classes": list(classes),
        "counts": counts.tolist(),
        "seeds": len(one.runs),
    }


def summed(places: Sequence[Document]) -> list[Document]:
    """Confusion matrices summed over the protocols of a data set, where there are several."""
    found: dict[tuple[str, str], list[Document]] = {}
    for place in places:
        for one in place["confusions"]:
            found.setdefault((place["dataset"], one["row"]), []).append(one)
    return [
        {**parts[0], "dataset": dataset, "counts": _sum(parts).tolist(), "protocols": len(parts)}
        for (dataset, _), parts in found.items()
        if len(parts) > 1
    ]


def _sum(parts: Sequence[Document]) -> NDArray[np.int64]:
    return np.sum([one["counts"] for one in parts], axis=0, dtype=np.int64)


def curves(rows: Sequence[Measured], figure: str) -> Document:
    """The training and validation loss of each row by epoch, the mean over folds and seeds."""
    found = {one.row.name: _losses(one) for one in rows}
    return {
        "figure": figure,
        "training": {name: losses[0] for name, losses in found.items()},
        "validation": {name: losses[1] for name, losses in found.items()},
    }


def _losses(one: Measured) -> tuple[list[float | None], list[float | None]]:
    histories = [single.history for run in one.choosing for single in singles(run)]
    training, validation = [], []
    for epoch in range(max(map(len, histories))):
        records = [history[epoch] for history in histories if epoch < len(history)]
        training.append(_mean([record.train_loss for record in records]))
        validation.append(
            _mean([r.validation_loss for r in records if r.validation_loss is not None])
        )
    return training, validation


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def plotted(plot: Plot, rows: Rows) -> Document | None:
    """Accuracy against what rows differ in, with the standard error that clips alone give."""
    lines = {}
    for name, points in plot.lines.items():
        there = [(x, rows[row].outcome.right.mean(0)) for x, row in points if row in rows]
        if there:
            lines[name] = [
                [x, 100 * float(right.mean()), 100 * float(right.std() / math.sqrt(len(right)))]
                for x, right in there
            ]
    return {"figure": plot.figure, "axis": plot.axis, "lines": lines} if lines else None


def by_class(wanted: ByClass, rows: Rows) -> Document:
    """Accuracy by class of two rows: of the classes that fall, and of those hardest for the base.

    Returns:
        ``fallen`` and ``hardest``: lists of class, clips, and per cent by base and by row.
    """
    tables = []
    for name in (wanted.base, wanted.row):
        counts, classes = confusion_of(rows[name].runs)
        clips = counts.sum(1)
        tables.append(100 * np.diag(counts) / np.maximum(clips, 1))
    base, other = tables
    there = np.flatnonzero(clips)
    fallen = there[other[there] < base[there]]
    fallen = fallen[np.argsort((other - base)[fallen], kind="stable")]
    hardest = there[np.argsort(base[there], kind="stable")][:HARDEST]

    def listed(chosen: NDArray[np.int64]) -> list[list[Any]]:
        return [[classes[i], int(clips[i]), float(base[i]), float(other[i])] for i in chosen]

    return {
        "figure": wanted.figure,
        "base": wanted.base,
        "row": wanted.row,
        "fallen": listed(fallen),
        "hardest": listed(hardest),
    }
