"""UESTC varying-view skeletons, ``.txt`` with colour pixels and ``.mat`` without; Kinect v2 joints.

Text: for each frame a line ``#`` and then 75 lines, three a joint: ``x y z 0`` (metres), ``u v 1``
(pixel of the 960x540 colour frame), ``u v 2`` (depth pixel). MATLAB: key ``skel``, (T, 25, 3)
metres.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.clip.clip import Floats
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes, finite, without_zeros
from gesta.formats.matlab import expect_axes, matlab_array
from gesta.skeleton import get_layout

FRAME_RATE, FRAME_SIZE = 30.0, (960, 540)
KEY = "skel"
FILE_STEM = re.compile(r"a(\d{1,3})_d([1-8])_p(\d{1,3})_c([12])(?:_|\.|$)", re.IGNORECASE)
ACTIONS, VARYING = 40, 8
_JOINTS = 25
_FRAME_LINES = 1 + 3 * _JOINTS
# Of the ten words of a joint: those that are kept, and those that number its three lines.
_COLUMNS, _MARKS = (0, 1, 2, 4, 5), ((3, "0"), (6, "1"), (9, "2"))
_LINES = ("x y z 0", "u v 1", "u v 2")


def read_uestc_text(path: str | Path) -> Clip:
    """`parse_uestc_text` of a file."""
    return parse_uestc_text(file_bytes(path), str(path))


def read_uestc_mat(path: str | Path) -> Clip:
    """`parse_uestc_mat` of a file."""
    return parse_uestc_mat(file_bytes(path), str(path))


def parse_uestc_text(data: bytes, name: str) -> Clip:
    """A clip of one ``*_skeleton.txt`` file.

    Args:
        data: the bytes of the file.
        name: its name, for messages; without folder and ending it is the clip's id, and one like
            ``a12_d3_p045_c2_skeleton`` says label, viewpoint, subject and camera.

    Returns:
        (1, T, 25, 3) metres with ``pixels``. Joints at exactly zero were not tracked: they are
        NaN, and the clip is empty (M = 0) if there are no others. A pixel that is not finite is
        NaN: the colour camera does not see it.

    Raises:
        FormatError: it is no such file; names the line.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        _fail(name, line, "text", f"the byte {data[error.start]:#04x}")
    if not text.strip():
        _fail(name, 0, "'#' at the start of a frame", "an empty file")
    lines = text.rstrip().split("\n")
    values = np.concatenate(
        [_frame(name, lines, start) for start in range(0, len(lines), _FRAME_LINES)]
    ).astype(np.float32)
    return _clip(values[..., :3], values[..., 3:], name)


def parse_uestc_mat(data: bytes, name: str) -> Clip:
    """A clip of one ``.mat`` file, (1, T, 25, 3) metres without ``pixels``.

    Args:
        data: the bytes of the file.
        name: its name, for messages; without folder and ending it is the clip's id, and one like
            ``a12_d3_p045_c2_skeleton`` says label, viewpoint, subject and camera.

    Raises:
        FormatError: no MATLAB file, no key ``skel``, another shape, or numbers that are not finite.
    """
    array = expect_axes(matlab_array(data, name, KEY), name, KEY, (None, _JOINTS, 3))
    return _clip(finite(array, name, "frame joint channel"), None, name)


def _clip(coords: Floats, pixels: Floats | None, name: str) -> Clip:
    coords = without_zeros(coords[None])
    persons = slice(0, int(not np.isnan(coords).all()))
    if pixels is not None:
        seen = np.isfinite(coords[..., :1]) & np.isfinite(pixels).all(axis=-1, keepdims=True)
        pixels = np.where(seen, pixels, np.float32(np.nan))[persons]
    return Clip(
        coords=coords[persons],
        layout=get_layout("kinect_v2_25"),
        pixels=pixels,
        frame_rate=FRAME_RATE,
        frame_size=FRAME_SIZE,
        id=PurePosixPath(name).stem.removesuffix("_skeleton"),
        **_recording(name),
    )


def _recording(name: str) -> dict[str, Any]:
    """What a file's name says; ``setup`` is the viewpoint.

    Camera 1 stands in front: viewpoint 0. Camera 2 stands at viewpoint d = 1..7. In recordings
    with d = 8 the view varies while they run: viewpoint 8, whichever camera.
    """
    match = FILE_STEM.match(PurePosixPath(name).name)
    if match is None:
        return {}
    action, direction, subject, camera = map(int, match.groups())
    if action >= ACTIONS:
        raise FormatError(name, "name", f"an action from a0 to a{ACTIONS - 1}", f"a{action}")
    setup = VARYING if direction == VARYING else direction * (camera - 1)
    return {"label": action, "setup": setup, "subject": str(subject), "camera": camera}


def _frame(name: str, lines: list[str], start: int) -> NDArray[np.float64]:
    """(1, 25, 5) x, y, z, u, v of the frame that begins at a line."""
    if lines[start].strip() != "#":
        _fail(name, start, "'#' at the start of a frame", repr(lines[start].strip()))
    words = " ".join(lines[start + 1 : start + _FRAME_LINES]).split()
    try:
        values = np.array([list(map(float, words[column::10])) for column in _COLUMNS]).T
        marks = all(set(words[column::10]) == {mark} for column, mark in _MARKS)
        # Beyond this, float32 has no numbers and the Kinect no sight.
        whole = len(words) == 10 * _JOINTS and (np.abs(values[:, :3]) < 1e6).all()
    except ValueError:
        marks = whole = False
    if not (marks and whole):
        _find_fault(name, lines, start)
    values[:, 3:][~(np.abs(values[:, 3:]) < 1e9)] = np.nan
    return values[None]


def _find_fault(name: str, lines: list[str], start: int) -> NoReturn:
    """Raise for the first line that is not what stands there in a whole frame."""
    for index in range(_FRAME_LINES - 1):
        at, kind = start + 1 + index, index % 3
        if at >= len(lines):
            _fail(name, at, _LINES[kind], "the end of the file")
        words = lines[at].split()
        numbers = [_number(word) for word in words[:-1]]
        right = len(words) == len(_LINES[kind].split()) and words[-1] == str(kind)
        # A pixel may be infinite: that is what the sensor says of joints its camera misses.
        if not right or None in numbers or (kind == 0 and not _is_position(numbers)):
            _fail(name, at, _LINES[kind], repr(lines[at].strip()))
    _fail(name, start, f"{_JOINTS} joints of three lines", "lines with other words")


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _is_position(numbers: list[float | None]) -> bool:
    return all(number is not None and abs(number) < 1e6 for number in numbers)


def _fail(name: str, line: int, expected: str, found: str) -> NoReturn:
    raise FormatError(name, f"line {line + 1}", expected, found[:60])
