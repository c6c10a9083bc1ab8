"""Northwestern-UCLA Multiview Action 3D: 10 actions by 10 subjects from three views, Kinect v1.

The JSON files that are passed around hold 95 sequences of view 3 that are byte for byte those of
another view under the same action (``a03_s01_e02_v03`` is ``a03_s01_e02_v02``): of the published
cross-view protocol's 464 test clips, 95 are also training clips. ``cross_view`` is that protocol,
for comparison; ``cross_view_clean`` leaves them out of the test part.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded
from gesta.datasets.registry import register_dataset
from gesta.formats.ucla_json import CLIP_NAME, parse_ucla_json

CLASSES = (
    *("pick_up_with_one_hand", "pick_up_with_two_hands", "drop_trash", "walk_around", "sit_down"),
    *("stand_up", "donning", "doffing", "throw", "carry"),
)
SUBJECTS = tuple(str(subject) for subject in range(1, 11))
DUPLICATES = 95
_SIT_DOWN, _STAND_UP = CLASSES.index("sit_down"), CLASSES.index("stand_up")
CORRECTIONS = {
    **{f"a05_s04_e0{execution}_v02": _STAND_UP for execution in range(6)},
    **{f"a06_s04_e0{execution}_v02": _SIT_DOWN for execution in range(5)},
}
_FILE = re.compile(CLIP_NAME.pattern + r"\.json")


def selects(name: str) -> bool:
    """``a01_s01_e00_v01.json`` and the like, wherever they lie."""
    return _FILE.fullmatch(PurePosixPath(name).name) is not None


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """The one clip of a file."""
    return [parse_ucla_json(data, name)]


def protocols(recorded: Recorded, side: Any) -> list[Protocol]:  # noqa: ANN401
    """Cross-view as published and without its duplicates, and folds of one subject each."""
    views = {"column": "camera", "train": ("1", "2"), "test": ("3",)}
    published = Protocol(
        "cross_view",
        separates=("camera",),
        **views,  # type: ignore[arg-type]
        known_duplicates=DUPLICATES,
        note="Wang et al. 2014: views 1 and 2 train (1,020), view 3 tests (464); "
        f"{DUPLICATES} of the test clips are identical to training clips in the files that are "
        "passed around; cross_view_clean leaves them out",
    )
    clean = Protocol(
        "cross_view_clean",
        separates=("camera",),
        **views,  # type: ignore[arg-type]
        drop_test_duplicates=True,
        note="cross_view without the test clips that are identical to training clips: "
        "1,020 train, 369 test",
    )
    there = [subject for subject in SUBJECTS if subject in set(recorded.subject)]
    folds = [
        Protocol(
            f"fold_{subject}",
            separates=("subject",),
            column="subject",
            test=(subject,),
            note=f"subject {subject} tests, all others train",
        )
        for subject in there
        if len(there) > 1
    ]
    return [published, clean, *folds]


NW_UCLA = register_dataset(
    DataSet(
        name="nw_ucla",
        title="Northwestern-UCLA Multiview Action 3D",
        expects="all_sqe/a01_s01_e00_v01.json and the like",
        selects=selects,
        parse=parse,
        layout="kinect_v1_20",
        classes=CLASSES,
        corrections=CORRECTIONS,
        protocols=protocols,
        protocol_names=("cross_view", "cross_view_clean", "folds"),
        licence="research use; see the terms of its authors",
        citation="J. Wang, X. Nie, Y. Xia, Y. Wu, S.-C. Zhu: Cross-view action modeling, learning "
        "and recognition, CVPR 2014",
    )
)
