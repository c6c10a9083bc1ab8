"""NW-UCLA skeletons: one JSON file a sequence, Kinect v1.

``{"file_name": "aAA_sSS_eEE_vVV", "skeletons": [T][20][3], "label": 1..10}``: action, subject,
execution and view; metres in the camera's space, y up, joints in the order of ``kinect_v1_20``.
Joints at exactly (0, 0, 0) are missing (12 in the whole data set).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes, finite, json_of, without_zeros
from gesta.skeleton import get_layout

# The data set numbers its actions with gaps; the place in here is the label.
ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)
CLIP_NAME = re.compile(r"a(\d+)_s(\d+)_e(\d+)_v(\d+)")


def is_ucla(table: object) -> bool:
    """Whether parsed JSON looks like a sequence of NW-UCLA."""
    return isinstance(table, Mapping) and "skeletons" in table and "file_name" in table


def parse_ucla_json(data: bytes, name: str) -> Clip:
    """One sequence: (1, T, 20, 3) metres; the frame rate is not stated.

    Raises:
        FormatError: no such JSON, a frame without 20 joints of 3 finite numbers, an unknown
            action, or an action and a label that contradict each other.
    """
    return clip_of_ucla(json_of(data, name), name)


def clip_of_ucla(table: object, name: str) -> Clip:
    """The clip of a parsed file; see `parse_ucla_json`."""
    if not isinstance(table, Mapping) or not is_ucla(table):
        raise FormatError(name, "top level", "keys file_name, skeletons, label", _kind(table))
    layout = get_layout("kinect_v1_20")
    coords = without_zeros(_frames(table["skeletons"], name, len(layout)))
    clip = Clip(coords[None], layout, id=str(table["file_name"]))
    match = CLIP_NAME.fullmatch(clip.id)
    if match is None:
        raise FormatError(name, "key 'file_name'", "aAA_sSS_eEE_vVV", repr(clip.id))
    action, subject, execution, view = (int(number) for number in match.groups())
    label = ACTIONS.index(action) if action in ACTIONS else -1
    if label < 0 or table.get("label", label + 1) != label + 1:
        known = ", ".join(str(number) for number in ACTIONS)
        found = f"action {action} with label {table.get('label')!r}"
        raise FormatError(name, "label", f"an action of {known} and its place from 1", found)
    return clip.replace(label=label, subject=str(subject), camera=view, replication=execution)


def _frames(skeletons: Any, name: str, joints: int) -> NDArray[np.float32]:  # noqa: ANN401
    try:
        array = np.asarray(skeletons, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0)
    if array.ndim == 3 and array.shape[1:] == (joints, 3) and len(array):
        return finite(array, name, "frame joint channel")
    place, found = _misshapen(skeletons, joints)
    raise FormatError(name, place, f"{joints} joints of 3 numbers", found)


def _misshapen(skeletons: Any, joints: int) -> tuple[str, str]:  # noqa: ANN401 - unknown JSON
    """Where the first frame is that is not as it should be, and what is there."""
    if not isinstance(skeletons, list) or not skeletons:
        return "key 'skeletons'", _kind(skeletons)
    for index, frame in enumerate(skeletons):
        place = f"skeletons, frame {index}"
        if not isinstance(frame, list) or len(frame) != joints:
            return place, _kind(frame)
        for joint, point in enumerate(frame):
            if not isinstance(point, list) or len(point) != 3:
                return f"{place}, joint {joint}", _kind(point)
            if not all(type(value) in (int, float) for value in point):
                return f"{place}, joint {joint}", f"{point}"[:60]
    return "key 'skeletons'", "numbers too large"


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"keys {', '.join(str(key) for key in list(value)[:8])}" if value else "no keys"
    return f"a list of {len(value)}" if isinstance(value, list) else type(value).__name__


def read_ucla_json(path: str | Path) -> Clip:
    """Read a file; see `parse_ucla_json`."""
    return parse_ucla_json(file_bytes(path), str(path))
