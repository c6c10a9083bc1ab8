"""Line charts and the reliability diagram, as SVG of our own: small, sharp, dark and light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.report import svg

CHART_STYLE = """
.chart text { fill: var(--muted); font-size: 11px; font-family: inherit; }
.chart .grid { stroke: var(--rule); stroke-width: 1; }
.chart .edge { stroke: var(--muted); stroke-width: 1; }
.chart .series { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.chart .s0 { stroke: var(--left); } .chart .s1 { stroke: var(--right); }
.chart .s2 { stroke: var(--second); }
.chart .s3 { stroke: #b5651d; } .chart .s4 { stroke: #8a63c9; } .chart .s5 { stroke: #7a8a2a; }
.chart .s6 { stroke: #c2567e; }
.chart text.s0 { fill: var(--left); stroke: none; }
.chart text.s1 { fill: var(--right); stroke: none; }
.chart text.s2 { fill: var(--second); stroke: none; }
.chart text.s3 { fill: #b5651d; stroke: none; } .chart text.s4 { fill: #8a63c9; stroke: none; }
.chart text.s5 { fill: #7a8a2a; stroke: none; } .chart text.s6 { fill: #c2567e; stroke: none; }
.chart .mark { stroke: var(--muted); stroke-dasharray: 3 3; }
.chart .level { fill: var(--left); opacity: .8; }
.chart .belief { stroke: var(--right); stroke-width: 2.4; }
.chart .count { fill: var(--middle); opacity: .55; }
.chart .whisker { stroke-width: 1.2; opacity: .7; }
"""


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        name: stands at the line's end.
        x, y: its points; those that are not finite break the line.
        spread: one standard error of each point, drawn as a whisker; optional.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[float] | None = None


@dataclass(frozen=True)
class Axis:
    """From where to where an axis goes, and where it is marked."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float, start: float, stop: float) -> float:
        """Where a value stands between two pixels."""
        return start + (value - self.low) / (self.high - self.low) * (stop - start)


def nice_axis(values: Sequence[float], ticks: int = 5, zero: bool = False) -> Axis:
    """An axis that holds all finite values, with marks at round numbers.

    Args:
        values: what it has to hold.
        ticks: about how many marks.
        zero: whether it begins at zero.
    """
    finite = [v for v in values if math.isfinite(v)]
    low = min(finite, default=0.0)
    high = max(finite, default=1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        high = low + (abs(low) if abs(low) > 1e-9 else 1.0)
    rough = (high - low) / ticks
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    marks = tuple(round(i * step, 12) for i in range(first, last + 1))
    return Axis(marks[0], marks[-1], marks)


def short(value: float) -> str:
    """A number as it stands at an axis."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:,.6g}"


_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 66.0, 26.0, 40.0


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_title: str,
    width: float = 520,
    height: float = 232,
    zero: bool = False,
    mark: tuple[float, str] | None = None,
    room: float = _RIGHT,
) -> str:
    """Lines over a common axis, each named at its end.

    Args:
        title: what the y axis shows, with its unit.
        series: at most seven lines; may be without points.
        x_title: what the x axis shows.
        width, height: in CSS pixels.
        zero: whether the y axis begins at zero.
        mark: a place on the x axis with its name, drawn as a dashed line.
        room: for the names at the lines' ends, in CSS pixels.
    """
    across = nice_axis([x for one in series for x in one.x], ticks=6)
    up = nice_axis([y for one in series for y in _reach(one)], zero=zero)
    right, bottom = width - room, height - _BOTTOM
    parts = [svg.text(0, 13, title, font_weight=600)]
    parts += _frame(across, up, (_LEFT, _TOP, right, bottom), x_title)
    if mark is not None and across.low <= mark[0] <= across.high:
        x = across.place(mark[0], _LEFT, right)
        parts.append(svg.line(x, _TOP, x, bottom, class_="mark"))
        anchor = "end" if x > (right + _LEFT) / 2 else "start"
        shift = -5 if anchor == "end" else 5
        parts.append(svg.text(x + shift, bottom - 6, mark[1], text_anchor=anchor))
    ends = []
    for index, one in enumerate(series):
        points = [
            (across.place(x, _LEFT, right), up.place(y, bottom, _TOP)) for x, y in _finite(one)
        ]
        parts += _whiskers(one, index, across, up, (_LEFT, _TOP, right, bottom))
        parts.append(_path(points, index))
        if points:
            ends.append((points[-1][1], index, one.name))
    parts += _names(ends, right + 8, bottom)
    label = f"{title}: {', '.join(one.name for one in series)} over {x_title}"
    return svg.picture(width, height, *parts, label=label, class_="chart")


def _reach(one: Series) -> list[float]:
    spread = one.spread or [0.0] * len(one.y)
    both = zip(one.y, spread, strict=True)
    return [y + s * sign for y, s in both for sign in (-1, 1)]


def _finite(one: Series) -> list[tuple[float, float]]:
    both = zip(one.x, one.y, strict=True)
    return [(x, y) for x, y in both if math.isfinite(x) and math.isfinite(y)]


def _frame(
    across: Axis, up: Axis, area: tuple[float, float, float, float], x_title: str
) -> list[str]:
    left, top, right, bottom = area
    parts = []
    for tick in up.ticks:
        y = up.place(tick, bottom, top)
        parts.append(svg.line(left, y, right, y, class_="grid"))
        parts.append(svg.text(left - 7, y + 4, short(tick), text_anchor="end"))
    parts.append(svg.line(left, bottom, right, bottom, class_="edge"))
    for tick in across.ticks:
        x = across.place(tick, left, right)
        parts.append(svg.line(x, bottom, x, bottom + 4, class_="edge"))
        parts.append(svg.text(x, bottom + 16, short(tick), text_anchor="middle"))
    parts.append(svg.text(right, bottom + 32, x_title, text_anchor="end"))
    return parts


def _path(points: Sequence[tuple[float, float]], index: int) -> str:
    if not points:
        return ""
    if len(points) == 1:
        (x, y) = points[0]
        return svg.element("circle", cx=x, cy=y, r=3, class_=f"s{index}")
    steps = "L".join(f"{svg.number(x)} {svg.number(y)}" for x, y in points)
    return svg.element("path", d=f"M{steps}", class_=f"series s{index}")


def _whiskers(
    one: Series, index: int, across: Axis, up: Axis, area: tuple[float, float, float, float]
) -> list[str]:
    if one.spread is None:
        return []
    left, top, right, bottom = area
    marks = []
    for x, y, spread in zip(one.x, one.y, one.spread, strict=True):
        if not spread or not math.isfinite(y):
            continue
        place = across.place(x, left, right)
        low, high = (up.place(y + sign * spread, bottom, top) for sign in (-1, 1))
        marks.append(svg.line(place, low, place, high, class_=f"whisker s{index}"))
    return marks


def _names(ends: list[tuple[float, int, str]], x: float, bottom: float) -> list[str]:
    """The names at the lines' ends, moved apart where they would overlap."""
    parts, lowest = [], -math.inf
    ends = sorted(ends)
    room = bottom - 13.0 * (len(ends) - 1)
    for rank, (y, index, name) in enumerate(ends):
        y = max(min(y, room + 13.0 * rank), lowest + 13.0)
        lowest = y
        parts.append(svg.text(x, y + 4, name, class_=f"s{index}"))
    return parts


@dataclass(frozen=True)
class Reliability:
    """Accuracy against confidence in B bins of equal width.

    Args:
        clips: (B,) how many clips fall in each.
        confidence, accuracy: (B,) means over those; NaN where there are none.
    """

    clips: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def reliability(
    log_probs: NDArray[np.float32], labels: NDArray[np.int64], bins: int = 15
) -> Reliability:
    """Bin clips by the probability of their best class (Guo et al., 2017, section 2).

    Args:
        log_probs: (N, Y).
        labels: (N,) of known classes.
        bins: B; bin b holds confidences in (b/B, (b+1)/B], as the calibration error does.
    """
    check_shape("labels", labels, "N", N=log_probs.shape[0])
    best = np.exp(log_probs.max(axis=1).astype(np.float64))
    right = (log_probs.argmax(axis=1) == labels).astype(np.float64)
    place = np.clip(np.ceil(best * bins).astype(np.int64) - 1, 0, bins - 1)
    clips = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(place, best, minlength=bins) / clips
        accuracy = np.bincount(place, right, minlength=bins) / clips
    return Reliability(clips, confidence, accuracy)


def reliability_diagram(found: Reliability, size: float = 300) -> str:
    """Bars of accuracy with a line at the mean confidence, and a histogram of clips."""
    left, top, side = 46.0, 26.0, size - 62
    bottom, below = top + side, 54.0
    full = Axis(0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1))
    parts = [svg.text(0, 13, "Accuracy of the clips in a bin", font_weight=600)]
    parts += _frame(full, full, (left, top, left + side, bottom), "")
    bins = len(found.clips)
    for index, clips in enumerate(found.clips.tolist()):
        if clips:
            parts.append(_bin(found, index, bins, (left, bottom, side)))
    parts.append(svg.line(left, bottom, left + side, top, class_="mark"))
    base = bottom + 24 + below
    most = max(int(found.clips.max(initial=0)), 1)
    for index, clips in enumerate(found.clips.tolist()):
        x, tall = left + side * index / bins, clips / most * (below - 10)
        parts.append(svg.rect(x + 0.5, base - tall, side / bins - 1, tall, class_="count"))
    parts.append(svg.line(left, base, left + side, base, class_="edge"))
    parts.append(svg.text(left - 7, base, "0", text_anchor="end"))
    parts.append(svg.text(left - 7, base - below + 14, f"{most:,}", text_anchor="end"))
    parts.append(svg.text(left + side / 2, base + 16, "confidence", text_anchor="middle"))
    return svg.picture(size, base + 24, *parts, label="reliability diagram", class_="chart")


def _bin(found: Reliability, index: int, bins: int, area: tuple[float, float, float]) -> str:
    left, bottom, side = area
    accuracy, confidence = float(found.accuracy[index]), float(found.confidence[index])
    x, wide = left + side * index / bins + 0.5, side / bins - 1
    belief = bottom - confidence * side
    title = (
        f"{int(found.clips[index])} clips: mean confidence {100 * confidence:.1f} %, "
        f"accuracy {100 * accuracy:.1f} %"
    )
    return svg.element(
        "g",
        svg.element("title", svg.text_of(title)),
        svg.rect(x, bottom - accuracy * side, wide, accuracy * side, class_="level"),
        svg.line(x, belief, x + wide, belief, class_="belief"),
    )


def signed_bars(names: Sequence[str], values: Sequence[float], *, width: float = 300) -> str:
    """Horizontal bars from a zero line, to the right for what is positive.

    Args:
        names: of the bars, drawn at the left.
        values: as many numbers.
        width: in CSS pixels.
    """
    row, label, tail = 18.0, 118.0, 58.0
    low, high = min([0.0, *values]), max([0.0, *values])
    digits = 2 if high - low >= 0.1 else 4
    scale = (width - label - tail) / ((high - low) or 1.0)
    zero = label - low * scale
    parts = []
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        y = index * row
        kind = "bar-for" if value >= 0 else "bar-against"
        start = zero if value >= 0 else zero + value * scale
        parts.append(svg.text(label - 8, y + 13, name, text_anchor="end"))
        parts.append(svg.rect(start, y + 3, abs(value) * scale, row - 6, class_=kind))
        end = max(zero, zero + value * scale) + 5
        parts.append(svg.text(end, y + 13, f"{value:+.{digits}f}"))
    parts.append(svg.line(zero, 0, zero, row * len(names), class_="edge"))
    return svg.picture(
        width, row * max(len(names), 1), *parts, label="bars by joint", class_="chart"
    )
