"""A table of numbers as shades around a middle value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.report import svg
from gesta.report.colours import ALONE, literal

HEAT_STYLE = """
.heat text { fill: var(--ink); font-size: 11px; font-family: inherit; }
.heat .more { fill: var(--for); } .heat .less { fill: var(--against); }
.heat .floor { fill: var(--panel); } .heat text.head { fill: var(--muted); text-anchor: middle; }
.heat text.value { text-anchor: middle; font-size: 10px; pointer-events: none; }
"""


def heat_table(
    values: NDArray[np.float64],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    middle: float,
    title: str,
    standalone: bool = False,
) -> str:
    """Draw (R, S) values; what is above the middle in one hue, what is below in another.

    Args:
        values: the numbers, written in each cell.
        rows, columns: their names.
        middle: what gets no shade; the farthest value from it gets the full one.
        title: what the columns are.
        standalone: with its own style, for a file of its own.
    """
    check_shape("values", values, "R S", R=len(rows), S=len(columns))
    left = 16.0 + 6.2 * max((len(name) for name in rows), default=0)
    top, wide, tall = 36.0, 38.0, 20.0
    farthest = float(np.abs(values - middle).max(initial=0)) or 1.0
    parts = [svg.text(left + wide * len(columns) / 2, 12, title, class_="head")]
    parts += [
        svg.text(left + (column + 0.5) * wide, 29, name, class_="head")
        for column, name in enumerate(columns)
    ]
    for row, name in enumerate(rows):
        y = top + row * tall
        parts.append(svg.text(left - 8, y + 14, name, text_anchor="end"))
        for column in range(len(columns)):
            value = float(values[row, column])
            x, shade = left + column * wide, abs(value - middle) / farthest
            parts.append(svg.rect(x + 0.5, y + 0.5, wide - 1, tall - 1, class_="floor"))
            kind = "more" if value > middle else "less"
            opacity = round(0.6 * shade, 3)
            parts.append(
                svg.rect(x + 0.5, y + 0.5, wide - 1, tall - 1, fill_opacity=opacity, class_=kind)
            )
            parts.append(svg.text(x + wide / 2, y + 14, f"{value:.2f}", class_="value"))
    return svg.picture(
        left + wide * len(columns) + 2,
        top + tall * len(rows) + 2,
        *parts,
        label=f"table by {title}",
        class_="heat",
        style=literal(ALONE + HEAT_STYLE) if standalone else "",
    )
