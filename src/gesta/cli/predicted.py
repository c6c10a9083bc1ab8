"""What predictions look like to people: lines of a table, and rows of a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from gesta.inference import Prediction, Segment

COLUMNS = ["input", "track", "from", "to", "what"]
_CSV_COLUMNS = ("input", "track", "start", "end", "unit", "label", "probability", "top5")


def rows_of(prediction: Prediction, unit: str) -> list[list[object]]:
    """A line of the table for each segment, with the three most probable classes.

    Args:
        prediction: of one input.
        unit: "seconds" or "frames".
    """
    rows = [
        [prediction.input, *row_of(person.track, segment, unit)]
        for person in prediction.persons
        for segment in person.segments
    ]
    return rows or [[prediction.input, "", "", "", "nobody is there"]]


def row_of(track: int | None, segment: Segment, unit: str) -> list[object]:
    """Track, from, to and what is done, as text."""
    # Imported here: what a command takes is told without waiting for torch.
    from gesta.inference import UNKNOWN

    best = ", ".join(f"{name} {100 * p:.1f} %" for name, p in segment.top5[:3])
    form = "{:.0f}" if unit == "frames" else "{:.2f} s"
    return [
        "all" if track is None else str(track),
        form.format(segment.start),
        form.format(segment.end),
        f"{UNKNOWN} ({best})" if segment.label == UNKNOWN else best,
    ]


class SegmentTable:
    """Writes segments into a CSV file as they come; a context manager, and nothing without one.

    Args:
        path: of the file; None to write none.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        if self.path is not None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(_CSV_COLUMNS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, prediction: Prediction, unit: str) -> None:
        """Write all segments of an input."""
        for person in prediction.persons:
            for segment in person.segments:
                self.write(prediction.input, person.track, segment, unit)

    def write(self, source: str, track: int | None, segment: Segment, unit: str) -> None:
        """Write one segment, so that it is in the file at once."""
        if self._file is None:
            return
        top = "; ".join(f"{name} {probability:.4f}" for name, probability in segment.top5)
        name = "all" if track is None else track
        best = f"{segment.top5[0][1]:.4f}"
        self._writer.writerow(
            [source, name, segment.start, segment.end, unit, segment.label, best, top]
        )
        self._file.flush()
