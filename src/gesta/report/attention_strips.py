"""Joints coloured and sized by their weight, frames bordered by theirs (Wang, 2019, Figure 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.report import svg
from gesta.report.draw import Pen, figure, panel_width, spread
from gesta.report.drawing import Drawing
from gesta.report.projection import Box, Points
from gesta.skeleton import Layout

_GAP, _FOOT, _BAR, _LEFT = 8.0, 18.0, 46.0, 4.0
_THICK = 7.0


@dataclass(frozen=True, eq=False)
class Weighed:
    """The weights of a clip's joints and frames, with their signs.

    Args:
        frames: (T,) the clip's frames that the model's frames are read at.
        joint_weights: (T, P, V) of the first P persons, None where joints have none.
        frame_weights: (T, P), None where frames have none; pictures show the person whose
            weights are the largest.
    """

    frames: NDArray[np.float32]
    joint_weights: NDArray[np.float32] | None
    frame_weights: NDArray[np.float32] | None

    def scaled(self) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Joint weights, and frame weights (T,), over their largest size or 1, if that is more."""
        joints, frames = self.joint_weights, self.frame_weights
        if joints is not None:
            joints = joints / max(1.0, float(np.abs(joints).max(initial=0)))
        if frames is not None:
            frames = largest(frames)
            frames = frames / max(1.0, float(np.abs(frames).max(initial=0)))
        return joints, frames


def largest(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T,) of weights (T, P) in each frame the one furthest from zero."""
    best = np.abs(weights).argmax(axis=1)
    return weights[np.arange(len(weights)), best]


def signed(weight: float) -> str:
    """A weight with its sign, as it is printed."""
    return f"{weight:+.2f}".replace("-", "\u2212")


def strongest(weights: NDArray[np.float32], layout: Layout, count: int = 6) -> str:
    """The joints whose weights (T, P, V) are the furthest from zero, with these."""
    flat = weights.reshape(-1, weights.shape[-1])
    own = flat[np.abs(flat).argmax(axis=0), np.arange(flat.shape[1])]
    order = np.argsort(-np.abs(own), kind="stable")[:count]
    return ", ".join(
        f"{layout.joints[joint].replace('_', ' ')} {signed(own[joint])}" for joint in order
    )


def weighed_strip(
    points: Points,
    layout: Layout,
    weighed: Weighed,
    title: str,
    *,
    count: int = 8,
    height: float = 150,
    widest: float = 1040,
) -> Drawing:
    """Frames of a clip; discs are joints, borders frames, both larger the larger the weight.

    Args:
        points: (M, T', V, 2) from `project`; T' frames of the clip.
        layout: the skeleton.
        weighed: what is drawn.
        title: what it is of.
        count: frames at most.
        height: of a panel, in CSS pixels.
        widest: of the strip; where panels are wide, it shows fewer frames, but at least four.
    """
    sizes = check_shape("points", points, "M T V C", V=len(layout), C=2)
    box = Box.around(points)
    wide = max(104.0, panel_width(box, height))
    fit = max(4, int((widest + _GAP) / (wide + _GAP)))
    chosen = spread(len(weighed.frames), min(count, fit))
    joints, frames = weighed.scaled()
    marks: list[str] = []
    for column, index in enumerate(chosen):
        frame = min(round(float(weighed.frames[index])), sizes["T"] - 1)
        own = None if joints is None else _of_persons(joints[index], sizes["M"])
        placed = box.place(points[:, frame], wide, height)
        x = _LEFT + column * (wide + _GAP)
        body = figure(placed, layout, Pen.of_height(height), own, shaded=True)
        marks.append(
            svg.element(
                "svg",
                svg.rect(0, 0, wide, height, rx=4, class_="panel"),
                body,
                x=x,
                y=_LEFT,
                width=wide,
                height=height,
            )
        )
        note = f"frame {frame}"
        if frames is not None and weighed.frame_weights is not None:
            marks.append(_border(float(frames[index]), (x, _LEFT), (wide, height)))
            note += f": {signed(largest(weighed.frame_weights)[index])}"
        marks.append(svg.text(x + wide / 2, height + _LEFT + 15, note, class_="frame"))
    total = _LEFT + len(chosen) * (wide + _GAP)
    bottom = height + _LEFT + _FOOT
    if frames is not None:
        marks += _bars(frames, (_LEFT, bottom + 4), total - _LEFT - _GAP)
        bottom += _BAR + 8
    if weighed.joint_weights is not None:
        names = strongest(weighed.joint_weights, layout)
        marks.append(svg.text(_LEFT, bottom + 14, f"largest joint weights: {names}"))
        bottom += 20
    return Drawing(title, total, bottom, tuple(marks))


def _of_persons(weights: NDArray[np.float32], persons: int) -> NDArray[np.float32]:
    """(M, V): those whom the model does not see have no weights."""
    found = np.zeros((persons, weights.shape[1]), np.float32)
    found[: len(weights)] = weights[:persons]
    return found


def _border(weight: float, at: tuple[float, float], size: tuple[float, float]) -> str:
    kind = "border-for" if weight >= 0 else "border-against"
    thick = max(0.4, _THICK * abs(weight))
    return svg.rect(
        at[0] + thick / 2,
        at[1] + thick / 2,
        size[0] - thick,
        size[1] - thick,
        rx=4,
        class_=kind,
        stroke_width=thick,
    )


def _bars(frames: NDArray[np.float32], at: tuple[float, float], wide: float) -> list[str]:
    """A bar for each of the model's frames, from the first to the last."""
    left, top = at
    middle, half, step = top + _BAR / 2, _BAR / 2 - 2, wide / len(frames)
    marks = [svg.line(left, middle, left + wide, middle, class_="axis")]
    for index, weight in enumerate(frames.tolist()):
        size = abs(weight) * half
        y = middle - size if weight > 0 else middle
        kind = "bar-for" if weight > 0 else "bar-against"
        marks.append(svg.rect(left + index * step + 0.5, y, step - 1, size, class_=kind))
    return marks
