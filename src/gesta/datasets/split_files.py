"""Files that say which clips train and which test, as HMDB51 and J-HMDB have them, or as CSV."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from gesta.datasets.labels_csv import csv_lines
from gesta.datasets.source import Source
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes

# name of a protocol: the clips that train, and those that test
Splits = dict[str, tuple[set[str], set[str]]]

VIDEO_ENDINGS = frozenset(
    {
        *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".hevc"),
        *(".m2ts", ".m2v", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"),
        *(".mxf", ".ogv", ".qt", ".rm", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
    }
)
_SPLIT_FILE = re.compile(r"(.+)_test_split(\d+)\.txt")
_EXPECTS = "<class>_test_split<number>.txt"


def read_splits(path: Path) -> Splits:
    """What the split files in a folder, zip or tar say, or a CSV file with ``file,split``.

    Returns:
        ``split_<number>`` each, or ``given``; clips are named ``<class>/<clip>`` or as the CSV
        file has them, without the ending of a video.

    Raises:
        GestaError: nothing is there.
        FormatError: there is no split file, or a line of one is wrong.
    """
    if path.is_file() and path.suffix.lower() == ".csv":
        return {"given": _parse_csv(file_bytes(path), path.name)}
    splits: Splits = {}
    for name, data in Source(path).members(is_split_file):
        add_split_file(splits, data, name)
    if not splits:
        advice = "or give a CSV file with the columns file,split"
        raise FormatError(path, "names", f"files called {_EXPECTS}", "none", advice)
    return splits


def is_split_file(name: str) -> bool:
    """Whether a file is called as those that `add_split_file` reads."""
    return _SPLIT_FILE.fullmatch(PurePosixPath(name).name) is not None


def add_split_file(splits: Splits, data: bytes, name: str) -> None:
    """Add what a file says: ``<clip>.avi 1`` trains, 2 tests, 0 does neither.

    Raises:
        FormatError: a line is another, or puts a clip on both sides.
    """
    match = _SPLIT_FILE.fullmatch(PurePosixPath(name).name)
    if match is None:
        raise FormatError(name, "name", _EXPECTS, "another")
    train, test = splits.setdefault(f"split_{int(match[2])}", (set(), set()))
    parts = {"1": train, "2": test, "0": set()}
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        clip, _, part = line.strip().rpartition(" ")
        if part not in parts or not clip:
            expected = "'<clip>.avi 1' (train) or 2 (test)"
            raise FormatError(name, f"line {number}", expected, repr(line[:60]))
        parts[part].add(f"{match[1]}/{without_ending(clip.strip())}")
    _check_sides(train, test, name)


def zipped_split_files(data: bytes, name: str) -> Iterable[tuple[str, bytes]]:
    """The split files in a zip that is itself a file of a data set.

    Raises:
        FormatError: it is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [file for file in archive.namelist() if not _is_litter(file)]
            return [(file, archive.read(file)) for file in files]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FormatError(name, "file", "a whole zip", f"damage ({error})") from error


def without_ending(name: str) -> str:
    """A name without the ending of a video; other dots in it are part of the name."""
    stem, dot, ending = name.rpartition(".")
    return stem if f"{dot}{ending.lower()}" in VIDEO_ENDINGS else name


def _is_litter(name: str) -> bool:
    return PurePosixPath(name).name.startswith(".") or "__MACOSX" in name or not is_split_file(name)


def _parse_csv(data: bytes, name: str) -> tuple[set[str], set[str]]:
    sides: dict[str, set[str]] = {"train": set(), "test": set(), "": set()}
    columns = ("file", "split")
    for line, cells in csv_lines(data, name, columns, columns):
        side = sides.get(cells["split"].lower())
        if side is None:
            place = f"line {line}, column split"
            raise FormatError(name, place, "train, test or nothing", repr(cells["split"]))
        side.add(without_ending(cells["file"]))
    _check_sides(sides["train"], sides["test"], name)
    return sides["train"], sides["test"]


def _check_sides(train: set[str], test: set[str], name: str) -> None:
    both = sorted(train & test)
    if both:
        raise FormatError(name, "lines", "each clip on one side", f"{both[0]!r} in train and test")
