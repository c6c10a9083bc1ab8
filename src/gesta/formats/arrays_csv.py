"""Anybody's poses in CSV files, one clip a file, in either of two forms.

Long: ``frame, [person,] joint, x, y[, z][, confidence]``, a line a joint, joints by name or index.
Wide: ``frame, [person,] <joint>_x, <joint>_y[, <joint>_z][, <joint>_confidence], ...``, a line a
frame and person.

Frames are whole numbers, from which the first is taken off; frames, joints and persons that are
left out are missing, and so is a joint with an empty or ``nan`` cell. Persons come in the order in
which they first appear. Three channels are ``camera_metres``, two are ``pixels``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.errors import FormatError, GestaError
from gesta.formats.checks import file_bytes, text_of
from gesta.skeleton import Layout, get_layout

_VALUES = ("x", "y", "z", "confidence")
# More numbers than any clip has: a mistyped frame number must not fill the memory.
_LARGEST = 2**28


@dataclass(frozen=True)
class _Point:
    """One joint of one person in one frame: x, y, z or x, y, and the confidence at the end."""

    line: int
    frame: int
    person: str
    joint: int
    values: tuple[float, ...]


def is_arrays_csv(data: bytes) -> bool:
    """Whether the first line names the columns of a clip."""
    line = data[:65536].partition(b"\n")[0].decode("utf-8-sig", errors="replace")
    columns = [column.strip() for column in line.split(",")]
    wide = any(column.endswith("_x") for column in columns)
    return "frame" in columns and (wide or {"joint", "x", "y"} <= set(columns))


def parse_arrays_csv(data: bytes, name: str, layout: Layout | str | None = None) -> Clip:
    """One clip; its id is the file's name without ending.

    Args:
        data: the file's bytes.
        name: the file.
        layout: which joints there are; needed.

    Raises:
        FormatError: another header, a cell that is no number, an unknown joint, a joint given
            twice, an infinite number, or no layout.
    """
    if layout is None:
        advice = "name it with --layout (a known name or a .toml file)"
        raise FormatError(name, "layout", "the layout that the joints belong to", "none", advice)
    joints = get_layout(layout)
    reader = csv.reader(io.StringIO(text_of(data, name), newline=""))
    try:
        header = [column.strip() for column in next(reader)]
        lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise FormatError(name, f"line {reader.line_num}", "CSV", str(error)) from error
    form = _long if "joint" in header else _wide
    columns, points = form(_Sheet(name, header, lines, joints))
    return _clip(points, name, joints, columns)


def read_arrays_csv(path: str | Path, layout: Layout | str | None = None) -> Clip:
    """Read a file; see `parse_arrays_csv`."""
    return parse_arrays_csv(file_bytes(path), str(path), layout)


@dataclass(frozen=True)
class _Sheet:
    """The rows of a file with their line numbers, and what its columns are called."""

    name: str
    header: list[str]
    lines: list[tuple[int, list[str]]]
    layout: Layout

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        if len(set(self.header)) != len(self.header) or "frame" not in self.header:
            found = ",".join(self.header)[:80]
            raise FormatError(self.name, "line 1", "columns with 'frame', each once", found)
        if not self.lines:
            raise FormatError(self.name, "line 2", "at least one row", "the end of the file")
        for line, row in self.lines:
            if len(row) != len(self.header):
                expected, found = f"{len(self.header)} cells", f"{len(row)}"
                raise FormatError(self.name, f"line {line}", expected, found)
            cells = (cell.strip() for cell in row)
            yield line, dict(zip(self.header, cells, strict=True))

    def frame(self, line: int, row: dict[str, str]) -> int:
        try:
            return int(row["frame"])
        except ValueError as error:
            place = f"line {line}, column frame"
            raise FormatError(self.name, place, "a whole number", repr(row["frame"])) from error

    def number(self, line: int, column: str, text: str) -> float:
        """The number in a cell, NaN where it is empty."""
        try:
            value = float(text) if text else float("nan")
        except ValueError:
            value = float("inf")
        if abs(value) > float(np.finfo(np.float32).max):
            place = f"line {line}, column {column}"
            raise FormatError(self.name, place, "a finite number or nothing", repr(text))
        return value


def _long(sheet: _Sheet) -> tuple[list[str], list[_Point]]:
    allowed = {"frame", "person", "joint", *_VALUES}
    unknown = [column for column in sheet.header if column not in allowed]
    if unknown or not {"x", "y"} <= set(sheet.header):
        expected = "columns frame, [person,] joint, x, y[, z][, confidence]"
        raise FormatError(sheet.name, "line 1", expected, ",".join(sheet.header)[:80])
    columns = [column for column in _VALUES if column in sheet.header]
    points = []
    for line, row in sheet.rows():
        values = tuple(sheet.number(line, column, row[column]) for column in columns)
        joint = _joint(row["joint"], sheet, line)
        person = row.get("person", "")
        points.append(_Point(line, sheet.frame(line, row), person, joint, _whole(values, columns)))
    return columns, points


def _joint(text: str, sheet: _Sheet, line: int) -> int:
    if text in sheet.layout.joints:
        return sheet.layout.index(text)
    if text.isascii() and text.isdigit() and int(text) < len(sheet.layout):
        return int(text)
    expected = f"a joint of {sheet.layout.name} by name, or 0 to {len(sheet.layout) - 1}"
    raise FormatError(sheet.name, f"line {line}, column joint", expected, repr(text))


def _wide(sheet: _Sheet) -> tuple[list[str], list[_Point]]:
    allowed = {f"{joint}_{value}" for joint in sheet.layout.joints for value in _VALUES}
    unknown = [c for c in sheet.header if c not in allowed | {"frame", "person"}]
    columns = [v for v in _VALUES if any(c.endswith(f"_{v}") for c in sheet.header)]
    if unknown or not {"x", "y"} <= set(columns):
        expected = f"columns frame, [person,] and <joint>_x, <joint>_y with {sheet.layout.name}"
        found = repr(unknown[0]) if unknown else ",".join(sheet.header)[:80]
        raise FormatError(sheet.name, "line 1", expected, found)
    points = []
    for line, row in sheet.rows():
        frame = sheet.frame(line, row)
        for index, joint in enumerate(sheet.layout.joints):
            names = [f"{joint}_{value}" for value in columns]
            values = tuple(sheet.number(line, one, row.get(one, "")) for one in names)
            whole = _whole(values, columns)
            points.append(_Point(line, frame, row.get("person", ""), index, whole))
    return columns, points


def _whole(values: tuple[float, ...], columns: list[str]) -> tuple[float, ...]:
    """The values with a place for the confidence at the end."""
    return values if "confidence" in columns else (*values, 1.0)


def _clip(points: list[_Point], name: str, layout: Layout, columns: list[str]) -> Clip:
    channels = len(columns) - ("confidence" in columns)
    first = min(point.frame for point in points)
    frames = max(point.frame for point in points) - first + 1
    persons = {person: i for i, person in enumerate(dict.fromkeys(p.person for p in points))}
    if frames * len(persons) * len(layout) > _LARGEST:
        expected = f"frame numbers that lie closer than {first} and {first + frames - 1}"
        raise FormatError(name, "column frame", expected, f"{frames} frames")
    table = np.full((len(persons), frames, len(layout), channels + 1), np.nan, np.float32)
    filled = np.zeros(table.shape[:3], bool)
    for point in points:
        place = persons[point.person], point.frame - first, point.joint
        if filled[place]:
            found = f"frame {point.frame}, joint {layout.joints[point.joint]} again"
            raise FormatError(name, f"line {point.line}", "each joint once a frame", found)
        filled[place] = True
        table[place] = point.values
    coords = table[..., :channels]
    coords[np.isnan(coords).any(axis=-1)] = np.nan
    try:
        return Clip(
            np.ascontiguousarray(coords),
            layout,
            ("x", "y", "z")[:channels],
            "camera_metres" if channels == 3 else "pixels",
            confidence=_confidence(table) if "confidence" in columns else None,
            id=Path(name).stem,
        )
    except GestaError as error:
        raise FormatError(name, "columns", "values that make a clip", str(error)) from error


def _confidence(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, T, V), 0 for missing joints."""
    there = ~np.isnan(table[..., 0])
    return np.where(there, np.nan_to_num(table[..., -1]), np.float32(0))
