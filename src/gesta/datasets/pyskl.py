"""Pickles of annotations as PYSKL and MMAction2 exchange them; their splits become protocols.

Class names may stand beside the pickle in a text file named ``label_map*.txt``, one a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded
from gesta.datasets.registry import register_dataset
from gesta.datasets.source import Source
from gesta.errors import FormatError, GestaError
from gesta.formats.checks import text_of
from gesta.formats.pyskl_pickle import parse_annotations

_TEST_NAMES = ("test", "val")
_PART = re.compile(r"(.*?)[_-]?(train|test|val)(?:[_-]?(\d+))?")


@dataclass(frozen=True)
class PysklSide:
    """Splits and class names: ids by the name of the split, names in order or none."""

    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()


def selects(name: str) -> bool:
    """``*.pkl`` and ``*.pickle``."""
    return PurePosixPath(name).suffix.lower() in (".pkl", ".pickle")


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip | GestaError]:
    """All clips of a pickle; what is wrong with an annotation stands in its clip's place."""
    annotations = parse_annotations(data, name, options.layout)
    found: list[Clip | GestaError] = []
    for index in range(len(annotations)):
        try:
            found.append(annotations.clip(index))
        except GestaError as error:
            found.append(error)
    return found


def side(source: Source) -> PysklSide:
    """The splits of all pickles, and class names where a label map lies beside them.

    Raises:
        FormatError: two pickles say different things under one name of a split.
    """
    splits: dict[str, tuple[str, ...]] = {}
    classes: tuple[str, ...] = ()
    for name, data in source.members(_says_something):
        if not selects(name):
            lines = (line.strip() for line in text_of(data, name).splitlines())
            classes = tuple(line for line in lines if line)
            continue
        for split, ids in _splits_of(data, name).items():
            if splits.setdefault(split, ids) != ids:
                found = "two pickles with different ones"
                raise FormatError(name, f"split {split!r}", "one list of ids", found)
    return PysklSide(splits, classes)


def _says_something(name: str) -> bool:
    file = PurePosixPath(name).name
    return selects(name) or (file.startswith("label_map") and file.endswith(".txt"))


def _splits_of(data: bytes, name: str) -> Mapping[str, tuple[str, ...]]:
    try:
        return parse_annotations(data, name).splits
    except FormatError:
        return {}  # parse says what is wrong with this file, and it is listed as skipped


def class_names(recorded: Recorded, side: PysklSide) -> tuple[str, ...]:
    """The names of the label map, or numbers.

    Raises:
        FormatError: the label map has fewer names than there are labels.
    """
    size = int(recorded.labels.max(initial=-1)) + 1
    if side.classes and len(side.classes) < size:
        found = f"{len(side.classes)}"
        raise FormatError("label_map", "lines", f"at least {size} class names", found)
    return side.classes or tuple(str(number) for number in range(size))


def protocols(recorded: Recorded, side: PysklSide) -> list[Protocol]:
    """A protocol for each pair of splits: ``xsub_train`` and ``xsub_val`` make ``xsub``.

    ``train`` with ``val`` or ``test`` make ``given``; ``train1`` and ``test1`` make ``split_1``.
    Where both a test and a validation split are there, the validation split takes part in nothing:
    gesta cuts its own from the training clips.
    """
    there = set(recorded.ids)
    parts: dict[str, dict[str, tuple[str, ...]]] = {}
    for split, ids in side.splits.items():
        match = _PART.fullmatch(split)
        if match:
            name, part, number = match.groups()
            base = f"{name or 'split'}_{number}" if number else name or "given"
            parts.setdefault(base, {})[part] = tuple(one for one in ids if one in there)
    found = []
    for name, named in parts.items():
        test = next((part for part in _TEST_NAMES if named.get(part)), None)
        if test and named.get("train"):
            note = f"the file's own splits; its {test} split tests"
            found.append(Protocol(name, train_ids=named["train"], test_ids=named[test], note=note))
    return found


PYSKL = register_dataset(
    DataSet(
        name="pyskl",
        title="PYSKL / MMAction2 pickle",
        expects="*.pkl with annotations and splits, and label_map*.txt if there are names",
        selects=selects,
        parse=parse,
        layout=None,
        class_names=class_names,
        side=side,
        protocols=protocols,
        protocol_names=("as in the file",),
        licence="that of the data set it was made from",
        citation="H. Duan, J. Wang, K. Chen, D. Lin: PYSKL: towards good practices for skeleton "
        "action recognition, ACM MM 2022 (the format)",
    )
)
