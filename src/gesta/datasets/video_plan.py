"""Which clips a folder of videos holds: found, named, labelled and divided before any is opened."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from gesta.archive import Protocol
from gesta.datasets.labels_csv import Row, class_names, class_order, parse_rows
from gesta.datasets.source import Source
from gesta.datasets.split_files import VIDEO_ENDINGS, Splits, read_splits, without_ending
from gesta.datasets.video_splits import folded, named_protocols
from gesta.errors import FormatError, GestaError
from gesta.formats.checks import file_bytes


@dataclass(frozen=True)
class Cut:
    """A clip that is to be made of a video, or of a part of it.

    Args:
        id: of the clip.
        label: index of its class, None where unknown.
        recording: subject, camera, setup, replication, source as `Clip` has them.
        start, end: seconds of the part, ``end`` not included; None for the video's own.
    """

    id: str
    label: int | None
    recording: Mapping[str, Any]
    start: float | None = None
    end: float | None = None

    def holds(self, time: float) -> bool:
        """Whether a frame at that second belongs to it."""
        return (self.start or 0) <= time and (self.end is None or time < self.end)


@dataclass(frozen=True)
class VideoPlan:
    """What `extract` is to do.

    Args:
        folder: of the videos.
        classes: class names.
        cuts: the clips of each video, by its posix path below the folder, in order.
        protocols: what the split files say, of clips by their ids.
        unusable: videos that cannot be referred to by their names, and why.
        unlisted: how many videos the table of labels says nothing of.
        other: how many files are no videos by their names.
        labels: SHA-256 of the table of labels, None without one.
    """

    folder: Path
    classes: tuple[str, ...]
    cuts: Mapping[str, tuple[Cut, ...]]
    protocols: tuple[Protocol, ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)
    unlisted: int = 0
    other: int = 0
    labels: str | None = None

    @property
    def clips(self) -> int:
        """How many clips it is to be."""
        return sum(map(len, self.cuts.values()))


def plan_videos(
    folder: str | Path,
    *,
    labels: str | Path | None = None,
    splits: str | Path | None = None,
    source_from: str | None = None,
    subject_from: str | None = None,
) -> VideoPlan:
    """Find the videos in a folder and what is known of each.

    A video's class is the name of the folder that it is in, the uppermost below ``folder``, and
    its id its path without ending (with it, where two would be called the same). With a table of
    labels, this says both, and what it does not name is left alone.

    Args:
        folder: of the videos, at any depth; what is hidden is left alone.
        labels: CSV file with the columns ``file,label`` and any of ``subject, camera, setup,
            replication, source, split, id, start, end``: files below the folder, and the seconds
            in them where several clips are cut from one.
        splits: which clips train and test: a folder, zip or tar of
            ``<class>_test_split<number>.txt`` with lines ``<clip>.avi 1`` (or 2), or a CSV file
            with the columns ``file,split``; endings of videos do not count.
        source_from, subject_from: regular expressions that are searched for in each video's path
            without ending: their groups, or else what they match, are the recording that the clip
            was cut from, and who acts. Without one and without a column in the table each file is
            a source of its own, and subjects are not known.

    Raises:
        GestaError: the folder is not there, holds no video, or an expression fits none of them.
        FormatError: the table or a split file has a line that is wrong, or names what is not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise GestaError(f"{folder}: expected a folder with videos in it, found {found}")
    given = {Path(path).resolve() for path in (labels, splits) if path is not None}
    names = [name for name in Source(folder).names() if (folder / name).resolve() not in given]
    rows: list[Row] | None = None
    if labels is None:
        plan = _by_folder(folder, names)
    else:
        data = file_bytes(labels)
        rows = parse_rows(data, str(labels), cuts=True)
        digest = hashlib.sha256(data).hexdigest()
        plan = replace(_by_table(folder, names, rows, str(labels)), labels=digest)
    if not plan.cuts:
        raise GestaError(
            f"{folder}: expected videos, files that end in {', '.join(sorted(VIDEO_ENDINGS))}, at "
            f"any depth; found {len(names)} files, none of them such a one"
        )
    plan = _with_recording(plan, "source", source_from)
    plan = _with_recording(plan, "subject", subject_from)
    named = _splits(rows or [], None if splits is None else Path(splits))
    return replace(plan, protocols=named_protocols(named, _names(plan)))


def is_video(name: str) -> bool:
    """Whether a file is a video by its ending."""
    return PurePosixPath(name).suffix.lower() in VIDEO_ENDINGS


def _by_folder(folder: Path, names: Sequence[str]) -> VideoPlan:
    videos = [name for name in names if is_video(name)]
    classes = class_order({_class_of(name) for name in videos} - {""})
    number = {name: index for index, name in enumerate(classes)}
    stems = Counter(without_ending(name) for name in videos)
    cuts, unusable = dict[str, tuple[Cut, ...]](), dict[str, str]()
    for name in videos:
        reason = _why_unusable(name)
        if reason:
            unusable[_printable(name)] = reason
            continue
        stem = without_ending(name)
        called = stem if stems[stem] == 1 else name
        cuts[name] = (Cut(called, number.get(_class_of(name)), {"source": stem}),)
    return VideoPlan(folder, classes, cuts, unusable=unusable, other=len(names) - len(videos))


def _class_of(name: str) -> str:
    """The uppermost folder, "" for a file that lies in none; what cannot be said names none."""
    parts = PurePosixPath(name).parts
    return parts[0] if len(parts) > 1 and not _why_unusable(name) else ""


def _by_table(folder: Path, names: Sequence[str], rows: Sequence[Row], table: str) -> VideoPlan:
    there = {folded(name): name for name in names}
    classes = class_names(rows)
    cuts: dict[str, list[Cut]] = {}
    for row in rows:
        name = there.get(folded(row.file))
        if name is None:
            near = get_close_matches(folded(row.file), there, n=1)
            hint = f"did you mean {near[0]}?" if near else ""
            place = f"line {row.line}, column file"
            found = f"{row.file!r}, which is not there"
            raise FormatError(table, place, f"a file in {folder}", found, hint)
        reason = _why_unusable(name)
        if reason:
            raise FormatError(table, f"line {row.line}, column file", "another name", reason)
        label = classes.index(row.label) if row.label else None
        source = row.recording["source"] or without_ending(name)
        recording = {**row.recording, "source": source}
        cuts.setdefault(name, []).append(Cut(row.id, label, recording, row.start, row.end))
    videos = {name for name in names if is_video(name)}
    return VideoPlan(
        folder,
        classes,
        {name: tuple(cuts[name]) for name in sorted(cuts)},
        unlisted=len(videos - set(cuts)),
        other=len(set(names) - videos - set(cuts)),
    )


def _why_unusable(name: str) -> str | None:
    """Why an archive cannot refer to a file of that name, None where it can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is no valid Unicode; rename it"
    if PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts:
        return "its name leads elsewhere on Windows; rename it"
    return None


def _printable(name: str) -> str:
    return name.encode("utf-8", errors="backslashreplace").decode()


def _with_recording(plan: VideoPlan, column: str, pattern: str | None) -> VideoPlan:
    """The plan with what an expression finds in the paths of the videos.

    Raises:
        GestaError: it is no expression, or is not found in some of the paths.
    """
    if pattern is None:
        return plan
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise GestaError(f"{column} from {pattern!r}: no regular expression: {error}") from error
    values = {name: _matched(expression, without_ending(name)) for name in plan.cuts}
    without = [name for name, value in values.items() if not value]
    if without:
        raise GestaError(
            f"{column} from {pattern!r}: not found in {len(without)} of {len(values)} paths of "
            f"videos, for example in {without_ending(without[0])!r}"
        )
    return replace(
        plan,
        cuts={
            name: tuple(
                replace(cut, recording={**cut.recording, column: values[name]}) for cut in cuts
            )
            for name, cuts in plan.cuts.items()
        },
    )


def _matched(expression: re.Pattern[str], text: str) -> str:
    match = expression.search(text)
    if match is None:
        return ""
    return "/".join(filter(None, match.groups())) or match[0]


def _splits(rows: Sequence[Row], path: Path | None) -> Splits:
    """What the table's column ``split`` and the split files say.

    Raises:
        GestaError: both say the same split.
    """
    splits: Splits = {} if path is None else read_splits(path)
    train, test = ({row.id for row in rows if row.split == side} for side in ("train", "test"))
    if train or test:
        if "given" in splits:
            raise GestaError(f"{path}: the table of labels has a column split, too; keep one")
        splits["given"] = (train, test)
    return splits


def _names(plan: VideoPlan) -> list[tuple[str, str, str]]:
    return [
        (without_ending(name), "" if cut.label is None else plan.classes[cut.label], cut.id)
        for name, cuts in plan.cuts.items()
        for cut in cuts
    ]
