"""The skeleton layouts gesta knows, each table once.

Joints of the same place carry the same name in every layout (Kinect v2's "spine base" is
``hip_centre`` as in Kinect v1, its "spine shoulder" is ``shoulder_centre``), so that layouts
map to each other by name.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from gesta.errors import LayoutError
from gesta.skeleton.layout import Layout, read_layout


def _sides(*parts: str) -> list[str]:
    return [f"{side}_{part}" for side in ("left", "right") for part in parts]


def _layout(name: str, joints: list[str], bones: str, centre: str, *origin: str) -> Layout:
    """Build a layout from bones written as "child:parent" index pairs."""
    pairs = [tuple(int(joint) for joint in bone.split(":")) for bone in bones.split()]
    index = joints.index
    return Layout(
        name,
        tuple(joints),
        tuple((child, parent) for child, parent in pairs),
        index(centre),
        tuple(index(joint) for joint in origin),
    )


_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")

_KINECT_V1_20 = _layout(
    "kinect_v1_20",
    ["hip_centre", "spine", "shoulder_centre", "head", *_sides(*_ARM), *_sides(*_LEG)],
    "1:0 2:1 3:2 4:2 5:4 6:5 7:6 8:2 9:8 10:9 11:10 12:0 13:12 14:13 15:14 16:0 17:16 18:17 19:18",
    "shoulder_centre",
    "spine",
)

_KINECT_V2_25 = _layout(
    "kinect_v2_25",
    [
        *("hip_centre", "spine", "neck", "head", *_sides(*_ARM), *_sides(*_LEG)),
        *("shoulder_centre", *_sides("hand_tip", "thumb")),
    ],
    "0:1 1:20 2:20 3:2 4:20 5:4 6:5 7:6 8:20 9:8 10:9 11:10 12:0 13:12 14:13 15:14 16:0 17:16 "
    "18:17 19:18 21:22 22:7 23:24 24:11",
    "shoulder_centre",
    "spine",
)

_OPENPOSE_18 = _layout(
    "openpose_18",
    [
        *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist"),
        *("left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"),
        *("left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
    ],
    "0:1 2:1 3:2 4:3 5:1 6:5 7:6 8:2 9:8 10:9 11:5 12:11 13:12 14:0 15:0 16:14 17:15",
    "neck",
    "neck",
)

_COCO_17 = _layout(
    "coco_17",
    [
        "nose",
        *(
            f"{side}_{part}"
            for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
            for side in ("left", "right")
        ),
    ],
    "1:0 2:0 3:1 4:2 5:0 6:0 7:5 8:6 9:7 10:8 11:5 12:6 13:11 14:12 15:13 16:14",
    "nose",
    "left_hip",
    "right_hip",
)

_MEDIAPIPE_33 = _layout(
    "mediapipe_33",
    [
        "nose",
        *_sides("eye_inner", "eye", "eye_outer"),
        *(
            f"{side}_{part}"
            for part in (
                *("ear", "mouth", "shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
                *("hip", "knee", "ankle", "heel", "foot_index"),
            )
            for side in ("left", "right")
        ),
    ],
    "1:0 2:1 3:2 4:0 5:4 6:5 7:3 8:6 9:0 10:0 11:0 12:0 13:11 14:12 15:13 16:14 17:15 18:16 "
    "19:15 20:16 21:15 22:16 23:11 24:12 25:23 26:24 27:25 28:26 29:27 30:28 31:29 32:30",
    "nose",
    "left_hip",
    "right_hip",
)

_SBU_15 = _layout(
    "sbu_15",
    [
        *("head", "neck", "torso", *_sides("shoulder", "elbow", "hand")),
        *_sides("hip", "knee", "foot"),
    ],
    "0:1 2:1 3:1 4:3 5:4 6:1 7:6 8:7 9:2 10:9 11:10 12:2 13:12 14:13",
    "neck",
    "torso",
)

_JHMDB_15 = _layout(
    "jhmdb_15",
    [
        *("neck", "belly", "face", "right_shoulder", "left_shoulder", "right_hip", "left_hip"),
        *("right_elbow", "left_elbow", "right_knee", "left_knee"),
        *("right_wrist", "left_wrist", "right_ankle", "left_ankle"),
    ],
    "1:0 2:0 3:0 4:0 5:1 6:1 7:3 8:4 9:5 10:6 11:7 12:8 13:9 14:10",
    "neck",
    "belly",
)

_LAYOUTS = {
    layout.name: layout
    for layout in (
        *(_KINECT_V1_20, _KINECT_V2_25, _OPENPOSE_18, _COCO_17),
        *(_MEDIAPIPE_33, _SBU_15, _JHMDB_15),
    )
}


def list_layouts() -> list[str]:
    """The names of the layouts that ship with gesta."""
    return list(_LAYOUTS)


def get_layout(name: str | Path | Layout) -> Layout:
    """A layout by its name, from a TOML file (``*.toml``), or unchanged if it is one already.

    Raises:
        LayoutError: no layout is called that.
        FormatError: a TOML file does not hold a layout.
    """
    if isinstance(name, Layout):
        return name
    if str(name).endswith(".toml"):
        return read_layout(name)
    if str(name) not in _LAYOUTS:
        near = get_close_matches(str(name), _LAYOUTS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LayoutError(
            f"unknown layout {str(name)!r}; {hint}known are {', '.join(_LAYOUTS)}, or give the "
            "path of a .toml file with your own"
        )
    return _LAYOUTS[str(name)]
