"""Drawings that can stand in a page, or one below the other in a picture of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gesta.report import svg
from gesta.report.colours import ALONE, literal
from gesta.report.draw import FIGURE_STYLE

ATTENTION_STYLE = """
.attention text { fill: var(--muted); font-size: 11px; font-family: inherit; }
.attention text.title { fill: var(--ink); font-size: 13px; font-weight: 600; }
.attention text.strong { fill: var(--ink); }
.attention text.middle { text-anchor: middle; } .attention text.end { text-anchor: end; }
.attention image { image-rendering: pixelated; }
.attention .floor { fill: var(--panel); }
.attention .rim { fill: none; stroke: var(--rule); }
.attention .pick { fill: none; stroke: var(--for); stroke-width: 1.6; }
.attention .query { fill: none; stroke: var(--ink); stroke-width: 2.2; }
.attention .at { stroke: var(--ink); stroke-width: 1.4; }
.attention .border-for { fill: none; stroke: var(--for); }
.attention .border-against { fill: none; stroke: var(--against); stroke-dasharray: 5 3; }
"""


@dataclass(frozen=True)
class Drawing:
    """A part of a picture.

    Args:
        title: what it shows, drawn above it and read by screen readers.
        width, height: in CSS pixels.
        marks: SVG elements.
    """

    title: str
    width: float
    height: float
    marks: tuple[str, ...]

    def picture(self) -> str:
        """The drawing for a page, which says its title itself."""
        return svg.picture(
            self.width,
            self.height,
            *self.marks,
            label=self.title,
            class_="figure attention",
        )


def stacked(drawings: Sequence[Drawing], label: str) -> str:
    """Drawings with their titles, one below the other, as a picture for a file of its own."""
    margin, gap, head = 16.0, 30.0, 24.0
    top, marks = margin, []
    for one in drawings:
        marks.append(svg.text(margin, top + 12, one.title, class_="title"))
        marks.append(
            svg.element(
                "svg", *one.marks, x=margin, y=top + head, width=one.width, height=one.height
            )
        )
        top += head + one.height + gap
    width = max((one.width for one in drawings), default=200.0) + 2 * margin
    return svg.picture(
        width,
        top,
        *marks,
        label=label,
        class_="figure attention",
        style=literal(ALONE + FIGURE_STYLE + ATTENTION_STYLE),
    )
