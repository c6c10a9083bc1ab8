"""``labels.csv``: what a person says of the clips in their own folder."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gesta.errors import FormatError
from gesta.formats.checks import text_of

COLUMNS = ("file", "label", "subject", "camera", "setup", "replication", "source", "split", "id")
CUT_COLUMNS = ("start", "end")
_NUMBERS = ("camera", "setup", "replication")
_PARTS = ("train", "test", "")


@dataclass(frozen=True)
class Row:
    """One line: the clip's file, and what is known of it.

    Args:
        line: where it stands.
        file: path of the clip's file beside ``labels.csv``, with slashes.
        id: the clip's name; where the table has none the path without ending, and with
            ``@start-end`` for a part of a file.
        label: name of the class, empty where unknown.
        split: "train", "test", or empty.
        recording: subject, camera, setup, replication, source as `Clip` has them.
        start, end: seconds of the part of the file that is the clip; None for its own.
    """

    line: int
    file: str
    id: str
    label: str
    split: str
    recording: Mapping[str, Any]
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Labels:
    """The table: rows by the path of their file in the source, and the class names in order."""

    name: str
    rows: Mapping[str, Row]
    classes: tuple[str, ...]


def parse_labels(data: bytes, name: str) -> Labels:
    """Read the table.

    Args:
        data: its bytes: CSV with the columns ``file,label`` and any of ``subject, camera, setup,
            replication, source, split, id``.
        name: its path in the source; files are looked for beside it.

    Raises:
        FormatError: names the line: unknown or repeated columns, a file or id given twice, a path
            that leads elsewhere, a number or split that is none.
    """
    folder, rows = PurePosixPath(name).parent, parse_rows(data, name)
    return Labels(name, {str(folder / row.file): row for row in rows}, class_names(rows))


def parse_rows(data: bytes, name: str, *, cuts: bool = False) -> list[Row]:
    """The rows of a table.

    Args:
        data, name: see `parse_labels`.
        cuts: whether it may have the columns ``start`` and ``end``, and several rows of a file.

    Raises:
        FormatError: see `parse_labels`.
    """
    rows: list[Row] = []
    files: dict[str, int] = {}
    ids: dict[str, int] = {}
    known = COLUMNS + CUT_COLUMNS if cuts else COLUMNS
    for line, cells in csv_lines(data, name, ("file", "label"), known):
        row = _row(cells, line, name)
        for column, value, first in (("file", row.file, files), ("id", row.id, ids)):
            if value in first and not (cuts and column == "file"):
                found = f"{value!r} again (first in line {first[value]})"
                place = f"line {line}, column {column}"
                raise FormatError(name, place, f"each {column} once", found)
            first.setdefault(value, line)
        rows.append(row)
    if not rows:
        raise FormatError(name, "line 2", "at least one row", "the end of the file")
    return rows


def class_names(rows: Collection[Row]) -> tuple[str, ...]:
    """The class names that rows name, in order."""
    return class_order({row.label for row in rows} - {""})


def class_order(labels: set[str]) -> tuple[str, ...]:
    """Class names in the order of their indices: sorted, and by size where all are numbers."""
    if all(label.isascii() and label.isdigit() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


def csv_lines(
    data: bytes, name: str, needed: Collection[str], known: Collection[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a CSV file with a header: line number, and the cells by column.

    Raises:
        FormatError: it is no CSV, a column is unknown, repeated or missing, or a line has more or
            fewer cells than the header.
    """
    reader = csv.reader(io.StringIO(text_of(data, name), newline=""))
    try:
        header = [column.strip() for column in next(reader)]
        _check_header(header, name, needed, known)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                expected, found = f"{len(header)} cells", f"{len(cells)}"
                raise FormatError(name, f"line {reader.line_num}", expected, found)
            values = (cell.strip() for cell in cells)
            yield reader.line_num, dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise FormatError(name, f"line {reader.line_num}", "CSV", str(error)) from error


def _check_header(
    header: list[str], name: str, needed: Collection[str], known: Collection[str]
) -> None:
    fits = set(header) <= set(known) and len(set(header)) == len(header)
    if not fits or not set(needed) <= set(header):
        more = [column for column in known if column not in needed]
        expected = f"columns {','.join(needed)}{' and any of ' if more else ''}{','.join(more)}"
        raise FormatError(name, "line 1", expected, ",".join(header)[:80])


def _row(cells: dict[str, str], line: int, name: str) -> Row:
    path = PurePosixPath(cells["file"])
    if not cells["file"] or path.is_absolute() or ".." in path.parts:
        place = f"line {line}, column file"
        expected = "a path below the folder of labels.csv"
        raise FormatError(name, place, expected, repr(cells["file"]))
    split = cells.get("split", "").lower()
    if split not in _PARTS:
        place = f"line {line}, column split"
        raise FormatError(name, place, "train, test or nothing", repr(cells["split"]))
    recording: dict[str, Any] = {
        column: cells.get(column) or None for column in ("subject", "source")
    }
    for column in _NUMBERS:
        recording[column] = _number(cells.get(column, ""), column, line, name)
    start, end = (_seconds(cells.get(column, ""), column, line, name) for column in CUT_COLUMNS)
    if end is not None and end <= (start or 0):
        place = f"line {line}, column end"
        raise FormatError(name, place, f"seconds after the start ({start or 0:g})", f"{end:g}")
    named = cells.get("id") or str(path.with_suffix("")) + _part(start, end)
    return Row(line, str(path), named, cells["label"], split, recording, start, end)


def _part(start: float | None, end: float | None) -> str:
    """How the id of a part of a file ends: which part it is, so that parts can be told apart."""
    if start is None and end is None:
        return ""
    return f"@{start or 0:g}-{'' if end is None else f'{end:g}'}"


def _seconds(text: str, column: str, line: int, name: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        place = f"line {line}, column {column}"
        raise FormatError(name, place, "seconds from the start of the file", repr(text))
    return seconds


def _number(text: str, column: str, line: int, name: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        place = f"line {line}, column {column}"
        raise FormatError(name, place, "a whole number", repr(text)) from error
