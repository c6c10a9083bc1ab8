"""SBU Kinect Interaction: 8 actions of two people, 282 sequences of 21 pairs.

A pair is not a person: s01 acts with s02, s03 and s07. The published folds keep the recordings of
a pair together but not those of a person, so a clip's ``source`` is the pair, ``subject`` is left
open, and the folds claim to separate sources only.
"""

from __future__ import annotations

from typing import Any

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded
from gesta.datasets.registry import register_dataset
from gesta.formats.sbu_txt import MEMBER, parse_sbu_txt

CLASSES = (
    *("approaching", "departing", "kicking", "pushing", "shaking_hands", "hugging"),
    *("exchanging", "punching"),
)
SETS = (
    *("s01s02", "s01s03", "s01s07", "s02s01", "s02s03", "s02s06", "s02s07", "s03s02", "s03s04"),
    *("s03s05", "s03s06", "s04s02", "s04s03", "s04s06", "s05s02", "s05s03", "s06s02", "s06s03"),
    *("s06s04", "s07s01", "s07s03"),
)
# Which of the 21 sets test in each fold, counted from 1, as the release has it.
FOLDS = ((1, 9, 15, 19), (5, 7, 10, 16), (2, 3, 20, 21), (4, 6, 8, 11), (12, 13, 14, 17, 18))


def selects(name: str) -> bool:
    """``s01s02/01/001/skeleton_pos.txt`` and the like, wherever they lie."""
    return MEMBER.fullmatch(name) is not None


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """The one clip of a file."""
    return [parse_sbu_txt(data, name)]


def protocols(recorded: Recorded, side: Any) -> list[Protocol]:  # noqa: ANN401
    """The five folds of the release."""
    return [
        Protocol(
            f"fold_{number}",
            separates=("source",),
            column="source",
            test=tuple(SETS[place - 1] for place in places),
            note="Yun et al. 2012: five folds over the 21 pairs; a person acts in several pairs "
            "and so on both sides",
        )
        for number, places in enumerate(FOLDS, start=1)
    ]


SBU = register_dataset(
    DataSet(
        name="sbu",
        title="SBU Kinect Interaction",
        expects="s01s02/01/001/skeleton_pos.txt and the like",
        selects=selects,
        parse=parse,
        layout="sbu_15",
        classes=CLASSES,
        protocols=protocols,
        protocol_names=("folds",),
        licence="research use; see the terms of its authors",
        citation="K. Yun, J. Honorio, D. Chattopadhyay, T. L. Berg, D. Samaras: Two-person "
        "interaction detection using body-pose features and multiple instance learning, "
        "CVPR Workshops 2012",
    )
)
