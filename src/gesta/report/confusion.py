"""The confusion matrix as SVG: rows are true classes, shades are shares of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.report import svg

CONFUSION_STYLE = """
.confusion text { fill: var(--ink); font-size: 11px; font-family: inherit; }
.confusion.tight text { font-size: 10px; }
.confusion .right { fill: var(--left); } .confusion .wrong { fill: var(--wrong); }
.confusion .floor { fill: var(--panel); } .confusion .lines { stroke: var(--paper); fill: none; }
.confusion text.on { fill: #fff; text-anchor: middle; pointer-events: none; }
.confusion text.over { text-anchor: middle; pointer-events: none; }
.confusion .cell:hover { stroke: var(--ink); stroke-width: 1.5; }
@media (prefers-color-scheme: dark) { .confusion text.on { fill: #0b0d10; } }
"""
# Beyond so many classes, a row would be thinner than its name.
MOST_CLASSES = 60
SHOWN_OF_MANY = 40


@dataclass(frozen=True)
class Table:
    """A confusion matrix as it is shown.

    Args:
        counts: (Y', Y'') clips; rows of the classes shown, columns of the classes and "others".
        rows, columns: their names.
        places: for each row the column of its own class.
        note: which classes are shown, empty where all are.
    """

    counts: NDArray[np.int64]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    places: tuple[int, ...]
    note: str = ""


def worst_part(counts: NDArray[np.int64], classes: Sequence[str]) -> Table:
    """The whole matrix, or of more than 60 classes the 40 with the lowest recall.

    Args:
        counts: (Y, Y) clips of the row's class taken for the column's.
        classes: Y names.
    """
    check_shape("confusion matrix", counts, "Y Y", Y=len(classes))
    if len(classes) <= MOST_CLASSES:
        names = tuple(classes)
        return Table(counts, names, names, tuple(range(len(names))))
    clips = counts.sum(axis=1)
    recall = np.where(clips > 0, np.diag(counts) / np.maximum(clips, 1), np.inf)
    chosen = np.sort(np.argsort(recall, kind="stable")[:SHOWN_OF_MANY])
    part = counts[np.ix_(chosen, chosen)]
    others = counts[chosen].sum(axis=1) - part.sum(axis=1)
    names = tuple(classes[i] for i in chosen)
    note = (
        f"The {len(names)} classes with the lowest recall of {len(classes)}; the last column "
        "holds what was taken for any other class."
    )
    return Table(
        np.column_stack([part, others]),
        names,
        (*names, "others"),
        tuple(range(len(names))),
        note,
    )


def confusion_picture(table: Table, width: float = 1040) -> str:
    """Draw a confusion matrix; hovering over a cell tells its count and share.

    Args:
        table: from `worst_part`.
        width: the widest it may be, in CSS pixels.
    """
    longest = 6.3 * max((len(_brief(name)) for name in table.columns), default=0)
    left = 14.0 + longest
    cell = min(34.0, max(11.0, (width - left - 0.72 * longest) / max(len(table.columns), 1)))
    # Names above stand at 45 degrees where lines of text have room beside each other so, which
    # takes 0.71 of their length; upright where cells are narrow.
    angle = 45 if cell > 17 else 90
    head, side = (12 + 0.72 * longest, 0.72 * longest) if angle == 45 else (12 + longest, 4.0)
    top = head
    size_x, size_y = cell * len(table.columns), cell * len(table.rows)
    parts = [svg.rect(left, top, size_x, size_y, class_="floor")]
    parts.append(_rules(table, left, top, cell))
    parts += [_row(table, row, (left, top, cell)) for row in range(len(table.rows))]
    parts += [
        svg.text(left - 8, top + (row + 0.5) * cell + 4, _brief(name), text_anchor="end")
        for row, name in enumerate(table.rows)
    ]
    for column, name in enumerate(table.columns):
        x, y = left + (column + 0.5) * cell + (3 if angle == 45 else 3.5), top - 6
        turn = f"rotate(-{angle} {svg.number(x)} {svg.number(y)})"
        parts.append(svg.text(x, y, _brief(name), transform=turn))
    return svg.picture(
        left + size_x + side,
        top + size_y + 2,
        *parts,
        label="confusion matrix: rows true classes, columns predicted classes",
        class_="confusion" if cell > 13 else "confusion tight",
    )


def _brief(name: str, longest: int = 26) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "\u2026"


def _rules(table: Table, left: float, top: float, cell: float) -> str:
    columns, rows = len(table.columns), len(table.rows)
    steps = [
        f"M{svg.number(left + i * cell)} {svg.number(top)}v{svg.number(rows * cell)}"
        for i in range(columns + 1)
    ]
    steps += [
        f"M{svg.number(left)} {svg.number(top + i * cell)}h{svg.number(columns * cell)}"
        for i in range(rows + 1)
    ]
    return svg.element("path", d="".join(steps), class_="lines")


def _row(table: Table, row: int, place: tuple[float, float, float]) -> str:
    left, top, cell = place
    counts = table.counts[row]
    total = int(counts.sum())
    marks = []
    for column in np.flatnonzero(counts).tolist():
        count, own = int(counts[column]), column == table.places[row]
        share = count / total
        title = (
            f"{table.rows[row]} \u2192 {table.columns[column]}: {count} of {total} "
            f"({100 * share:.1f} %)"
        )
        x, y = left + column * cell, top + row * cell
        marks.append(
            svg.element(
                "rect",
                svg.element("title", svg.text_of(title)),
                x=x + 0.5,
                y=y + 0.5,
                width=cell - 1,
                height=cell - 1,
                # Few clips of many must still be seen: shades begin at a fifth.
                fill_opacity=0.2 + 0.8 * share,
                class_="cell right" if own else "cell wrong",
            )
        )
        if cell >= 20:
            kind = "on" if share > 0.55 else "over"
            marks.append(svg.text(x + cell / 2, y + cell / 2 + 4, count, class_=kind))
    return svg.element("g", *marks) if marks else ""


def worst_pairs(counts: NDArray[np.int64], most: int = 3) -> list[tuple[int, int, int]]:
    """The most frequent confusions as (true class, predicted class, clips).

    Sorted by the number of clips, ties by the order of the classes.
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), counts.shape[1]) for place in order]
    return [(true, said, int(wrong[true, said])) for true, said in pairs if wrong[true, said]]
