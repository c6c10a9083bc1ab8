"""The frames that one frame attends to most, head by head (Cho et al., 2020, Figure 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.report import svg
from gesta.report.attention_maps import SHADE
from gesta.report.draw import Pen, figure, panel_width, spread
from gesta.report.drawing import Drawing
from gesta.report.projection import Box, Points
from gesta.report.raster import shades
from gesta.skeleton import Layout

PICKS = 3
_LABEL, _GAP, _FOOT, _WIDEST = 58.0, 6.0, 15.0, 1060.0


@dataclass(frozen=True, eq=False)
class Asked:
    """What one frame attends to in the last layer.

    Args:
        weights: (H, T) by head and key.
        frames: (T,) the clip's frames that the model's frames are read at.
        valid: (T,) frames in which the person is.
        query: which of the T asks.
    """

    weights: NDArray[np.float32]
    frames: NDArray[np.float32]
    valid: NDArray[np.bool_]
    query: int

    @property
    def even(self) -> float:
        """The weight of each frame, were all that may be attended alike."""
        return 1 / max(int(self.valid.sum()), 1)

    def picks(self, head: int, count: int = PICKS) -> list[int]:
        """The frames with the largest weights, in time order.

        They are at least a tenth of the frames apart, and no neighbours, which look alike.
        """
        apart = max(2, len(self.frames) // 10)
        chosen: list[int] = []
        for index in np.argsort(-self.weights[head], kind="stable").tolist():
            if all(abs(index - other) >= apart for other in chosen) and self.valid[index]:
                chosen.append(index)
        return sorted(chosen[:count])


def picked_frames(points: Points, layout: Layout, asked: Asked, title: str) -> Drawing:
    """The clip with the frame that asks, and for each head its weights and strongest frames.

    Args:
        points: (M, T', V, 2) from `project`; T' frames of the clip.
        layout: the skeleton.
        asked: what is drawn.
        title: what it is of.
    """
    check_shape("points", points, "M T V C", V=len(layout), C=2)
    strip = _Strip(points, layout, Box.around(points), asked)
    marks = strip.clip(_LABEL)
    top = strip.tall + _FOOT + 34
    marks += [
        svg.text(_LABEL, top - 12, "weights over the clip"),
        svg.text(
            strip.picks_at,
            top - 12,
            f"frames with the largest weights (even: {100 * asked.even:.1f} %)",
        ),
    ]
    for head in range(len(asked.weights)):
        marks += strip.head(head, top)
        top += strip.small + _FOOT + _GAP
    return Drawing(title, strip.width, top, tuple(marks))


class _Strip:
    """Places and sizes of the parts of the picture."""

    tall, small = 118.0, 72.0

    def __init__(self, points: Points, layout: Layout, box: Box, asked: Asked) -> None:
        self.points, self.layout, self.box, self.asked = points, layout, box, asked
        self.wide = max(84.0, panel_width(box, self.tall))
        self.slim = max(84.0, panel_width(box, self.small))
        self.bar = min(620.0, _WIDEST - _LABEL - 34 - PICKS * (self.slim + _GAP))
        self.picks_at = _LABEL + self.bar + 24
        self.width = self.picks_at + PICKS * (self.slim + _GAP) + 10

    def clip(self, left: float) -> list[str]:
        """Frames of the clip, evenly spread over those with the person, with the one that asks."""
        query, there = self.asked.query, np.flatnonzero(self.asked.valid).tolist()
        fit = max(4, int((self.width - left) / (self.wide + _GAP)))
        shown = [there[place] for place in spread(len(there), min(8, fit))]
        nearest = min(range(len(shown)), key=lambda place: abs(shown[place] - query))
        shown[nearest] = query
        marks = [svg.text(0, self.tall / 2, "clip", class_="strong")]
        for column, index in enumerate(shown):
            x = left + column * (self.wide + _GAP)
            kind = "query" if index == query else None
            word = "asks: frame" if index == query else "frame"
            marks += self._panel(index, (x, 0), self.tall, f"{word} {self._frame(index)}", kind)
        return marks

    def head(self, head: int, top: float) -> list[str]:
        """One head: its weights along the clip, and the frames it picks."""
        weights, count = self.asked.weights[head], len(self.asked.frames)
        cell, picks = self.bar / count, self.asked.picks(head)
        y, tall = top + self.small / 2 - 12, 24.0
        middle = _LABEL + (self.asked.query + 0.5) * cell
        marks = [
            svg.text(0, y + 16, f"head {head + 1}", class_="strong"),
            svg.rect(_LABEL, y, self.bar, tall, class_="floor"),
            svg.element(
                "image",
                href=shades(weights[None] / max(float(weights.max()), 1e-9), SHADE),
                x=_LABEL,
                y=y,
                width=self.bar,
                height=tall,
                preserveAspectRatio="none",
            ),
            svg.line(middle, y - 7, middle, y + tall + 7, class_="at"),
        ]
        for place, index in enumerate(picks):
            marks.append(svg.rect(_LABEL + index * cell, y - 2, cell, tall + 4, class_="pick"))
            x = self.picks_at + place * (self.slim + _GAP)
            note = f"frame {self._frame(index)}: {100 * weights[index]:.1f} %"
            marks += self._panel(index, (x, top), self.small, note, "pick")
        return marks

    def _frame(self, index: int) -> int:
        return min(round(float(self.asked.frames[index])), self.points.shape[1] - 1)

    def _panel(
        self, index: int, at: tuple[float, float], height: float, note: str, kind: str | None
    ) -> list[str]:
        wide = self.wide if height == self.tall else self.slim
        placed = self.box.place(self.points[:, self._frame(index)], wide, height)
        x, y = at
        marks = [
            svg.element(
                "svg",
                svg.rect(0, 0, wide, height, rx=4, class_="panel"),
                figure(placed, self.layout, Pen.of_height(height)),
                x=x,
                y=y,
                width=wide,
                height=height,
            ),
            svg.text(x + wide / 2, y + height + 12, note, class_="frame"),
        ]
        if kind is not None:
            marks.append(svg.rect(x + 1, y + 1, wide - 2, height - 2, rx=4, class_=kind))
        return marks
