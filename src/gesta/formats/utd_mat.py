"""UTD-MHAD skeletons: one MATLAB file a sequence, ``d_skel`` (20, 3, T), Kinect v1.

Convention: metres in the camera's space, x to the left of a camera that looks along z, y up, as
Kinect gives them. The file's joints are in another order than Kinect's and are put in that of
``kinect_v1_20`` by name.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes, finite, without_zeros
from gesta.formats.matlab import expect_axes, matlab_array
from gesta.skeleton import get_layout

KEY = "d_skel"
FRAME_RATE = 30.0
ACTIONS = 27
FILE_NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_skeleton\.mat", re.IGNORECASE)

_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
JOINTS = (
    *("head", "shoulder_centre", "spine", "hip_centre"),
    *(f"{side}_{part}" for limb in (_ARM, _LEG) for side in ("left", "right") for part in limb),
)


def parse_utd_mat(data: bytes, name: str) -> Clip:
    """One sequence: (1, T, 20, 3) metres at 30 frames a second.

    A file named as in the release (``a1_s2_t3_skeleton.mat``) says its action (label 0..26),
    subject and repetition; another name leaves these unknown.

    Raises:
        FormatError: no such MATLAB file, another shape, a number that is not finite, or an action
            that the data set does not have.
    """
    layout = get_layout("kinect_v1_20")
    array = expect_axes(matlab_array(data, name, KEY), name, KEY, (len(layout), 3, None))
    numbers = finite(array, name, "joint channel frame").transpose(2, 0, 1)
    order = [JOINTS.index(joint) for joint in layout.joints]
    clip = Clip(without_zeros(numbers[None, :, order]), layout, frame_rate=FRAME_RATE)
    file = PurePosixPath(Path(name).as_posix()).name
    match = FILE_NAME.fullmatch(file)
    if match is None:
        return clip.replace(id=PurePosixPath(file).stem)
    action, subject, trial = (int(number) for number in match.groups())
    if not 1 <= action <= ACTIONS:
        raise FormatError(name, "file name", f"an action from a1 to a{ACTIONS}", f"a{action}")
    return clip.replace(
        id=f"a{action}_s{subject}_t{trial}",
        label=action - 1,
        subject=str(subject),
        replication=trial,
    )


def read_utd_mat(path: str | Path) -> Clip:
    """Read a file; see `parse_utd_mat`."""
    return parse_utd_mat(file_bytes(path), str(path))
