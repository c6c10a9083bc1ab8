"""J-HMDB: 928 clips of 21 actions, as estimated (COCO-17) or annotated (15 joints) poses.

The videos themselves are read by `gesta extract`, like anybody's.

Give the npz of BlazePose poses, a folder with it (and ``splits.zip``, if you have it), or the
release's ``joint_positions`` with ``splits``. Splits are taken from ``splits.zip`` or the text
files in it, and else from the npz's own table, which says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from numpy.typing import NDArray

from gesta.archive import Protocol
from gesta.clip import Clip, map_to_layout
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded
from gesta.datasets.registry import register_dataset
from gesta.datasets.source import Source
from gesta.datasets.split_files import (
    Splits,
    add_split_file,
    is_split_file,
    zipped_split_files,
)
from gesta.formats.jhmdb import (
    CLASSES,
    MAT_MEMBER,
    is_jhmdb_npz,
    parse_jhmdb_mat,
    parse_jhmdb_npz,
)
from gesta.formats.npz import load_npz, npz_keys

SPLITS = 3


def selects(name: str) -> bool:
    """The npz with all clips, or ``<class>/<clip>/joint_positions.mat``."""
    return name.endswith(".npz") or MAT_MEMBER.fullmatch(name) is not None


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """All clips of the npz, or the one of a MATLAB file, mapped to a layout where one is asked for.

    `prepare` maps by itself only where all files of a data set have one layout; these have two.
    """
    is_npz = name.endswith(".npz")
    clips = parse_jhmdb_npz(data, name) if is_npz else [parse_jhmdb_mat(data, name)]
    if options.layout is None:
        return clips
    return [map_to_layout(clip, options.layout) for clip in clips]


def side(source: Source) -> Splits:
    """The three splits, as far as they stand beside the clips or in the npz.

    Raises:
        FormatError: a line of a split file is not ``<clip>.avi 1`` or ``2``, or 0 for neither.
    """
    listed: Splits = {}
    in_npz: Splits = {}
    for name, data in source.members(_holds_splits):
        if name.endswith(".npz"):
            _add_table(in_npz, data, name)
        elif name.endswith(".zip"):
            for file, content in zipped_split_files(data, name):
                add_split_file(listed, content, file)
        else:
            add_split_file(listed, data, name)
    return listed or in_npz


def _holds_splits(name: str) -> bool:
    file = PurePosixPath(name).name
    return file == "splits.zip" or name.endswith(".npz") or is_split_file(name)


def _add_table(splits: Splits, data: bytes, name: str) -> None:
    """The ``split`` array of the npz; what is wrong with the file, `parse` says."""
    if not {"split", "name"} <= set(npz_keys(data)) or not is_jhmdb_npz(npz_keys(data)):
        return
    arrays = load_npz(data, name)
    names, table = arrays["name"], arrays["split"]
    if table.shape != (len(names), SPLITS):
        return
    splits.update(table_splits([str(one) for one in names], table))


def table_splits(names: Sequence[str], table: NDArray[Any]) -> Splits:
    """What a table of (clips, splits) says: 1 trains, 2 tests, else neither."""

    def part(column: NDArray[Any], value: int) -> set[str]:
        return {name for name, one in zip(names, column, strict=True) if one == value}

    return {
        f"split_{number}": (part(column, 1), part(column, 2))
        for number, column in enumerate(table.T, start=1)
    }


def protocols(recorded: Recorded, side: Splits) -> list[Protocol]:
    """The official splits: 660/268, 658/270 and 663/265 clips.

    Only clips that are there are named; no split has a source (a video, within its class) on both
    sides.
    """
    there = set(recorded.ids)
    return [
        Protocol(
            name,
            separates=("source",),
            train_ids=tuple(sorted(train & there)),
            test_ids=tuple(sorted(test & there)),
            note="official split; clips of a video are told by their names within a class",
        )
        for name, (train, test) in sorted(side.items())
        if train & there and test & there
    ]


JHMDB = register_dataset(
    DataSet(
        name="jhmdb",
        title="J-HMDB",
        expects="jhmdb_*.npz (BlazePose poses) or joint_positions/<class>/<clip>/"
        "joint_positions.mat, with splits.zip",
        selects=selects,
        parse=parse,
        layout=None,
        channels=("x", "y"),
        space="pixels",
        classes=CLASSES,
        side=side,
        protocols=protocols,
        protocol_names=("splits",),
        licence="videos are a part of HMDB51, CC BY 4.0",
        citation="H. Jhuang, J. Gall, S. Zuffi, C. Schmid, M. J. Black: Towards understanding "
        "action recognition, ICCV 2013",
    )
)
