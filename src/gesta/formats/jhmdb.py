"""J-HMDB poses: BlazePose estimates of all clips in one npz, and the release's own annotations.

Both are in pixels of the 320 x 240 frame, x to the right, y down. The clips come from HMDB51,
which was brought to 30 frames a second (Kuehne et al. 2011, section 3).

The npz holds the rows of all clips one after the other: ``name`` (N,) as ``class/clip``,
``label`` (N,), ``class_names``, ``offset`` (N + 1,) rows, ``blaze_ok`` (rows,) whether a person
was found, ``split`` (N, 3) with 1 for train and 2 for test, and ``blaze_img`` (rows, 33, 4): x and
y as parts of the frame's width and height, z, visibility.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes, finite
from gesta.formats.matlab import expect_axes, matlab_array
from gesta.formats.npz import load_npz
from gesta.skeleton import get_layout

FRAME_SIZE = (320, 240)
FRAME_RATE = 30.0
MAT_KEY = "pos_img"
MAT_MEMBER = re.compile(r"(?:.*/)?([^/]+)/([^/]+)/joint_positions\.mat")
CLASSES = (
    *("brush_hair", "catch", "clap", "climb_stairs", "golf", "jump", "kick_ball", "pick", "pour"),
    *("pullup", "push", "run", "shoot_ball", "shoot_bow", "shoot_gun", "sit", "stand"),
    *("swing_baseball", "throw", "walk", "wave"),
)
_TABLES = ("name", "label", "class_names", "offset", "blaze_ok", "blaze_img", "split")


def source_of(name: str) -> str:
    """The video that a clip was cut from: what stands before ``_<class>_`` in the clip's name.

    Names are told apart within a class only ("class/video"): 410 in all. Across classes a few
    dozen clips are named after the same film, which no official split keeps together.
    """
    action, _, clip = name.partition("/")
    video, mark, _ = clip.rpartition(f"_{action}_")
    return f"{action}/{video if mark else clip}"


def is_jhmdb_npz(keys: list[str]) -> bool:
    """Whether an npz with these arrays holds the poses of J-HMDB."""
    return {"name", "offset", "blaze_img"} <= set(keys)


@dataclass(frozen=True)
class _Poses:
    """The tables of the npz, checked: rows of a clip are offset[i] up to offset[i + 1]."""

    names: list[str]
    labels: NDArray[np.int64]
    offset: NDArray[np.int64]
    coords: NDArray[np.float32]
    confidence: NDArray[np.float32]


def parse_jhmdb_npz(data: bytes, name: str) -> list[Clip]:
    """All clips: (1, T, 17, 2) pixels as ``coco_17``, confidence being BlazePose's visibility.

    A frame without a person is NaN with confidence 0; a clip without one in any frame has M = 0.

    Raises:
        FormatError: damaged, an array is missing or does not fit the others, a number is not
            finite, or a class is unknown.
    """
    poses = _poses(load_npz(data, name), name)
    clips = []
    for index, clip_name in enumerate(poses.names):
        rows = slice(int(poses.offset[index]), int(poses.offset[index + 1]))
        coords, confidence = poses.coords[None, rows], poses.confidence[None, rows]
        if np.isnan(coords).all():
            coords, confidence = coords[:0], confidence[:0]
        clips.append(
            Clip(
                coords,
                get_layout("coco_17"),
                ("x", "y"),
                "pixels",
                confidence=confidence,
                frame_rate=FRAME_RATE,
                frame_size=FRAME_SIZE,
                id=clip_name,
                label=int(poses.labels[index]),
                source=source_of(clip_name),
            )
        )
    return clips


def _poses(arrays: dict[str, NDArray[Any]], name: str) -> _Poses:
    absent = [key for key in _TABLES if key not in arrays]
    if absent:
        raise FormatError(name, "arrays", ", ".join(_TABLES), ", ".join(arrays) or "none")
    _check_sizes(arrays, name)
    names, offset = [str(one) for one in arrays["name"]], arrays["offset"].astype(np.int64)
    classes = [str(one) for one in arrays["class_names"]]
    unknown = [one for one in classes if one not in CLASSES]
    labels = arrays["label"].astype(np.int64)
    if unknown or not ((labels >= 0) & (labels < len(classes))).all():
        found = repr(unknown[0]) if unknown else f"label {labels.min()} to {labels.max()}"
        raise FormatError(name, "class_names and label", "classes of J-HMDB", found)
    wrong = [one for one, i in zip(names, labels, strict=True) if not _is_of(one, classes[i])]
    if wrong:
        expected = "names that begin with the label's class and a slash"
        raise FormatError(name, "name", expected, repr(wrong[0]))
    coords, confidence = _joints(arrays, name)
    order = np.array([CLASSES.index(one) for one in classes])
    return _Poses(names, order[labels], offset, coords, confidence)


def _is_of(clip: str, action: str) -> bool:
    return clip.startswith(f"{action}/")


def _check_sizes(arrays: dict[str, NDArray[Any]], name: str) -> None:
    rows = arrays["blaze_img"].shape[0] if arrays["blaze_img"].ndim else 0
    clips = arrays["name"].size
    wanted = {
        "blaze_img": (rows, 33, 4),
        "blaze_ok": (rows,),
        "name": (clips,),
        "label": (clips,),
        "offset": (clips + 1,),
        "split": (clips, 3),
    }
    kinds = {"blaze_img": "f", "blaze_ok": "b", "name": "U", "label": "iu"}
    for table, shape in wanted.items():
        array = arrays[table]
        if array.shape != shape or array.dtype.kind not in kinds.get(table, "iu"):
            text = f"{array.dtype} of {array.shape}"
            raise FormatError(name, f"array {table!r}", f"shape {shape}", text)
    offset = arrays["offset"].astype(np.int64)
    if offset[0] != 0 or offset[-1] != rows or (np.diff(offset) <= 0).any():
        found = f"{offset[0]} to {offset[-1]}"
        raise FormatError(name, "array 'offset'", f"growing rows from 0 to {rows}", found)


def _joints(
    arrays: dict[str, NDArray[Any]], name: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(rows, 17, 2) pixels with NaN where nobody was found, and (rows, 17) visibility."""
    landmarks = get_layout("mediapipe_33")
    index = [landmarks.index(joint) for joint in get_layout("coco_17").joints]
    joints = arrays["blaze_img"][:, index][..., [0, 1, 3]]
    found = arrays["blaze_ok"]
    joints = finite(np.where(found[:, None, None], joints, 0), name, "row joint channel")
    coords = joints[..., :2] * np.array(FRAME_SIZE, np.float32)
    coords[~found] = np.nan
    return coords, np.clip(joints[..., 2], 0, 1)


def parse_jhmdb_mat(data: bytes, name: str) -> Clip:
    """One clip of the release: (1, T, 15, 2) annotated pixels as ``jhmdb_15``.

    ``joint_positions/<class>/<clip>/joint_positions.mat`` with ``pos_img`` (2, 15, T), taken as
    they are: whether MATLAB's count of pixels from 1 is in them, the release does not say. Joints
    outside the frame are annotated too.

    Raises:
        FormatError: no such MATLAB file, another shape, a number that is not finite, or a folder
            that is no class of J-HMDB.
    """
    layout = get_layout("jhmdb_15")
    array = matlab_array(data, name, MAT_KEY)
    array = expect_axes(array, name, MAT_KEY, (2, len(layout), None))
    coords = finite(array, name, "channel joint frame").transpose(2, 1, 0)
    clip = Clip(
        np.ascontiguousarray(coords[None]),
        layout,
        ("x", "y"),
        "pixels",
        frame_rate=FRAME_RATE,
        frame_size=FRAME_SIZE,
    )
    match = MAT_MEMBER.fullmatch(Path(name).as_posix())
    if match is None:
        return clip.replace(id=Path(name).stem)
    action, video = match.groups()
    if action not in CLASSES:
        raise FormatError(name, "path", f"a class of {', '.join(CLASSES)}", action)
    named = f"{action}/{video}"
    return clip.replace(id=named, label=CLASSES.index(action), source=source_of(named))


def read_jhmdb_npz(path: str | Path) -> list[Clip]:
    """Read a file; see `parse_jhmdb_npz`."""
    return parse_jhmdb_npz(file_bytes(path), str(path))


def read_jhmdb_mat(path: str | Path) -> Clip:
    """Read a file; see `parse_jhmdb_mat`."""
    return parse_jhmdb_mat(file_bytes(path), str(path))
