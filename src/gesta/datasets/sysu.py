"""SYSU 3D HOI: 12 activities with objects by 40 subjects, Kinect v1 skeletons."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded, VideoNames
from gesta.datasets.registry import register_dataset
from gesta.formats.sysu_mat import FOLDER, parse_sysu_mat

CLASSES = (
    *("drinking", "pouring", "calling phone", "playing phone", "wearing backpack"),
    *("packing backpack", "sitting chair", "moving chair", "taking out wallet"),
    *("taking from wallet", "mopping", "sweeping"),
)
SPLITS = 30


def selects(name: str) -> bool:
    """``<subject>/video<1..12>/sklWorld.mat``, wherever it lies."""
    return PurePosixPath(name).name.lower() == "sklworld.mat"


def clip_of_video(path: str) -> str | None:
    """Colour frames beside a skeleton, or a video: ``<subject>/video<1..12>`` and what is in it.

    Reconstructed: how the release names the files in that folder could not be seen.
    """
    parts = PurePosixPath(path).parts
    for subject, folder in zip(parts[:-1], parts[1:], strict=True):
        if FOLDER.fullmatch(folder):
            return f"{subject}_{folder}"
    return None


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """The one clip of a file."""
    return [parse_sysu_mat(data, name)]


def protocols(recorded: Recorded, side: Any) -> list[Protocol]:  # noqa: ANN401
    """Thirty random halves by sequence of each class (setting 1) and by subject (setting 2).

    The halves of the papers are not published. These are drawn from a generator seeded with the
    setting and the split, over sorted names, so they are the same wherever all clips are.
    """
    by_class: dict[int, list[str]] = {}
    for name, label in zip(recorded.ids, recorded.labels.tolist(), strict=True):
        if label >= 0:
            by_class.setdefault(label, []).append(name)
    subjects = {subject for subject in recorded.subject if subject is not None}
    found = []
    for number in range(1, SPLITS + 1):
        random = np.random.default_rng((1, number))
        train = [name for label in sorted(by_class) for name in _half(by_class[label], random)]
        found.append(
            Protocol(f"setting_1_{number:02d}", train_ids=tuple(train), note=_note("sequences"))
        )
    for number in range(1, SPLITS + 1 if len(subjects) > 1 else 0):
        half = tuple(_half(subjects, np.random.default_rng((2, number))))
        found.append(
            Protocol(
                f"setting_2_{number:02d}",
                separates=("subject",),
                column="subject",
                train=half,
                note=_note("subjects"),
            )
        )
    return found


def _half(names: Iterable[str], random: np.random.Generator) -> list[str]:
    """Half of the names, the larger half of an odd number."""
    ordered = sorted(names)
    chosen = random.permutation(len(ordered))[: (len(ordered) + 1) // 2]
    return [ordered[index] for index in sorted(chosen.tolist())]


def _note(what: str) -> str:
    return f"a random half of the {what} trains; report mean and deviation over {SPLITS}"


SYSU = register_dataset(
    DataSet(
        name="sysu",
        title="SYSU 3D HOI",
        expects="3DvideoNorm/<subject>/video<1..12>/sklWorld.mat",
        selects=selects,
        parse=parse,
        layout="kinect_v1_20",
        classes=CLASSES,
        protocols=protocols,
        protocol_names=("setting_1", "setting_2"),
        videos=VideoNames("<subject>/video<1..12>/ with colour frames or a video", clip_of_video),
        licence="research use; see the terms of its authors",
        citation="J.-F. Hu, W.-S. Zheng, J. Lai, J. Zhang: Jointly learning heterogeneous features "
        "for RGB-D activity recognition, CVPR 2015",
    )
)
