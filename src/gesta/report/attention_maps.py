"""Every head of every layer, frame against frame (Cho et al., 2020, Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.report import svg
from gesta.report.drawing import Drawing
from gesta.report.raster import shades

# Seen on light and on dark paper alike, as the shade of an image cannot follow the page.
SHADE = "#2b86d9"
_LEFT, _TOP, _GAP, _FOOT = 74.0, 22.0, 10.0, 16.0


@dataclass(frozen=True, eq=False)
class HeadMaps:
    """The attention of one person in one stretch of frames.

    Args:
        weights: (L, H, T, T) by layer, head, query and key; each query's add up to 1.
        frames: (T,) the clip's frames that the model's frames are read at.
        valid: (T,) frames in which the person is.
    """

    weights: NDArray[np.float32]
    frames: NDArray[np.float32]
    valid: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check that the sizes go together."""
        sizes = check_shape("weights", self.weights, "L H T S", S=len(self.frames))
        check_shape("frames", self.frames, "T", T=sizes["T"])
        check_shape("valid", self.valid, "T", T=sizes["T"])

    @property
    def ratio(self) -> NDArray[np.float32]:
        """(L, H, T, T) weights over those of a query that attends to all frames alike."""
        return self.weights * max(int(self.valid.sum()), 1)

    @property
    def full(self) -> float:
        """The ratio that is drawn with the full shade: at least 2, at most the 99th percentile."""
        asked = self.ratio[:, :, self.valid][..., self.valid]
        return max(2.0, float(np.percentile(asked, 99))) if asked.size else 2.0

    @property
    def spread(self) -> NDArray[np.float32]:
        """(L, H) how many frames a query spreads over: exp of the mean entropy of its weights."""
        asked = self.weights[:, :, self.valid][..., self.valid].astype(np.float64)
        if not asked.size:
            return np.zeros(self.weights.shape[:2], np.float32)
        entropy = -(asked * np.log(np.maximum(asked, 1e-30))).sum(axis=-1).mean(axis=-1)
        return np.exp(entropy).astype(np.float32)


def head_maps(found: HeadMaps, title: str, *, width: float = 1040) -> Drawing:
    """Layers below each other, heads side by side; queries down, keys across.

    All maps share one scale, in multiples of attention that is even over the frames. Frames in
    which the person is not are left blank.

    Args:
        found: what is drawn.
        title: what it is of.
        width: at most, in CSS pixels.
    """
    layers, heads = found.weights.shape[:2]
    side = min(150.0, (width - _LEFT) / heads - _GAP)
    marks = [
        svg.text(_LEFT + head * (side + _GAP) + side / 2, 12, f"head {head + 1}", class_="middle")
        for head in range(heads)
    ]
    opacity, full, spread = found.ratio / found.full, found.full, found.spread
    opacity = opacity * found.valid[:, None] * found.valid
    for layer in range(layers):
        top = _TOP + layer * (side + _GAP + _FOOT)
        marks.append(_upright(12, top + side / 2, f"layer {layer + 1}"))
        marks += _ends(found, (_LEFT - 5, top), side, upright=True)
        for head in range(heads):
            left = _LEFT + head * (side + _GAP)
            note = f"over {spread[layer, head]:.1f} frames"
            marks += _map(opacity[layer, head], (left, top), side)
            marks.append(svg.text(left + side / 2, top + side + 12, note, class_="middle"))
    bottom = _TOP + layers * (side + _GAP + _FOOT)
    for head in range(heads):
        marks += _ends(found, (_LEFT + head * (side + _GAP), bottom), side, upright=False)
    middle = _TOP + (bottom - _TOP - _GAP - _FOOT) / 2
    marks.append(_upright(30, middle, "frame that asks (query), downwards"))
    right = _LEFT + heads * (side + _GAP) - _GAP
    across = (_LEFT + right) / 2
    marks.append(svg.text(across, bottom + 28, "frame that is attended to (key)", class_="middle"))
    marks += _scale(full, len(found.frames), (_LEFT, bottom + 44))
    return Drawing(title, max(right, _LEFT + 430) + 8, bottom + 78, tuple(marks))


def _map(opacity: NDArray[np.float32], at: tuple[float, float], side: float) -> list[str]:
    left, top = at
    return [
        svg.rect(left, top, side, side, class_="floor"),
        svg.element(
            "image",
            href=shades(opacity, SHADE),
            x=left,
            y=top,
            width=side,
            height=side,
            preserveAspectRatio="none",
        ),
        svg.rect(left, top, side, side, class_="rim"),
    ]


def _ends(found: HeadMaps, at: tuple[float, float], side: float, *, upright: bool) -> Sequence[str]:
    """The clip's frames at both ends of an axis."""
    first, last = (f"{found.frames[index]:.0f}" for index in (0, -1))
    left, top = at
    if upright:
        return (
            svg.text(left, top + 9, first, class_="end"),
            svg.text(left, top + side, last, class_="end"),
        )
    return (svg.text(left, top + 10, first), svg.text(left + side, top + 10, last, class_="end"))


def _upright(x: float, y: float, text: str) -> str:
    turn = f"rotate(-90 {svg.number(x)} {svg.number(y)})"
    return svg.text(x, y, text, class_="middle", transform=turn)


def _scale(full: float, frames: int, at: tuple[float, float]) -> list[str]:
    """The shades with what they stand for."""
    left, top = at
    wide, tall = 240.0, 10.0
    ramp = np.linspace(0, 1, 90, dtype=np.float32)[None]
    even = left + wide / full
    return [
        svg.element(
            "image",
            href=shades(ramp, SHADE),
            x=left,
            y=top,
            width=wide,
            height=tall,
            preserveAspectRatio="none",
        ),
        svg.rect(left, top, wide, tall, class_="rim"),
        svg.line(even, top - 3, even, top + tall + 3, class_="at"),
        svg.text(left, top + tall + 13, "0"),
        svg.text(even, top + tall + 13, "even", class_="middle strong"),
        svg.text(left + wide, top + tall + 13, f"\u2265 {full:.1f} × even", class_="end"),
        svg.text(
            left + wide + 14,
            top + tall,
            f"weight of a frame; even: the same for all {frames}",
        ),
    ]
