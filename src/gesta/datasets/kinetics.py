"""Kinetics-Skeleton, and its 30 classes of Kinetics-Motion: OpenPose joints of web videos."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from gesta.archive import Protocol
from gesta.clip import Clip, keep_persons
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded, VideoNames
from gesta.datasets.registry import register_dataset
from gesta.datasets.source import Source
from gesta.errors import FormatError
from gesta.formats.checks import json_of
from gesta.formats.kinetics_json import BODIES, kinetics_content, parse_kinetics_json

MOTION_CLASSES = (
    *("belly dancing", "punching bag", "capoeira", "squat", "windsurfing", "skipping rope"),
    *("swimming backstroke", "hammer throw", "throwing discus", "tobogganing", "hopscotch"),
    *("hitting baseball", "roller skating", "arm wrestling", "snatch weight lifting", "tai chi"),
    *("riding mechanical bull", "salsa dancing", "hurling (sport)", "lunge", "skateboarding"),
    *("country line dancing", "juggling balls", "surfing crowd", "deadlifting"),
    *("clean and jerk", "crawling baby", "push up", "front raises", "pull ups"),
)
PARTS = ("train", "val")
CLASSES = 400
# Clips last 10 s, give or take what a cut at key frames adds.
LONGEST = 12.0
_VIDEO_STEM = re.compile(r"([A-Za-z0-9_-]{11})(?:_\d{6}_\d{6})?")


@dataclass(frozen=True)
class Labels:
    """What the files ``kinetics_train_label.json`` and ``kinetics_val_label.json`` say.

    Args:
        clips: for each file stem (label index or None, has a skeleton).
        names: the name of each label index that occurs.
    """

    clips: Mapping[str, tuple[int | None, bool]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)


def selects(name: str) -> bool:
    """All JSON files but the label files, wherever they lie."""
    return name.lower().endswith(".json") and not is_label_file(name)


def is_label_file(name: str) -> bool:
    """``kinetics_train_label.json`` and ``kinetics_val_label.json``."""
    return PurePosixPath(name).name.lower().endswith("_label.json")


def side(source: Source) -> Labels:
    """The labels that stand beside the clips, where they do.

    Raises:
        FormatError: a label file is none.
    """
    clips: dict[str, tuple[int | None, bool]] = {}
    names: dict[int, str] = {}
    for name, data in source.members(is_label_file):
        content = json_of(data, name)
        if not isinstance(content, dict):
            raise FormatError(name, "file", "an object with an entry for each clip", "other JSON")
        for stem, entry in content.items():
            if not isinstance(entry, dict):
                raise FormatError(name, f"key {stem!r}", "label, label_index, has_skeleton", "none")
            index = entry.get("label_index")
            index = index if type(index) is int and 0 <= index < CLASSES else None
            clips[stem] = (index, bool(entry.get("has_skeleton", True)))
            if index is not None and isinstance(entry.get("label"), str):
                names[index] = _plain(entry["label"])
    return Labels(clips, names)


def clip_of_video(path: str) -> str | None:
    """A video's id at YouTube, alone or with the seconds that were cut: ``_000097_000107``."""
    match = _VIDEO_STEM.fullmatch(PurePosixPath(path).name)
    return None if match is None else match[1]


def parse(name: str, data: bytes, options: ParseOptions, motion: bool) -> list[Clip]:
    """The clip of a file; for Kinetics-Motion none where its class is not one of the 30.

    Its id is the file's stem, behind ``train/`` or ``val/`` where its folder says so. A clip that
    the label file says has no skeleton shows nobody.

    Raises:
        FormatError: it is no such file, or its label is unknown.
    """
    labels = options.side if isinstance(options.side, Labels) else Labels()
    path = PurePosixPath(name)
    index, has_skeleton = labels.clips.get(path.stem, (None, True))
    clip = parse_kinetics_json(data, name, options.bodies)
    if not has_skeleton:
        clip = keep_persons(clip, [])
    label = clip.label if index is None else index
    if motion:
        label = _motion_label(label, data, name, labels)
        if label is None:
            return []
    elif label is not None and label >= CLASSES:
        raise FormatError(name, "label_index", f"a number below {CLASSES}", str(label))
    part = _part(path)
    return [clip.replace(id=f"{part}/{path.stem}" if part else path.stem, label=label)]


def _motion_label(label: int | None, data: bytes, name: str, labels: Labels) -> int | None:
    """The place of a clip's class among the 30, None if it is another.

    Only names tell it: other releases number the classes in other ways.
    """
    text = labels.names.get(label) if label is not None else None
    if text is None:
        own = kinetics_content(data, name).get("label")
        if not isinstance(own, str):
            raise FormatError(name, "label", "the name of a class", repr(own)[:40])
        text = _plain(own)
    return MOTION_CLASSES.index(text) if text in MOTION_CLASSES else None


def _plain(label: str) -> str:
    return " ".join(label.lower().replace("_", " ").split())


def _part(path: PurePosixPath) -> str | None:
    """``train`` or ``val``, by the nearest folder that says so."""
    for folder in reversed(path.parts[:-1]):
        for part in PARTS:
            if folder.lower() in (part, f"kinetics_{part}", f"kinetics-{part}"):
                return part
    return None


def class_names(recorded: Recorded, side: Labels) -> tuple[str, ...]:
    """The names of the label files; numbers for classes that these do not name."""
    size = max([int(recorded.labels.max(initial=-1)), *side.names]) + 1
    return tuple(side.names.get(number, str(number)) for number in range(size))


def protocols(recorded: Recorded, side: Labels) -> list[Protocol]:
    """``official``: the folder ``kinetics_train`` trains, ``kinetics_val`` tests."""
    train, test = (
        tuple(name for name in recorded.ids if name.startswith(f"{part}/")) for part in PARTS
    )
    if not train or not test:
        return []
    note = "kinetics_train trains, kinetics_val tests (240,436 and 19,796 clips of 400 classes)"
    return [Protocol("official", train_ids=train, test_ids=test, note=note)]


def _dataset(name: str, title: str, classes: tuple[str, ...], citation: str) -> DataSet:
    return register_dataset(
        DataSet(
            name=name,
            title=title,
            expects="kinetics_train/*.json and kinetics_val/*.json, beside them "
            "kinetics_train_label.json and kinetics_val_label.json",
            selects=selects,
            parse=partial(parse, motion=bool(classes)),
            layout="openpose_18",
            channels=("x", "y"),
            space="unit_frame",
            classes=classes,
            class_names=class_names,
            bodies=BODIES,
            side=side,
            protocols=protocols,
            protocol_names=("official",),
            videos=VideoNames(
                "--3ouPhoy2A.mp4 or --3ouPhoy2A_000020_000030.mp4 and the like",
                clip_of_video,
                seconds=LONGEST,
            ),
            licence="CC BY 4.0 (Kinetics annotations); poses by the authors of ST-GCN",
            citation=citation,
        )
    )


_STGCN = (
    "S. Yan, Y. Xiong, D. Lin: Spatial temporal graph convolutional networks for skeleton-based "
    "action recognition, AAAI 2018; W. Kay et al.: The Kinetics human action video dataset, 2017"
)
KINETICS = _dataset("kinetics", "Kinetics-Skeleton", (), _STGCN)
KINETICS_MOTION = _dataset("kinetics_motion", "Kinetics-Motion", MOTION_CLASSES, _STGCN)
