"""SYSU 3D HOI ``sklWorld.mat``: key ``SW``, (20, 3, T) metres in camera space, Kinect v1 joints."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from gesta.clip import Clip
from gesta.formats.checks import file_bytes, finite, without_zeros
from gesta.formats.matlab import expect_axes, matlab_array
from gesta.skeleton import get_layout

KEY = "SW"
FRAME_RATE = 30.0


def read_sysu_mat(path: str | Path) -> Clip:
    """`parse_sysu_mat` of a file."""
    return parse_sysu_mat(file_bytes(path), str(path))


def parse_sysu_mat(data: bytes, name: str) -> Clip:
    """A clip of one ``sklWorld.mat`` file.

    Args:
        data: the bytes of the file.
        name: its name, for messages and, without folder and ending, as the clip's id.

    Returns:
        (1, T, 20, 3) metres. Joints at exactly zero were not tracked: they are NaN, and the clip
        is empty (M = 0) if there are no others.

    Raises:
        FormatError: no MATLAB file, no key ``SW``, another shape, or numbers that are not finite.
    """
    array = expect_axes(matlab_array(data, name, KEY), name, KEY, (20, 3, None))
    coords = without_zeros(finite(array, name, "joint channel frame").transpose(2, 0, 1)[None])
    return Clip(
        coords=coords[~np.isnan(coords).all(axis=(1, 2, 3))],
        layout=get_layout("kinect_v1_20"),
        frame_rate=FRAME_RATE,
        id=PurePosixPath(name).stem,
    )
