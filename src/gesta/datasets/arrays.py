"""Anybody's data: a folder of npz or CSV files, one clip each, with ``labels.csv``."""

from __future__ import annotations

from pathlib import PurePosixPath

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded
from gesta.datasets.labels_csv import Labels, class_order, parse_labels
from gesta.datasets.registry import register_dataset
from gesta.datasets.source import Source
from gesta.errors import FormatError
from gesta.formats.arrays_csv import parse_arrays_csv
from gesta.formats.arrays_npz import parse_arrays_npz

LABELS = "labels.csv"
FOLDS = 5


def selects(name: str) -> bool:
    """Every npz and CSV file but the table of labels."""
    path = PurePosixPath(name)
    return path.suffix.lower() in (".npz", ".csv") and path.name != LABELS


def side(source: Source) -> Labels:
    """The table of labels, every file in it being there.

    Raises:
        FormatError: there is no table or more than one, a line of it is wrong, or names a file
            that is not there.
    """
    names = source.names()
    tables = [name for name in names if PurePosixPath(name).name == LABELS]
    if len(tables) != 1:
        found = ", ".join(tables) or "none"
        advice = "write one with the columns file,label"
        raise FormatError(source.path, "folder", f"one {LABELS}", found, advice)
    name, data = source.first(_is_table) or (tables[0], b"")
    labels = parse_labels(data, name)
    there = set(names)
    for member, row in labels.rows.items():
        if member not in there or not selects(member):
            place = f"line {row.line}, column file"
            expected = "an npz or CSV file beside the table"
            raise FormatError(name, place, expected, f"{row.file!r}, which is not there")
    return labels


def _is_table(name: str) -> bool:
    return PurePosixPath(name).name == LABELS


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """The one clip of a file, with what the table says of it."""
    labels: Labels = options.side
    row = labels.rows.get(name)
    if row is None:
        found = "no line for this file"
        raise FormatError(name, labels.name, "a line for every clip", found, "add it, or move it")
    read = parse_arrays_npz if name.lower().endswith(".npz") else parse_arrays_csv
    clip = read(data, name, options.layout)
    label = labels.classes.index(row.label) if row.label else None
    return [clip.replace(id=row.id, label=label, **row.recording)]


def class_names(recorded: Recorded, side: Labels) -> tuple[str, ...]:
    """The label names of the table: sorted, and by size where all are numbers."""
    return side.classes


def protocols(recorded: Recorded, side: Labels) -> list[Protocol]:
    """``given`` from the column ``split``; five folds of whole subjects where there are five.

    Clips without a value in the column take part in neither.
    """
    there = set(recorded.ids)
    parts = {
        part: tuple(row.id for row in side.rows.values() if row.split == part and row.id in there)
        for part in ("train", "test")
    }
    found = []
    if parts["train"] and parts["test"]:
        found.append(
            Protocol(
                "given",
                train_ids=parts["train"],
                test_ids=parts["test"],
                note=f"the column split of {LABELS}",
            )
        )
    return found + subject_folds(recorded)


def subject_folds(recorded: Recorded) -> list[Protocol]:
    """Five folds of whole subjects, if every clip has one and there are at least five."""
    subjects = set(recorded.subject)
    if None in subjects or len(subjects) < FOLDS:
        return []
    order = class_order({str(subject) for subject in subjects})
    return [
        Protocol(
            f"fold_{number + 1}",
            separates=("subject",),
            column="subject",
            test=order[number::FOLDS],
            note=f"every {FOLDS}th subject from the {number + 1}. on tests",
        )
        for number in range(FOLDS)
    ]


ARRAYS = register_dataset(
    DataSet(
        name="arrays",
        title="your own npz or CSV files",
        expects=f"*.npz or *.csv, one clip a file, and {LABELS} with the columns file,label",
        selects=selects,
        parse=parse,
        layout=None,
        class_names=class_names,
        side=side,
        protocols=protocols,
        protocol_names=("given", "folds"),
        licence="yours",
        citation="",
    )
)
