"""How a paper's tables and claims are written down: as data, beside nothing else.

A paper is one file of this room that builds a `Paper`; `gesta.reproduce.targets` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Values = tuple[float | None, ...]
Need = Literal["any", "two_persons", "views", "rgb", "several_contexts"]
Verdict = Literal["holds", "contradicted", "too small to tell"]


@dataclass(frozen=True)
class Column:
    """A column of a paper's table.

    Args:
        label: as the paper has it.
        dataset, protocol: what it was measured on, by gesta's names.
        measure: "top1" or "top5", per cent.
    """

    label: str
    dataset: str
    protocol: str
    measure: str = "top1"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        name: as the paper has it.
        paper: the paper's numbers, one a column; None where it has none.
        model: what is trained for it; None: quoted, a method that is not the paper's own.
        changes: recipe sections and options that this row changes in the model's recipe.
        base: the row that it is compared with; "" for the table's.
        two_persons: whether it says something only where clips show two persons.
        sees_rgb: whether its model takes pictures, or context made of them.
        stream: the stream of its model that is trained alone, which is then the whole network;
            "" for the model itself.
        starts: by stream, the rows whose networks, trained alone, its model starts from.
        input_of: the model whose recipe says the input; "" for its own.
        cost: the paper's parameters in millions and multiply-adds in 10^9, None where not told.
    """

    name: str
    paper: Values
    model: str | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    base: str = ""
    two_persons: bool = False
    sees_rgb: bool = False
    stream: str = ""
    starts: Mapping[str, Row] = field(default_factory=dict)
    input_of: str = ""
    cost: tuple[float | None, float | None] = (None, None)

    @property
    def quoted(self) -> bool:
        """Whether it is a method that is not the paper's own, whose numbers are quoted."""
        return self.model is None


@dataclass(frozen=True)
class Plot:
    """A figure of accuracy against something in which rows differ.

    Args:
        figure: the paper's name for it.
        axis: what they differ in.
        lines: the points of each line: where on the axis, and which row.
    """

    figure: str
    axis: str
    lines: Mapping[str, tuple[tuple[float, str], ...]]


@dataclass(frozen=True)
class ByClass:
    """A figure of the classes that fall from one row to another, and of the hardest ones.

    Args:
        figure: the paper's name for it.
        base, row: from which row to which.
    """

    figure: str
    base: str
    row: str


@dataclass(frozen=True)
class Table:
    """A table of a paper.

    Args:
        name: "table-3".
        title: what it compares, in our words.
        columns, rows: its content.
        base: the row that others are compared with.
        why_two: why some rows need clips of two persons; "" where none does.
        confusions: the rows whose confusion matrices are drawn, each with the figure's name.
        curves: the figure that shows the losses of all rows by epoch; "" for none.
        plot, by_class: further figures that are made of the rows.
        notes: what a reader has to know.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    base: str
    why_two: str = ""
    confusions: tuple[tuple[str, str], ...] = ()
    curves: str = ""
    plot: Plot | None = None
    by_class: ByClass | None = None
    notes: tuple[str, ...] = ()

    def row(self, name: str) -> Row:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)

    @property
    def own_rows(self) -> tuple[Row, ...]:
        """The rows that are measured here."""
        return tuple(row for row in self.rows if not row.quoted)

    def number(self, row: str, column: int) -> float:
        """One of the paper's numbers, which is there."""
        value = self.row(row).paper[column]
        if value is None:
            raise ValueError(f"{self.name}: {row} has no number in column {column}")
        return value

    def gap(self, row: str, other: str, column: int) -> float:
        """By how many points the paper's number of a row lies above that of another."""
        return round(self.number(row, column) - self.number(other, column), 6)


@dataclass(frozen=True)
class Pair:
    """A row that is said to be better than another by more than `threshold` points."""

    better: str
    worse: str
    threshold: float = 0.0


@dataclass(frozen=True)
class Ordering:
    """A claim that some rows are better than others.

    Args:
        statement: what is claimed, in our words.
        place: where in the paper.
        pairs: all have to hold.
        shown: pairs that are measured and shown, and not judged.
        need: what data it takes.
        note: what a reader has to know.
    """

    statement: str
    place: str
    pairs: tuple[Pair, ...]
    shown: tuple[Pair, ...] = ()
    need: Need = "any"
    note: str = ""


@dataclass(frozen=True)
class LargerGain:
    """A claim that a pair differs more across views than across subjects."""

    statement: str
    place: str
    pair: Pair
    note: str = ""
    need: Need = "views"


@dataclass(frozen=True)
class AlikeAttention:
    """A claim that attention is alike within a class and unlike between classes.

    Args:
        row: whose trained models are looked at.
        least: how much larger the cosine within a class has to be; less is nothing to be seen.
    """

    statement: str
    place: str
    row: str
    least: float = 0.01
    note: str = ""
    need: Need = "any"


@dataclass(frozen=True)
class Robust:
    """A claim that accuracy hardly falls when test clips are changed.

    Args:
        row: whose trained models are tested.
        changes: names of changes, see `gesta.reproduce.disturb`.
        tolerance: points of accuracy that count as hardly.
    """

    statement: str
    place: str
    row: str
    changes: tuple[str, ...]
    tolerance: float = 2.0
    note: str = ""
    need: Need = "any"


@dataclass(frozen=True)
class Shuffled:
    """A claim that a model takes something from the scene: that of another clip must be worse.

    Args:
        row: whose trained models are tested, with each clip's RGB or context and with another's.
        shown: rows that are tested likewise and shown, and not judged.
    """

    statement: str
    place: str
    row: str
    shown: tuple[str, ...] = ()
    note: str = ""
    need: Need = "rgb"


@dataclass(frozen=True)
class Inside:
    """A claim that attention to a picture lies where the persons are.

    Args:
        row: whose trained models are looked at.
        weights: names of the attention maps, as models record them; their mean counts.
    """

    statement: str
    place: str
    row: str
    weights: str
    note: str = ""
    need: Need = "rgb"


Claim = Ordering | LargerGain | AlikeAttention | Robust | Shuffled | Inside


def alike(
    statement: str,
    place: str,
    rows: tuple[str, ...],
    tolerance: float,
    note: str = "",
    need: Need = "rgb",
) -> Ordering:
    """A claim that rows are equal: neither is worse than the first by more than a tolerance.

    Args:
        statement, place, note, need: as in `Ordering`.
        rows: the first, and those that are held against it.
        tolerance: in points; equal means that the whole interval lies within it on both sides.
    """
    first = rows[0]
    pairs = [
        pair
        for other in rows[1:]
        for pair in (Pair(first, other, -tolerance), Pair(other, first, -tolerance))
    ]
    equal = f"Equal: the whole interval lies within {tolerance:g} points."
    return Ordering(statement, place, tuple(pairs), need=need, note=f"{equal} {note}".strip())


@dataclass(frozen=True)
class Finding:
    """What the arithmetic gives: the figures in words, made by code, and whether it agrees."""

    computed: str
    verdict: Verdict


@dataclass(frozen=True)
class Arithmetic:
    """A claim that the paper's own tables decide.

    Args:
        statement: what the paper says, in our words.
        place: where it says so.
        against: the table that it is held against.
        check: computes the figures from that table.
    """

    statement: str
    place: str
    against: str
    check: Callable[[], Finding]


@dataclass(frozen=True)
class Paper:
    """A paper: its tables and what it claims.

    Args:
        name: the first word of its targets.
        title: short, for pages.
        citation: authors, title, venue, year.
        datasets: those for which the model recipes' parts are the paper's own settings.
        tables: by number.
        rows: those that its measured claims compare.
        claims: measured here.
        arithmetic: decided by its own tables.
    """

    name: str
    title: str
    citation: str
    datasets: tuple[str, ...]
    tables: tuple[Table, ...]
    rows: tuple[Row, ...]
    claims: tuple[Claim, ...]
    arithmetic: tuple[Arithmetic, ...]

    def table(self, name: str) -> Table:
        """The table of a name."""
        return next(table for table in self.tables if table.name == name)


def agrees(computed: str, holds: bool) -> Finding:
    """A finding from figures and whether they bear the statement out."""
    return Finding(computed, "holds" if holds else "contradicted")


def points(values: list[float]) -> str:
    """Differences as text: "0.5, 2.7"."""
    return ", ".join(f"{value:.1f}" for value in values)
