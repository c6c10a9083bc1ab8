"""Kinetics-Skeleton JSON: OpenPose's 18 joints in frames of 340x256, one file a clip.

``{"data": [{"frame_index": 1, "skeleton": [{"pose": [x0, y0, ...], "score": [...]}]}], "label":
"...", "label_index": 0}``. The people of a frame are in the detector's order and are not tracked.

Which of them are kept:

``highest_score``
    ST-GCN: of the first five people of a frame the two with the largest sum of scores, the larger
    first, frame by frame.
``all``
    Everyone, by place in each frame.

ST-GCN's subtraction of 0.5 and its loop to 300 frames are left to a model's input options.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from gesta.clip import Clip
from gesta.errors import FormatError, GestaError
from gesta.formats.checks import file_bytes, json_of
from gesta.skeleton import get_layout

BODIES = ("highest_score", "all")
FRAME_RATE, FRAME_SIZE = 30.0, (340, 256)
_JOINTS, _MOST_CONSIDERED, _KEPT = 18, 5, 2
# An index is a place in memory: a damaged one must not ask for all of it.
_MOST_FRAMES, _MOST_PEOPLE = 100_000, 1_000


def read_kinetics_json(path: str | Path, bodies: str = "highest_score") -> Clip:
    """`parse_kinetics_json` of a file."""
    return parse_kinetics_json(file_bytes(path), str(path), bodies)


def parse_kinetics_json(data: bytes, name: str, bodies: str = "highest_score") -> Clip:
    """A clip of one Kinetics-Skeleton file.

    Args:
        data: the bytes of the file.
        name: its name, for messages and, without folder and ending, as the clip's id.
        bodies: ``highest_score`` or ``all``, see above.

    Returns:
        (M, T, 18, 2) in ``unit_frame`` with ``confidence``; joints with a score of zero are NaN.
        T reaches to the last frame that is listed; M = 0 where no frame shows anyone. ``label`` is
        the file's ``label_index``. Scores slightly above one, as OpenPose gives, count as one.

    Raises:
        FormatError: it is no such file; names the frame.
        GestaError: ``bodies`` is none of the two.
    """
    if bodies not in BODIES:
        raise GestaError(f"bodies are {', '.join(BODIES)}; found {bodies!r}")
    content = kinetics_content(data, name)
    frames = [(_index(entry, at, name), entry, at) for at, entry in enumerate(content["data"])]
    numbers = [index for index, _, _ in frames]
    if len(set(numbers)) != len(numbers):
        raise FormatError(name, "data", "each frame_index once", "one that stands twice")
    first = min([1, *numbers])
    people = {index - first: _people(entry, at, name) for index, entry, at in frames}
    if bodies == "highest_score":
        people = {index: _best(poses) for index, poses in people.items()}
    persons = max((len(poses) for poses in people.values()), default=0)
    joints = np.full((persons, max(people, default=-1) + 1, _JOINTS, 3), np.nan, np.float32)
    for index, poses in people.items():
        joints[: len(poses), index] = poses
    # A place where no joint is ever seen is no person.
    joints = joints[~np.isnan(joints[..., 0]).all(axis=(1, 2))]
    label = content.get("label_index")
    return Clip(
        coords=np.ascontiguousarray(joints[..., :2]),
        layout=get_layout("openpose_18"),
        channels=("x", "y"),
        space="unit_frame",
        confidence=np.nan_to_num(joints[..., 2], nan=0.0),
        frame_rate=FRAME_RATE,
        frame_size=FRAME_SIZE,
        id=PurePosixPath(name).stem,
        label=label if isinstance(label, int) and label >= 0 else None,
    )


def kinetics_content(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object of a file, which has the list ``data``.

    Raises:
        FormatError: it is no JSON, or another one.
    """
    content = json_of(data, name)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise FormatError(name, "file", "an object with the list 'data'", "other JSON")
    return content


def _index(entry: Any, at: int, name: str) -> int:  # noqa: ANN401 - JSON is anything
    index = entry.get("frame_index") if isinstance(entry, dict) else None
    if type(index) is not int or not 0 <= index <= _MOST_FRAMES:
        raise FormatError(name, f"data[{at}]", "a whole frame_index from 0", repr(index)[:40])
    return index


def _people(entry: dict[str, Any], at: int, name: str) -> np.ndarray:
    """(people, 18, 3) x, y, score of a frame; NaN where the score is zero."""
    skeletons = entry.get("skeleton")
    if not isinstance(skeletons, list) or len(skeletons) > _MOST_PEOPLE:
        raise FormatError(name, f"data[{at}]", "a list 'skeleton' of people", "none")
    poses = np.empty((len(skeletons), _JOINTS, 3), np.float32)
    for person, skeleton in enumerate(skeletons):
        place = f"data[{at}] person {person}"
        part = skeleton if isinstance(skeleton, dict) else {}
        poses[person, :, :2] = _floats(part.get("pose"), 2 * _JOINTS, place, name).reshape(-1, 2)
        poses[person, :, 2] = _floats(part.get("score"), _JOINTS, place, name)
    if (poses[..., 2] < 0).any():
        raise FormatError(name, f"data[{at}]", "scores from 0", str(poses[..., 2].min()))
    poses[..., 2] = np.minimum(poses[..., 2], 1)
    poses[poses[..., 2] == 0] = np.nan
    return poses


def _floats(values: Any, size: int, place: str, name: str) -> np.ndarray:  # noqa: ANN401
    """(size,) finite float32 numbers of a JSON list."""
    if not isinstance(values, list) or len(values) != size:
        found = f"{len(values)}" if isinstance(values, list) else repr(values)[:40]
        raise FormatError(name, place, f"a list of {size} numbers", found)
    if not all(type(value) in (int, float) and abs(value) < 1e9 for value in values):
        raise FormatError(name, place, f"{size} finite numbers", "something else among them")
    return np.array(values, np.float32)


def _best(poses: np.ndarray) -> np.ndarray:
    considered = poses[:_MOST_CONSIDERED]
    order = np.argsort(-np.nansum(considered[..., 2], axis=1), kind="stable")
    return considered[order[:_KEPT]]
