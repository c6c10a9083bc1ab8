"""Reading archives: opened in milliseconds, memory-mapped, checked at each read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from gesta.archive.manifest import Manifest, read_manifest
from gesta.archive.parts import expand_names, random_protocol, split
from gesta.archive.protocol import Protocol
from gesta.archive.recovery import file_sha256
from gesta.archive.shard import HAS_CONFIDENCE, HAS_VIDEO, UNKNOWN, Shard
from gesta.archive.table import ClipTable, Ints
from gesta.archive.videos import find_video, videos_folder
from gesta.clip import Clip, Space
from gesta.errors import ArchiveError, ProtocolError
from gesta.skeleton import Layout


@dataclass(frozen=True, eq=False)
class FlatClips:
    """All rows of N clips in one array; a clip's rows are its (person, frame) in that order.

    Args:
        coords: (rows, V, C) float32, NaN where missing.
        confidence: (rows, V) float32, or None where no clip has any; a clip that has none among
            others that do has 1 where a joint is and 0 where it is missing.
        offsets: (N+1,) where the rows of each clip begin and end.
        persons, frames: (N,) M and T of each clip.
    """

    coords: NDArray[np.float32]
    confidence: NDArray[np.float32] | None
    offsets: Ints
    persons: Ints
    frames: Ints


class Clips(Sequence[Clip]):
    """The clips of an archive as a sequence that reads each when it is asked for."""

    def __init__(self, read: Callable[[int], Clip], indices: range) -> None:
        self._read, self._indices = read, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> Clips: ...
    def __getitem__(self, index: int | slice) -> Clip | Clips:
        """One clip, or a lazy part of the sequence."""
        if isinstance(index, slice):
            return Clips(self._read, self._indices[index])
        return self._read(self._indices[index])

    def __iter__(self) -> Iterator[Clip]:
        return map(self._read, self._indices)


class Archive:
    """An opened archive; made by `open_archive`.

    Attributes:
        path: its folder.
        layout, channels, space: of all its clips.
        classes: class names, by label.
        dataset, provenance: where the clips are from and how the archive was made.
        counts: of clips, rows, labelled clips, clips without rows, and skipped ones.
        skipped: what was left out, as ``{"name", "reason"}``.
        labels: (N,) class indices, -1 where unlabelled.
        persons, frames: (N,) M and T of each clip.
        frame_rates: (N,) float64 frames a second, NaN where unknown.
        with_video: (N,) bool, whether a clip refers to a video.
        digests: (N,) uint64, equal for identical clips, 0 for those that show nothing.
        videos: the folder of the clips' videos, None where it is not known.
    """

    def __init__(
        self, path: Path, manifest: Manifest, shards: list[Shard], videos: Path | None = None
    ) -> None:
        self.path, self._manifest, self.shards = path, manifest, shards
        self.layout: Layout = manifest.body.layout
        self.channels: tuple[str, ...] = manifest.body.channels
        self.space: Space = manifest.body.space
        self.classes = manifest.classes
        self.dataset = manifest.dataset
        self.provenance: dict[str, Any] = manifest.provenance
        self.videos = videos or videos_folder(path, manifest.provenance)
        self.counts = manifest.counts
        self.skipped = list(manifest.skipped)
        self.labels = _joined(shards, "labels")
        self.persons = _joined(shards, "persons")
        self.frames = _joined(shards, "frames")
        self.frame_rates = np.concatenate([s.columns["frame_rate"] for s in shards])
        self.with_video = (_joined(shards, "flags") & HAS_VIDEO) != 0
        self.digests = np.concatenate([s.columns["digests"] for s in shards]).astype(np.uint64)
        self._starts = np.cumsum([0, *(s.entry.clips for s in shards)])
        self._intact: set[str] = set()

    def __reduce__(self) -> tuple[Callable[..., Archive], tuple[Path, Path | None]]:
        # Worker processes open it themselves; a memory map does not travel.
        return open_archive, (self.path, self.videos)

    def __len__(self) -> int:
        """The number of clips, N."""
        return len(self.labels)

    @property
    def clips(self) -> Clips:
        """All clips, each read when asked for."""
        return Clips(self.read, range(len(self)))

    @cached_property
    def ids(self) -> list[str]:
        """The name of each clip."""
        return [str(i) for i in chain.from_iterable(shard.texts("id") for shard in self.shards)]

    @cached_property
    def table(self) -> ClipTable:
        """The metadata of all clips, which protocols are functions of."""
        return read_table(self.shards, self.ids)

    @cached_property
    def protocols(self) -> dict[str, Protocol]:
        """The data set's own protocols by name, and ``random``."""
        protocols = {protocol.name: protocol for protocol in self._manifest.protocols}
        return protocols if "random" in protocols else protocols | {"random": self._random}

    @property
    def own_protocols(self) -> tuple[Protocol, ...]:
        """The protocols that the archive was written with."""
        return self._manifest.protocols

    @cached_property
    def _random(self) -> Protocol:
        return random_protocol(self.table)

    def read(self, index: int) -> Clip:
        """Read a clip and compare its checksum.

        Args:
            index: of the clip, 0 to N - 1.

        Raises:
            ArchiveError: its bytes are not those that were written.
            IndexError: there is no such clip.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path} has {len(self)} clips, no number {index}")
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self.shards[shard].clip(int(index - self._starts[shard]))

    def video_path(self, clip: Clip) -> Path | None:
        """Where the video of a clip is, None where it has none.

        Raises:
            ArchiveError: the folder of videos is not known or not there, or has no such file.
        """
        return find_video(clip, self.videos)

    def protocol_names(self, pattern: str) -> list[str]:
        """The protocols a name stands for: itself, or the members of ``folds``, ``splits`` ....

        Raises:
            ProtocolError: nothing is called that; the message lists what there is.
        """
        return expand_names(pattern, self.protocols)

    def split(self, protocol: str | Protocol, seed: int = 0) -> dict[str, Ints]:
        """The parts of a protocol, see `gesta.archive.parts.split`.

        Args:
            protocol: its name, or one that the archive was not written with.
            seed: of the validation part.

        Returns:
            Ascending clip indices of ``train``, ``validation`` and ``test``.

        Raises:
            ProtocolError: it is unknown, stands for several, or leaves a part without clips.
        """
        if isinstance(protocol, str):
            names = self.protocol_names(protocol)
            if len(names) > 1:
                raise ProtocolError(
                    f"{protocol!r} stands for {len(names)} protocols, {names[0]} to {names[-1]}; "
                    "choose one"
                )
            protocol = self.protocols[names[0]]
        return split(protocol, self.table, seed=seed)

    def check(self, shard: Shard) -> None:
        """Compare a shard's SHA-256 with the manifest's, once.

        Raises:
            ArchiveError: the file is damaged.
        """
        if shard.entry.name in self._intact:
            return
        try:
            found = file_sha256(shard.path)
        except OSError as error:
            raise ArchiveError(f"{shard.path}: {error.strerror or error}") from error
        if found != shard.entry.sha256:
            raise ArchiveError(
                f"{shard.path}: expected sha256 {shard.entry.sha256}, found {found}; `gesta "
                "doctor` names the damaged clips; restore the file from a copy or prepare the "
                "archive again"
            )
        self._intact.add(shard.entry.name)

    def flat(self, indices: Sequence[int] | Ints | None = None) -> FlatClips:
        """All rows of some clips at once, whole shards being read and checked by SHA-256.

        Args:
            indices: of the clips, in the order wanted; None for all.

        Raises:
            ArchiveError: a shard is damaged.
            IndexError: there is no such clip.
        """
        wanted = np.arange(len(self)) if indices is None else np.asarray(indices, np.int64)
        if len(wanted) and not (0 <= wanted.min() and wanted.max() < len(self)):
            raise IndexError(f"{self.path} has {len(self)} clips; found an index beyond them")
        persons, frames = self.persons[wanted], self.frames[wanted]
        offsets = np.concatenate([[0], np.cumsum(persons * frames)]).astype(np.int64)
        rows, joints = int(offsets[-1]), len(self.layout)
        coords = np.empty((rows, joints, len(self.channels)), np.float32)
        with_confidence = any((s.columns["flags"] & HAS_CONFIDENCE).any() for s in self.shards)
        confidence = np.empty((rows, joints), np.float32) if with_confidence else None
        shard_of = np.searchsorted(self._starts, wanted, side="right") - 1
        numbers = np.unique(shard_of).tolist()
        with ThreadPoolExecutor() as pool:  # hashing leaves other threads free to run
            list(pool.map(self.check, [self.shards[number] for number in numbers]))
        for number in numbers:
            shard, chosen = self.shards[number], np.flatnonzero(shard_of == number)
            inside = wanted[chosen] - self._starts[number]
            starts = shard.column("row_offsets")[inside]
            sizes = (persons * frames)[chosen]
            source, target = _ranges(starts, sizes), _ranges(offsets[chosen], sizes)
            _copy(shard.whole("coords"), coords, source, target)
            if confidence is not None:
                _copy(_confidence(shard), confidence, source, target)
        return FlatClips(coords, confidence, offsets, persons, frames)


def open_archive(path: str | Path, videos: str | Path | None = None) -> Archive:
    """Open an archive; headers, offsets and columns are checked, joints when they are read.

    Args:
        path: its folder.
        videos: the folder of its clips' videos, where it is not the one that the archive names.

    Raises:
        ArchiveError: there is none, it is not finished, of another version, or damaged.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    shards = [Shard(folder, entry, manifest.body) for entry in manifest.shards]
    found = sum(shard.entry.clips for shard in shards)
    if not shards or found != manifest.counts.get("clips"):
        raise ArchiveError(
            f"{folder}: the manifest counts {manifest.counts.get('clips')} clips and lists shards "
            f"of {found}; restore it from a copy or prepare the archive again"
        )
    archive = Archive(folder, manifest, shards, None if videos is None else Path(videos))
    highest = int(archive.labels.max(initial=-1))
    if highest >= len(archive.classes):
        raise ArchiveError(
            f"{folder}: a clip has label {highest}, and the manifest lists "
            f"{len(archive.classes)} classes; restore it from a copy"
        )
    return archive


def read_table(shards: Sequence[Shard], ids: list[str] | None = None) -> ClipTable:
    """The metadata columns of all clips in some shards."""

    def texts(name: str) -> list[str | None]:
        return list(chain.from_iterable(shard.texts(name) for shard in shards))

    def numbers(name: str) -> list[int | None]:
        return [None if n == UNKNOWN else n for n in _joined(shards, name).tolist()]

    return ClipTable(
        ids=[str(i) for i in texts("id")] if ids is None else ids,
        labels=_joined(shards, "labels"),
        digests=np.concatenate([shard.columns["digests"] for shard in shards]).astype(np.uint64),
        subject=texts("subject"),
        source=texts("source"),
        camera=numbers("camera"),
        setup=numbers("setup"),
        replication=numbers("replication"),
    )


def count(shards: Sequence[Shard], table: ClipTable, skipped: int) -> dict[str, int]:
    """The counts that a manifest states."""
    rows = _joined(shards, "persons") * _joined(shards, "frames")
    return {
        "clips": len(table),
        "rows": int(rows.sum()),
        "labelled": int((table.labels >= 0).sum()),
        "without_rows": int((rows == 0).sum()),
        "skipped": skipped,
    }


def _joined(shards: Sequence[Shard], name: str) -> Ints:
    return np.concatenate([shard.column(name) for shard in shards])


def _ranges(starts: Ints, sizes: Ints) -> Ints:
    """The numbers start, start + 1, ... of each range, one range after another."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(sizes.sum())


def _copy(source: NDArray | None, target: NDArray, source_rows: Ints, target_rows: Ints) -> None:
    if source is None or not len(source_rows):
        return
    first, last = int(target_rows[0]), int(target_rows[-1]) + 1
    whole = len(source_rows) == len(source) and last - first == len(target_rows)
    if whole and (np.diff(source_rows) == 1).all() and (np.diff(target_rows) == 1).all():
        target[first:last] = source  # whole shards in their own order: no gather
    else:
        target[target_rows] = source[source_rows]


def _confidence(shard: Shard) -> NDArray[np.float32]:
    coords, confidence = shard.whole("coords"), shard.whole("confidence")
    flags, sizes = shard.columns["flags"], np.diff(shard.column("row_offsets"))
    without = np.repeat((flags & HAS_CONFIDENCE) == 0, sizes)
    if confidence is not None and not without.any():
        return confidence
    assert coords is not None  # every shard has coords
    present = (~np.isnan(coords[..., 0])).astype(np.float32)
    return present if confidence is None else np.where(without[:, None], present, confidence)
