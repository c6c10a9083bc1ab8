"""What a verb says to people: lines, tables and progress; never mixed with ``--json`` output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Table

# Plain lines (a log file, CI) come at most this often, in seconds.
_PLAIN_INTERVAL = 5.0


class Progress(Protocol):
    """A callback that is told how far a piece of work has come."""

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None:
        """Report ``done`` of ``total`` steps, with a short note (a loss, a file)."""
        ...


@dataclass
class Console:
    """Says things on stdout, or on stderr where stdout belongs to a JSON document.

    ``exit_status`` is what the process ends with when a verb finishes without an error.
    """

    json: bool = False
    exit_status: int = 0
    _rich: RichConsole = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Open the stream that people read."""
        self._rich = RichConsole(
            file=sys.stderr if self.json else sys.stdout, highlight=False, soft_wrap=True
        )

    def say(self, text: str = "", style: str | None = None) -> None:
        """Print a line."""
        self._rich.print(escape(text), style=style)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table; numbers are aligned right."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for index, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
            table.add_column(column, justify="right" if numeric else "left")
        for row in rows:
            table.add_row(*(escape(_cell(value)) for value in row))
        if self._rich.is_terminal:
            self._rich.print(table)
        else:
            # Without a terminal rich would wrap at 80 columns; logs keep a row on its line.
            RichConsole(file=self._rich.file, width=400, highlight=False).print(table)

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """A bar with rate and time left on a terminal, plain lines elsewhere."""
        if self._rich.is_terminal:
            with _bar(self._rich, title) as report:
                yield report
        else:
            yield _plain(self, title)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


@contextmanager
def _bar(console: RichConsole, title: str) -> Iterator[Progress]:
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn()),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, rate="", note="")
        rate_of = _rate()

        def report(done: int, total: int | None = None, note: str = "") -> None:
            rate = rate_of(done)
            bar.update(task, completed=done, total=total, rate=_pace(rate), note=escape(note))

        yield report


def _plain(console: Console, title: str) -> Progress:
    last = time.monotonic()
    rate_of = _rate()

    def report(done: int, total: int | None = None, note: str = "") -> None:
        nonlocal last
        now, rate = time.monotonic(), rate_of(done)
        if done != total and now - last < _PLAIN_INTERVAL:
            return
        last = now
        left = f", {(total - done) / rate:.0f} s left" if total and rate and done < total else ""
        of = f"/{total}" if total is not None else ""
        pace = f"({_pace(rate)}{left})" if rate else ""
        console.say(" ".join(filter(None, (title, f"{done}{of}", pace, note))))

    return report


def _pace(rate: float) -> str:
    """Steps a second, or a minute where they are slow."""
    return f"{rate:.1f}/s" if rate >= 1 or not rate else f"{60 * rate:.1f}/min"


def _rate() -> Callable[[int], float]:
    """How many steps a second are done since the first call: work that goes on began elsewhere."""
    began: tuple[float, int] | None = None

    def rate(done: int) -> float:
        nonlocal began
        now = time.monotonic()
        began = began or (now, done)
        return (done - began[1]) / max(now - began[0], 1e-6)

    return rate
