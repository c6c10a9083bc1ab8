"""What pages are made of: tables of text, charts and confusion matrices, in titled blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grid:
    """A table of text, whose cells may have several lines; `strong` rows are set apart."""

    head: list[str]
    rows: list[list[str]]
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A confusion matrix: rows are true classes."""

    title: str
    caption: str
    classes: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Chart:
    """Lines over a common axis.

    Args:
        title, caption: what it shows.
        axes: the titles of x and y.
        lines: points of x, y and the standard error of y, 0 for none, of each line.
    """

    title: str
    caption: str
    axes: tuple[str, str]
    lines: Mapping[str, Sequence[tuple[float, float, float]]]


@dataclass(frozen=True)
class Block:
    """A part of a page."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
