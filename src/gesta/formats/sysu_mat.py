"""SYSU 3D HOI ``sklWorld.mat``: key ``SW``, (20, 3, T) metres in camera space, Kinect v1 joints."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes, finite, without_zeros
from gesta.formats.matlab import expect_axes, matlab_array
from gesta.skeleton import get_layout

KEY = "SW"
ACTIONS = 12
FOLDER = re.compile(r"video(\d{1,3})", re.IGNORECASE)
FRAME_RATE = 30.0


def read_sysu_mat(path: str | Path) -> Clip:
    """`parse_sysu_mat` of a file."""
    return parse_sysu_mat(file_bytes(path), str(path))


def parse_sysu_mat(data: bytes, name: str) -> Clip:
    """A clip of one ``sklWorld.mat`` file.

    Args:
        data: the bytes of the file.
        name: its name, for messages; ``<subject>/video<1..12>/sklWorld.mat`` at its end says
            subject, label and id (``<subject>_video<k>``), else the id is its stem.

    Returns:
        (1, T, 20, 3) metres. Joints at exactly zero were not tracked: they are NaN, and the clip
        is empty (M = 0) if there are no others.

    Raises:
        FormatError: no MATLAB file, no key ``SW``, another shape, numbers that are not finite, or
            a video number that the data set does not have.
    """
    array = expect_axes(matlab_array(data, name, KEY), name, KEY, (20, 3, None))
    coords = without_zeros(finite(array, name, "joint channel frame").transpose(2, 0, 1)[None])
    return Clip(
        coords=coords[~np.isnan(coords).all(axis=(1, 2, 3))],
        layout=get_layout("kinect_v1_20"),
        frame_rate=FRAME_RATE,
        **_recording(name),
    )


def _recording(name: str) -> dict[str, Any]:
    parts = PurePosixPath(Path(name).as_posix()).parts
    match = FOLDER.fullmatch(parts[-2]) if len(parts) > 1 else None
    if match is None:
        return {"id": PurePosixPath(name).stem}
    label = int(match[1]) - 1
    if not 0 <= label < ACTIONS:
        raise FormatError(name, "name", f"video1 to video{ACTIONS}", parts[-2])
    if len(parts) == 2:
        return {"id": parts[-2], "label": label}
    return {"id": f"{parts[-3]}_{parts[-2]}", "label": label, "subject": parts[-3]}
