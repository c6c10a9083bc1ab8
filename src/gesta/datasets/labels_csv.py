"""``labels.csv``: what a person says of the clips in their own folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gesta.errors import FormatError
from gesta.formats.checks import text_of

COLUMNS = ("file", "label", "subject", "camera", "setup", "replication", "source", "split", "id")
_NUMBERS = ("camera", "setup", "replication")
_PARTS = ("train", "test", "")


@dataclass(frozen=True)
class Row:
    """One line: the clip's file, and what is known of it.

    Args:
        line: where it stands.
        file: path of the clip's file beside ``labels.csv``, with slashes.
        id: the clip's name; the path without ending where the table has none.
        label: name of the class, empty where unknown.
        split: "train", "test", or empty.
        recording: subject, camera, setup, replication, source as `Clip` has them.
    """

    line: int
    file: str
    id: str
    label: str
    split: str
    recording: Mapping[str, Any]


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
    folder = PurePosixPath(name).parent
    rows: dict[str, Row] = {}
    ids: dict[str, int] = {}
    for line, cells in _lines(data, name):
        row = _row(cells, line, name)
        member = str(folder / row.file)
        if member in rows:
            found = f"{row.file!r} again (first in line {rows[member].line})"
            raise FormatError(name, f"line {line}, column file", "each file once", found)
        if row.id in ids:
            found = f"{row.id!r} again (first in line {ids[row.id]})"
            raise FormatError(name, f"line {line}, column id", "each id once", found)
        rows[member], ids[row.id] = row, line
    if not rows:
        raise FormatError(name, "line 2", "at least one row", "the end of the file")
    return Labels(name, rows, class_order({row.label for row in rows.values()} - {""}))


def class_order(labels: set[str]) -> tuple[str, ...]:
    """Class names in the order of their indices: sorted, and by size where all are numbers."""
    if all(label.isascii() and label.isdigit() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


def _lines(data: bytes, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text_of(data, name), newline=""))
    try:
        header = [column.strip() for column in next(reader)]
        _check_header(header, name)
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


def _check_header(header: list[str], name: str) -> None:
    known = set(header) <= set(COLUMNS) and len(set(header)) == len(header)
    if not known or not {"file", "label"} <= set(header):
        expected = f"columns file,label and any of {','.join(COLUMNS[2:])}"
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
    named = cells.get("id") or str(path.with_suffix(""))
    return Row(line, str(path), named, cells["label"], split, recording)


def _number(text: str, column: str, line: int, name: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        place = f"line {line}, column {column}"
        raise FormatError(name, place, "a whole number", repr(text)) from error
