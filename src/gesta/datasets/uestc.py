"""UESTC RGB-D varying-view: 40 exercises by 118 subjects from 8 viewpoints, Kinect v2 joints."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import Any

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded, VideoNames
from gesta.datasets.registry import register_dataset
from gesta.formats.uestc import FILE_STEM, parse_uestc_mat, parse_uestc_text

CLASSES = tuple(
    """punching and knee lifting; marking time and knee lifting; jumping jack; squatting;
    forward lunging; left lunging; left stretching; raising hand and jumping; left kicking;
    rotation clapping; front raising; pulling chest expanders; punching; wrist circling;
    single dumbbell raising; shoulder raising; elbow circling; dumbbell one-arm shoulder pressing;
    arm circling; dumbbell shrugging; pinching back; head anticlockwise circling;
    shoulder abduction; deltoid muscle stretching; straight forward flexion; spinal stretching;
    dumbbell side bend; standing opposite elbow to knee crunch; standing rotation;
    overhead stretching; upper back stretching; knee to chest; knee circling;
    alternate knee lifting; bent over twist; rope skipping; standing toe touches;
    standing gastrocnemius calf; single leg lateral hopping;
    high knees running""".replace("\n    ", " ").split("; ")
)

TRAIN_SUBJECTS = tuple(
    (
        "1 2 6 12 13 16 21 24 28 29 30 31 33 35 39 41 42 45 47 50 52 54 55 57 59 61 63 64 67 69 70 "
        "71 73 77 81 84 86 87 88 90 91 93 96 99 102 103 104 107 108 112 113"
    ).split()
)
EVEN, ODD = ("0", "2", "4", "6"), ("1", "3", "5", "7")


def selects(name: str) -> bool:
    """``a0_d1_p001_c1_skeleton.txt`` and the like, or the same with ``.mat``."""
    path = PurePosixPath(name)
    return FILE_STEM.match(path.name) is not None and path.suffix.lower() in (".txt", ".mat")


def clip_of_video(path: str) -> str | None:
    """``a0_d1_p001_c1_color``, as in the release's folder ``RGBvideo``."""
    name = PurePosixPath(path).name
    return name.removesuffix("_color") if FILE_STEM.match(name) else None


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """The one clip of a file."""
    text = PurePosixPath(name).suffix.lower() == ".txt"
    return [(parse_uestc_text if text else parse_uestc_mat)(data, name)]


def protocols(recorded: Recorded, side: Any) -> list[Protocol]:  # noqa: ANN401
    """Cross-subject, and cross-view II both ways; its group is ``cross_view_2``.

    Recordings whose view varies (viewpoint 8) take part in cross-subject only.
    """
    by_view = partial(Protocol, column="setup", separates=("setup",))
    return [
        Protocol(
            "cross_subject",
            separates=("subject",),
            column="subject",
            train=TRAIN_SUBJECTS,
            note=f"{len(TRAIN_SUBJECTS)} subjects train",
        ),
        by_view("cross_view_2_1", train=EVEN, test=ODD, note=_note("even", "odd")),
        by_view("cross_view_2_2", train=ODD, test=EVEN, note=_note("odd", "even")),
    ]


def _note(train: str, test: str) -> str:
    return (
        f"{train} viewpoints train, {test} test (front is 0, varying views take no part); report "
        "both ways and their mean"
    )


UESTC = register_dataset(
    DataSet(
        name="uestc",
        title="UESTC RGB-D varying-view",
        expects="a0_d1_p001_c1_skeleton.txt and the like, or .mat",
        selects=selects,
        parse=parse,
        layout="kinect_v2_25",
        classes=CLASSES,
        protocols=protocols,
        protocol_names=("cross_subject", "cross_view_2"),
        videos=VideoNames("a0_d1_p001_c1_color.avi and the like", clip_of_video),
        licence="research use; see the terms of its authors",
        citation="Y. Ji, F. Xu, Y. Yang, F. Shen, H. T. Shen, W.-S. Zheng: A large-scale RGB-D "
        "database for arbitrary-view human action recognition, ACM Multimedia 2018",
    )
)
