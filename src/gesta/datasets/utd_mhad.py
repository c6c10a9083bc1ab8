"""UTD-MHAD: 27 actions by 8 subjects, Kinect v1 skeletons, one MATLAB file a sequence."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded
from gesta.datasets.registry import register_dataset
from gesta.formats.utd_mat import FILE_NAME, FRAME_RATE, parse_utd_mat

CLASSES = (
    *("swipe_left", "swipe_right", "wave", "clap", "throw", "arm_cross", "basketball_shoot"),
    *("draw_x", "draw_circle_clockwise", "draw_circle_counter_clockwise", "draw_triangle"),
    *("bowling", "boxing", "baseball_swing", "tennis_swing", "arm_curl", "tennis_serve", "push"),
    *("knock", "catch", "pickup_throw", "jog", "walk", "sit_to_stand", "stand_to_sit", "lunge"),
    "squat",
)


def selects(name: str) -> bool:
    """``a1_s1_t1_skeleton.mat`` and the like, wherever they lie."""
    return FILE_NAME.fullmatch(PurePosixPath(name).name) is not None


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """The one clip of a file."""
    return [parse_utd_mat(data, name)]


def protocols(recorded: Recorded, side: Any) -> list[Protocol]:  # noqa: ANN401
    """Cross-subject: subjects 1, 3, 5, 7 train (431 sequences), 2, 4, 6, 8 test (430)."""
    return [
        Protocol(
            "cross_subject",
            separates=("subject",),
            column="subject",
            train=("1", "3", "5", "7"),
            test=("2", "4", "6", "8"),
            note=f"Chen et al. 2015: 431 train, 430 test; {FRAME_RATE:g} frames a second",
        )
    ]


UTD_MHAD = register_dataset(
    DataSet(
        name="utd_mhad",
        title="UTD-MHAD",
        expects="Skeleton/a1_s1_t1_skeleton.mat and the like (Skeleton.zip)",
        selects=selects,
        parse=parse,
        layout="kinect_v1_20",
        classes=CLASSES,
        protocols=protocols,
        protocol_names=("cross_subject",),
        licence="research use; see the terms of its authors",
        citation="C. Chen, R. Jafari, N. Kehtarnavaz: UTD-MHAD: a multimodal dataset for human "
        "action recognition utilizing a depth camera and a wearable inertial sensor, ICIP 2015",
    )
)
