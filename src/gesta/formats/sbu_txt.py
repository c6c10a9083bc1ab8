"""SBU Kinect Interaction skeletons: ``skeleton_pos.txt``, two persons of 15 joints a frame.

A line a frame: its number, then x, y, z of the 15 joints of person 1, then of person 2, separated
by commas. The numbers n are normalised; the release gives the way back to the sensor's
millimetres: x = 1280 - 2560 n_x, y = 960 - 1920 n_y, z = 10000 n_z / 7.8125.

Convention: metres (those millimetres / 1000), right-handed, y up, z away from the camera, as
``camera_metres`` is elsewhere: a thigh is 0.43 long, the two stand 2.2 from the camera, and who
faces the other has the left shoulder on the left.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes, finite, text_of, without_zeros
from gesta.skeleton import get_layout

FRAME_RATE = 15.0
CLASSES = 8
PERSONS = 2
MEMBER = re.compile(r"(?:.*/)?(s\d{2}s\d{2})/(\d{2})/(\d{3})/skeleton_pos\.txt")

_SCALE = np.array([-2.560, -1.920, 10.0 / 7.8125])
_OFFSET = np.array([1.280, 0.960, 0.0])


def parse_sbu_txt(data: bytes, name: str) -> Clip:
    """One sequence: (2, T, 15, 3) metres at 15 frames a second.

    A path as in the release (``s01s02/03/001/skeleton_pos.txt``: actors, class, repetition) says
    the label, repetition and source (the set of the two actors); another leaves these unknown.

    Raises:
        FormatError: a line without 91 finite numbers, frame numbers with gaps, or a class that
            the data set does not have.
    """
    layout = get_layout("sbu_15")
    table = _table(text_of(data, name), name, 1 + PERSONS * len(layout) * 3)
    raw = without_zeros(table[:, 1:].reshape(-1, PERSONS, len(layout), 3))
    coords = (raw * _SCALE + _OFFSET).astype(np.float32).transpose(1, 0, 2, 3)
    clip = Clip(np.ascontiguousarray(coords), layout, frame_rate=FRAME_RATE)
    match = MEMBER.fullmatch(Path(name).as_posix())
    if match is None:
        return clip.replace(id=Path(name).stem)
    actors, action, repetition = match.groups()
    if not 1 <= int(action) <= CLASSES:
        raise FormatError(name, "path", f"a class from 01 to {CLASSES:02}", action)
    return clip.replace(
        id=f"{actors}/{action}/{repetition}",
        label=int(action) - 1,
        replication=int(repetition),
        source=actors,
    )


def _table(text: str, name: str, columns: int) -> NDArray[np.float32]:
    """(T, columns) numbers, the first being consecutive frame numbers."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        cells = line.strip().strip(",").split(",")
        if len(cells) != columns:
            expected, found = f"{columns} numbers", f"{len(cells)}"
            raise FormatError(name, f"line {number}", expected, found, "the file may be cut off")
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError as error:
            raise FormatError(name, f"line {number}", "numbers", str(error)) from error
    table = finite(np.asarray(rows), name, "frame number")
    steps = np.diff(table[:, 0])
    if not (steps == 1).all():
        row = int(np.flatnonzero(steps != 1)[0])
        found = f"{table[row + 1, 0]:g} after {table[row, 0]:g}"
        raise FormatError(name, f"frame {row + 1}", "consecutive frame numbers", found)
    return table


def read_sbu_txt(path: str | Path) -> Clip:
    """Read a file; see `parse_sbu_txt`."""
    return parse_sbu_txt(file_bytes(path), str(path))
