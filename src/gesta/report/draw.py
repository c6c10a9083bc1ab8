"""Skeletons as SVG: one frame, or a filmstrip of a clip.

Left limbs are blue, right limbs orange (a pair that the colour-blind tell apart, after Okabe
and Ito), the middle of the body grey. In a page, colours are its CSS variables, so that its dark
and light dress serve its pictures; a picture for a file of its own carries them itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.report import svg
from gesta.report.colours import ALONE, literal
from gesta.report.projection import Box, Points
from gesta.skeleton import Layout

Weights = NDArray[np.float64] | NDArray[np.float32]

FIGURE_STYLE = """
.figure .bone { fill: none; stroke-linecap: round; stroke-linejoin: round; }
.figure .bone.left { stroke: var(--left); } .figure .bone.right { stroke: var(--right); }
.figure .bone.middle { stroke: var(--middle); }
.figure .second .bone.middle { stroke: var(--second); }
.figure .joint { stroke: var(--panel); stroke-width: .6; }
.figure .joint.left { fill: var(--left); } .figure .joint.right { fill: var(--right); }
.figure .joint.middle { fill: var(--middle); }
.figure .second .joint.middle { fill: var(--second); }
.figure .weighed .bone { opacity: .5; }
.figure .joint.for { fill: var(--for); fill-opacity: .82; }
.figure .joint.against { fill: none; stroke: var(--against); stroke-width: 1.4; }
.figure .ghost { opacity: .16; } .figure .panel { fill: var(--panel); }
.figure .frame { fill: var(--muted); font-size: 10px; text-anchor: middle; }
.bar-for { fill: var(--for); } .bar-against { fill: var(--against); }
.figure .axis { stroke: var(--muted); stroke-width: .75; opacity: .6; }
"""


def side(joint: str) -> str:
    """On which side of the body a joint is: ``left``, ``right`` or ``middle``."""
    for name in ("left", "right"):
        if joint.startswith(f"{name}_"):
            return name
    return "middle"


@dataclass(frozen=True)
class Pen:
    """How thick a figure is drawn, in CSS pixels."""

    bone: float = 2.4
    joint: float = 2.3
    largest: float = 8.5

    @classmethod
    def of_height(cls, height: float) -> Pen:
        """A pen that suits a panel of a height."""
        return cls(max(1.2, height / 62), max(1.1, height / 68), max(4.0, height / 17))


def figure(
    points: Points,
    layout: Layout,
    pen: Pen,
    weights: Weights | None = None,
    ghost: bool = False,
    *,
    shaded: bool = False,
) -> str:
    """The persons of one frame as an SVG group.

    Args:
        points: (M, V, 2) in CSS pixels; what is missing (NaN) is not drawn.
        layout: the skeleton.
        pen: how thick.
        weights: (V,) in [-1, 1]: a joint's disc grows with the square root of its size (so that
            its area tells it); negative ones are drawn as rings. (M, V) where each person has
            their own.
        ghost: faint, bones only: where the body is at another time.
        shaded: the colour, too, is the stronger the larger the weight.
    """
    check_shape("points", points, "M V C", V=len(layout), C=2)
    groups = []
    for person, joints in enumerate(points):
        marks = _bones(joints, layout, pen)
        if not ghost:
            own = weights[person] if weights is not None and weights.ndim == 2 else weights
            marks += _joints(joints, layout, pen, own, shaded)
        kind = ("second " if person % 2 else "") + ("ghost" if ghost else "")
        if weights is not None and not ghost:
            kind += " weighed"
        groups.append(svg.element("g", "".join(marks), class_=kind.strip() or None))
    return "".join(groups)


def _bones(joints: Points, layout: Layout, pen: Pen) -> list[str]:
    there = ~np.isnan(joints[:, 0])
    # One path a side keeps pages with many figures small.
    paths: dict[str, list[str]] = {"middle": [], "left": [], "right": []}
    for child, parent in layout.bones:
        if there[child] and there[parent]:
            ends = [svg.number(float(v)) for v in (*joints[parent], *joints[child])]
            bone = f"M{ends[0]} {ends[1]}L{ends[2]} {ends[3]}"
            paths[side(layout.joints[child])].append(bone)
    return [
        svg.element("path", d="".join(parts), class_=f"bone {name}", stroke_width=pen.bone)
        for name, parts in paths.items()
        if parts
    ]


def _joints(
    joints: Points, layout: Layout, pen: Pen, weights: Weights | None, shaded: bool
) -> list[str]:
    marks = []
    for index, ((x, y), name) in enumerate(zip(joints, layout.joints, strict=True)):
        if np.isnan(x):
            continue
        weight = 0.0 if weights is None else float(weights[index])
        opacity = None
        head = name in ("head", "face")
        if abs(weight) >= 0.02:
            radius = max(pen.joint * 0.8, pen.largest * abs(weight) ** 0.5)
            kind = "for" if weight > 0 else "against"
            opacity = 0.25 + 0.75 * min(1.0, abs(weight)) if shaded else None
        else:
            radius = pen.joint * (2.1 if head else 1.0) * (0.75 if weights is not None else 1.0)
            kind = side(name)
        marks.append(
            svg.element("circle", cx=x, cy=y, r=radius, class_=f"joint {kind}", opacity=opacity)
        )
    return marks


def skeleton(
    points: Points,
    layout: Layout,
    *,
    box: Box | None = None,
    height: float = 160,
    weights: Weights | None = None,
    ghosts: Points | None = None,
    label: str = "skeleton",
    standalone: bool = False,
) -> str:
    """One frame as an SVG picture.

    Args:
        points: (M, V, 2) from `project`.
        layout: the skeleton.
        box: the clip's box (`Box.around` all of its frames); default: of this frame.
        height: in CSS pixels; the width follows from the box.
        weights: (V,) in [-1, 1], see `figure`.
        ghosts: (M, F, V, 2) other frames, drawn faintly behind.
        label: what it shows, for screen readers.
        standalone: with its own style, for a file of its own.
    """
    box = box or Box.around(points)
    width = panel_width(box, height)
    pen = Pen.of_height(height)
    placed = box.place(points, width, height)
    marks = [svg.rect(0, 0, width, height, rx=4, class_="panel")]
    if ghosts is not None:
        faint = box.place(ghosts, width, height)
        marks += [figure(faint[:, f], layout, pen, ghost=True) for f in range(faint.shape[1])]
    marks.append(figure(placed, layout, pen, weights))
    style = literal(ALONE + FIGURE_STYLE) if standalone else ""
    return svg.picture(width, height, *marks, label=label, class_="figure", style=style)


def panel_width(box: Box, height: float) -> float:
    """The width of a panel for a box: its proportions, within bounds that fit a page."""
    return round(height * min(max(box.width / box.height, 0.5), 1.7))


def spread(frames: int, count: int) -> list[int]:
    """At most ``count`` frame numbers, evenly spread, the first and the last among them."""
    if frames <= count:
        return list(range(frames))
    return [round(i * (frames - 1) / (count - 1)) for i in range(count)]


@dataclass(frozen=True)
class FrameWeights:
    """A bar under a filmstrip: a number for every frame of the clip.

    Args:
        values: (T,) in [-1, 1].
        caption: what it shows.
    """

    values: Weights
    caption: str = ""


def filmstrip(
    points: Points,
    layout: Layout,
    *,
    count: int = 8,
    height: float = 150,
    widest: float = 1072,
    weights: Weights | None = None,
    frame_weights: FrameWeights | None = None,
    label: str = "filmstrip",
    standalone: bool = False,
) -> str:
    """Frames of a clip side by side, evenly spread over it, each with its number.

    Args:
        points: (M, T, V, 2) from `project`; M or T may be 0.
        layout: the skeleton.
        count: frames at most; a shorter clip shows all of its frames.
        height: of a panel, in CSS pixels.
        widest: of the strip; where panels are wide, it shows fewer frames, but at least four.
        weights: (V,) in [-1, 1] for all frames, or (T, V).
        frame_weights: draws a bar for every frame of the clip below the strip.
        label: what it shows, for screen readers.
        standalone: with its own style, for a file of its own.
    """
    check_shape("points", points, "M T V C", V=len(layout), C=2)
    style = literal(ALONE + FIGURE_STYLE) if standalone else ""
    if not points.size or np.isnan(points).all():
        return _nobody(height, label, style)
    box = Box.around(points)
    wide, gap, foot = panel_width(box, height), 4.0, 16.0
    fit = max(4, int((widest + gap) / (wide + gap)))
    chosen = spread(points.shape[1], min(count, fit))
    total = len(chosen) * (wide + gap) - gap
    marks = []
    for column, frame in enumerate(chosen):
        left = column * (wide + gap)
        marks.append(_panel(points, layout, box, (wide, height), frame, weights, left))
        marks.append(svg.text(left + wide / 2, height + 12, f"frame {frame}", class_="frame"))
    full = height + foot
    if frame_weights is not None:
        marks.append(_frame_bars(frame_weights, chosen, total, wide + gap, wide, full))
        full += BAR_HEIGHT
    return svg.picture(total, full, *marks, label=label, class_="figure strip", style=style)


def _panel(
    points: Points,
    layout: Layout,
    box: Box,
    size: tuple[float, float],
    frame: int,
    weights: Weights | None,
    left: float,
) -> str:
    wide, height = size
    own = weights[frame] if weights is not None and weights.ndim == 2 else weights
    placed = box.place(points[:, frame], wide, height)
    # A nested svg clips what a tracker's glitch throws out of the panel.
    return svg.element(
        "svg",
        svg.rect(0, 0, wide, height, rx=4, class_="panel"),
        figure(placed, layout, Pen.of_height(height), own),
        x=left,
        y=0,
        width=wide,
        height=height,
    )


BAR_HEIGHT = 44.0


def _frame_bars(
    bars: FrameWeights, chosen: Sequence[int], total: float, step: float, wide: float, top: float
) -> str:
    """Bars on the strip's own time axis: frame t stands under the panel that shows it."""
    values = np.asarray(bars.values, np.float64)
    places = np.interp(
        np.arange(len(values)), chosen, [column * step + wide / 2 for column in range(len(chosen))]
    )
    edges = np.concatenate([[places[0]], (places[1:] + places[:-1]) / 2, [places[-1]]])
    if len(values) == 1:
        edges = np.array([0.0, total])
    half, middle = BAR_HEIGHT / 2 - 2, top + BAR_HEIGHT / 2
    marks = [svg.line(0, middle, total, middle, class_="axis")]
    for index, value in enumerate(values):
        if not np.isfinite(value) or value == 0:
            continue
        size = abs(float(value)) * half
        marks.append(
            svg.rect(
                float(edges[index]),
                middle - size if value > 0 else middle,
                float(edges[index + 1] - edges[index]),
                size,
                class_="bar-for" if value > 0 else "bar-against",
            )
        )
    caption = svg.element("title", svg.text_of(bars.caption)) if bars.caption else ""
    return svg.element("g", caption, *marks, class_="bars")


def _nobody(height: float, label: str, style: str) -> str:
    width = height * 2
    return svg.picture(
        width,
        height,
        svg.rect(0, 0, width, height, rx=4, class_="panel"),
        svg.text(width / 2, height / 2 + 4, "nobody in this clip", class_="frame"),
        label=f"{label}: nobody in this clip",
        class_="figure strip",
        style=style,
    )


def bone_figure(
    points: Points, layout: Layout, weights: Weights, *, height: float = 300, label: str
) -> str:
    """A skeleton whose bones are as thick as their weights, relative to the largest.

    Args:
        points: (M, V, 2) from `project`.
        layout: the skeleton.
        weights: (V-1,) of at least 0, one for each of the layout's bones.
        height: in CSS pixels.
        label: what it shows, for screen readers.
    """
    check_shape("weights", np.asarray(weights), "B", B=len(layout.bones))
    box = Box.around(points)
    width = panel_width(box, height)
    largest = float(np.max(weights, initial=0)) or 1.0
    marks = [svg.rect(0, 0, width, height, rx=4, class_="panel")]
    for joints in box.place(points, width, height):
        for (child, parent), weight in zip(layout.bones, weights, strict=True):
            if np.isnan(joints[[child, parent]]).any():
                continue
            names = f"{layout.joints[child]} \u2013 {layout.joints[parent]}".replace("_", " ")
            marks.append(
                svg.element(
                    "line",
                    svg.element("title", svg.text_of(f"{names}: {float(weight):.2f}")),
                    x1=joints[parent, 0],
                    y1=joints[parent, 1],
                    x2=joints[child, 0],
                    y2=joints[child, 1],
                    stroke_width=0.8 + height / 28 * float(weight) / largest,
                    class_=f"bone {side(layout.joints[child])}",
                )
            )
    return svg.picture(width, height, *marks, label=label, class_="figure")
