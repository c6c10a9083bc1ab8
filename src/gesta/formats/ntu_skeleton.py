"""NTU RGB+D ``.skeleton`` text files (Kinect v2), and which of their bodies are kept.

A file is: the number of frames; for each frame the number of bodies; for each body a line of ten
numbers (the first is the body's id), the number of joints (25), and a line of twelve numbers a
joint: x y z (metres, camera space), depth x y, colour x y (1920x1080 pixels), orientation w x y z,
tracking state.

Public pipelines keep different bodies of these files, and accuracy depends on it:

``energy``
    2s-AGCN, MS-G3D. Bodies by their place in each frame; the two whose std(x) + std(y) + std(z)
    over the frames they are in is largest, the larger first. All frames stay, in camera space.
``first_two``
    ST-GCN. The first two bodies of each frame in file order, whoever they are.
``denoised``
    SGN, CTR-GCN. Bodies by id: frames without a body go; ids of 11 frames or fewer go; an id goes
    when in 69.754 % of its frames or more its width exceeds 0.8 of its height (furniture is wider
    than people), but never the last; ids in order of motion (sum of the variances of x, y and z
    over its well-shaped frames) become actor 1, or continue actor 1, else actor 2, when the frames
    between their first and last do not overlap with the actor's; the rest go. Coordinates are
    moved so that joint 2 (``spine``) of actor 1 in its first frame is the origin.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip, keep_persons, motion_of_persons
from gesta.errors import FormatError, GestaError
from gesta.formats.checks import file_bytes
from gesta.skeleton import get_layout

BODIES = ("energy", "first_two", "denoised")
FRAME_RATE, FRAME_SIZE = 30.0, (1920, 1080)
FILE_STEM = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
ACTIONS = 120
_JOINTS, _NUMBERS, _BODY_NUMBERS = 25, 12, 10
_COLUMNS = (0, 1, 2, 5, 6)
_SHORT, _WIDE, _WIDE_SHARE = 11, 0.8, 0.69754

Poses = NDArray[np.float64]


@dataclass(frozen=True)
class NtuBodies:
    """Every body of a file, one row for each frame that it is in, in file order.

    Args:
        frames: how many frames the file declares, T.
        frame: (B,) the frame of each row, from 0.
        place: (B,) the place of the body among those of its frame, from 0.
        id: (B,) the body's id.
        joints: (B, 25, 5) x, y, z in metres, colour x, y in pixels (NaN where not projected).
    """

    frames: int
    frame: NDArray[np.int64]
    place: NDArray[np.int64]
    id: NDArray[np.str_]
    joints: Poses


def read_ntu_skeleton(path: str | Path, bodies: str = "energy") -> Clip:
    """`parse_ntu_skeleton` of a file."""
    return parse_ntu_skeleton(file_bytes(path), str(path), bodies)


def parse_ntu_skeleton(data: bytes, name: str, bodies: str = "energy") -> Clip:
    """A clip of one ``.skeleton`` file.

    Args:
        data: the bytes of the file.
        name: its name, for messages; without folder and ending it is the clip's id, and one like
            ``S001C002P003R002A013`` says setup, camera, subject, replication and label (12).
        bodies: ``energy``, ``first_two`` or ``denoised``, see above.

    Returns:
        (M, T, 25, 3) metres with ``pixels``; M = 0 when no frame shows a body (T is then what the
        file declares). A body is NaN in frames without it or with all of it at the camera.

    Raises:
        FormatError: it is no such file (names the line), or its name says an unknown action.
        GestaError: ``bodies`` is none of the three.
    """
    if bodies not in BODIES:
        raise GestaError(f"bodies are {', '.join(BODIES)}; found {bodies!r}")
    rows = parse_ntu_bodies(data, name)
    joints = _denoised(rows) if bodies == "denoised" else _by_place(rows)
    clip = Clip(
        coords=joints[..., :3].astype(np.float32),
        layout=get_layout("kinect_v2_25"),
        pixels=joints[..., 3:].astype(np.float32),
        frame_rate=FRAME_RATE,
        frame_size=FRAME_SIZE,
        id=PurePosixPath(name).stem,
        **_recording(name),
    )
    if bodies == "first_two":
        return keep_persons(clip, np.arange(min(2, clip.persons)))
    if bodies == "energy" and clip.persons > 1:
        return keep_persons(clip, np.argsort(-motion_of_persons(clip), kind="stable")[:2])
    return clip


def _recording(name: str) -> dict[str, Any]:
    """What the name of a file says about its recording; nothing where it is another name."""
    match = FILE_STEM.match(PurePosixPath(name).name)
    if match is None:
        return {}
    setup, camera, subject, replication, action = map(int, match.groups())
    if not 1 <= action <= ACTIONS:
        raise FormatError(name, "name", f"an action from A001 to A{ACTIONS}", f"A{action:03d}")
    recording = {"setup": setup, "camera": camera, "replication": replication}
    return {**recording, "subject": str(subject), "label": action - 1}


def parse_ntu_bodies(data: bytes, name: str) -> NtuBodies:
    """All bodies of a ``.skeleton`` file, none chosen yet.

    Colour coordinates that are not finite (the sensor writes infinity for what its colour camera
    does not see) become NaN; positions must be finite.

    Raises:
        FormatError: it is no such file; names the line.
    """
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _fail(name, line - 1, "text", f"the byte {data[error.start]:#04x}")
    at, frames = 1, _count(name, lines, 0, "the number of frames")
    frame, place, ids, joints, starts = [], [], [], [], []
    for index in range(frames):
        here = _count(name, lines, at, "the number of bodies")
        at += 1
        for body in range(here):
            ids.append(_body_id(name, lines, at))
            frame.append(index)
            place.append(body)
            starts.append(at + 2)
            joints += lines[at + 2 : at + 2 + _JOINTS]
            at += 2 + _JOINTS
        if at > len(lines):
            _fail(name, len(lines) - 1, f"{frames} frames", f"the end of the file in frame {index}")
    _check_end(name, lines, at)
    # One space between two words, as the data set has it, allows the fast way.
    even = data.count(b" ") == len(joints) * (_NUMBERS - 1) + len(ids) * (_BODY_NUMBERS - 1)
    rows = _numbers(name, lines, joints if even else [], starts)
    return NtuBodies(
        frames,
        np.array(frame, np.int64),
        np.array(place, np.int64),
        np.array(ids, np.str_),
        rows.reshape(-1, _JOINTS, 5),
    )


def _fail(name: str, line: int, expected: str, found: str) -> NoReturn:
    raise FormatError(name, f"line {line + 1}", expected, found[:60])


def _count(name: str, lines: list[str], at: int, what: str) -> int:
    text = lines[at].strip() if at < len(lines) else ""
    if not text.isdecimal() or len(text) > 6:
        _fail(name, at, what, repr(text) if text else "nothing: the file ends too early")
    return int(text)


def _body_id(name: str, lines: list[str], at: int) -> str:
    joints = _count(name, lines, at + 1, "the number of joints")
    if joints != _JOINTS:
        _fail(name, at + 1, f"{_JOINTS} joints", str(joints))
    numbers = lines[at].split()
    if len(numbers) != _BODY_NUMBERS:
        _fail(name, at, f"{_BODY_NUMBERS} numbers of a body", f"{len(numbers)} words")
    return numbers[0]


def _check_end(name: str, lines: list[str], at: int) -> None:
    for line in range(at, len(lines)):
        if lines[line].strip():
            _fail(name, line, "the end of the file after its last frame", repr(lines[line]))


def _numbers(name: str, lines: list[str], joints: list[str], starts: list[int]) -> Poses:
    """(rows, 5) positions and colour pixels of the joints of the bodies that start at lines.

    ``joints`` are their lines if they can be converted at once, else empty.
    """
    rows = np.zeros((0, _NUMBERS))
    if joints:
        # Only the five columns that are kept are converted, in C: this is where the time goes;
        # with them the last, which says that a line is whole.
        columns = (*_COLUMNS, _NUMBERS - 1)
        with suppress(ValueError):
            rows = np.loadtxt(joints, np.float64, comments=None, usecols=columns, ndmin=2)
    if len(rows) != len(starts) * _JOINTS:
        rows = _numbers_with_care(name, lines, starts)
    rows = rows[:, : len(_COLUMNS)]
    positions, pixels = np.isfinite(rows[:, :3]), np.isfinite(rows[:, 3:])
    # Beyond this, float32 has no numbers and the Kinect no sight.
    positions &= np.abs(rows[:, :3]) < 1e6
    if not positions.all():
        row = int(np.flatnonzero(~positions.all(axis=1))[0])
        line = starts[row // _JOINTS] + row % _JOINTS
        _fail(name, line, "finite x, y and z in metres", repr(" ".join(lines[line].split()[:3])))
    rows[:, 3:][~(pixels & (np.abs(rows[:, 3:]) < 1e9)).all(axis=1)] = np.nan
    return rows


def _numbers_with_care(name: str, lines: list[str], starts: list[int]) -> Poses:
    """The same line by line: slower, takes any white space, and knows the line at fault."""
    rows = []
    for start in starts:
        for line in range(start, start + _JOINTS):
            if line >= len(lines):
                _fail(name, line, f"{_NUMBERS} numbers of a joint", "the end of the file")
            words = lines[line].split()
            if len(words) != _NUMBERS:
                _fail(name, line, f"{_NUMBERS} numbers of a joint", f"{len(words)} words")
            rows.append([_number(name, line, words[column]) for column in _COLUMNS])
    return np.array(rows, np.float64).reshape(-1, len(_COLUMNS))


def _number(name: str, line: int, word: str) -> float:
    # The C library of the recording machines writes infinity as 1.#INF and NaN as 1.#IND.
    if "#" in word:
        return float("nan")
    try:
        return float(word)
    except ValueError:
        _fail(name, line, "a number", repr(word))


def _by_place(rows: NtuBodies) -> Poses:
    """(M, T, 25, 5) bodies by their place in each frame; those that are never there go."""
    places = int(rows.place.max(initial=-1)) + 1
    joints = np.full((places, rows.frames, _JOINTS, 5), np.nan)
    there = rows.joints[..., :3].any(axis=(1, 2))
    joints[rows.place[there], rows.frame[there]] = rows.joints[there]
    return joints[~np.isnan(joints[..., 0]).all(axis=(1, 2))]


def _denoised(rows: NtuBodies) -> Poses:
    """(M, T', 25, 5) at most two actors over the frames that show a body."""
    there = rows.joints[..., :3].any(axis=(1, 2))
    frame, ids, joints = rows.frame[there], rows.id[there], rows.joints[there]
    # An id that stands twice in a frame keeps the first of the two.
    bodies = {}
    for name in dict.fromkeys(ids.tolist()):
        of_id = np.flatnonzero(ids == name)
        bodies[name] = of_id[np.unique(frame[of_id], return_index=True)[1]]
    if not bodies:
        return np.full((0, rows.frames, _JOINTS, 5), np.nan)
    long = {name: body for name, body in bodies.items() if len(body) > _SHORT}
    bodies = long or dict([max(bodies.items(), key=lambda item: len(item[1]))])
    order = _by_motion(bodies, joints[..., :3])
    actors = _actors([bodies[name] for name in order], frame, joints, rows.frames)
    kept = ~np.isnan(actors[..., 0]).all(axis=(0, 2))
    actors = actors[:, kept]
    first = int(np.flatnonzero(~np.isnan(actors[0, :, 1, 0]))[0])
    actors[..., :3] -= actors[0, first, 1, :3].copy()
    return actors


def _by_motion(bodies: dict[str, NDArray[np.int64]], positions: Poses) -> list[str]:
    """The ids that are shaped like people, those that move most first."""
    spans = np.ptp(positions, axis=1)
    shaped = spans[:, 0] <= _WIDE * spans[:, 1]
    left = list(bodies)
    for name, body in bodies.items():
        if len(left) > 1 and (~shaped[body]).mean() >= _WIDE_SHARE:
            left.remove(name)
    motion = {}
    for name in left:
        valid = bodies[name][shaped[bodies[name]]]
        points = positions[valid if len(valid) else bodies[name]].reshape(-1, 3)
        motion[name] = points.var(axis=0).sum()
    return sorted(left, key=lambda name: -motion[name])


def _actors(
    bodies: list[NDArray[np.int64]], frame: NDArray[np.int64], joints: Poses, frames: int
) -> Poses:
    """(1 or 2, T, 25, 5): each body goes to the first actor whose interval is free."""
    actors = np.full((2, frames, _JOINTS, 5), np.nan)
    intervals: list[tuple[int, int] | None] = [None, None]
    for body in bodies:
        start, stop = int(frame[body[0]]), int(frame[body[-1]])
        for actor, taken in enumerate(intervals):
            if taken is None or stop < taken[0] or start > taken[1]:
                actors[actor, frame[body]] = joints[body]
                low, high = taken or (start, stop)
                intervals[actor] = (min(low, start), max(high, stop))
                break
    return actors[: 2 if intervals[1] else 1]
