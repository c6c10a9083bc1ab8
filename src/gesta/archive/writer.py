"""Writing an archive so that a crash, a full disk or Ctrl-C never leaves half of one behind."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from gesta.archive import journal, manifest
from gesta.archive.admission import as_json, check_classes, check_clip, check_protocols
from gesta.archive.durable import is_empty_folder, put_in_place, write_durably
from gesta.archive.journal import Journal
from gesta.archive.manifest import Manifest, ShardEntry
from gesta.archive.protocol import Protocol
from gesta.archive.reader import Archive, count, open_archive, read_table
from gesta.archive.recovery import recover
from gesta.archive.shard import EncodedClip, Shard, build_shard, encode
from gesta.archive.table import ClipTable
from gesta.clip import Clip, Space
from gesta.errors import ArchiveError
from gesta.skeleton import Layout

SHARD_BYTES = 64 * 2**20
SHARD_SECONDS = 60.0

Classes = Sequence[str] | Callable[[ClipTable], Sequence[str]]
Protocols = Sequence[Protocol] | Callable[[ClipTable], Sequence[Protocol]]


class ArchiveWriter:
    """Builds an archive in ``<path>.partial`` and renames it to ``path`` when it is whole.

    Used as a context it finishes at the end of the block; where the block raises, finished work
    is kept in ``<path>.partial`` and the next writer with the same settings goes on from there.

    Args:
        path: of the archive.
        layout, channels, space: what every clip must have; None takes those of the first clip.
        classes: class names; empty where `close` will name them.
        dataset: where the clips are from.
        protocols: the data set's own, or a function that makes them from the clips' metadata.
        provenance: plain JSON containers on how the archive was made (source, options); a broken
            archive is only taken up by a writer with equal provenance.
        overwrite: replace an archive that is there already.
        resume: take up a broken one; False begins anew.
        shard_bytes, shard_seconds: a shard is closed at this size or age.
        clock: tells seconds.

    Attributes:
        done: keys of sources that need not be added again.
        damage: what a broken archive had lost and is to be done again, in words.

    Raises:
        ArchiveError: the target exists, the broken archive does not fit, or the disk refuses.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        layout: Layout | None = None,
        channels: tuple[str, ...] | None = None,
        space: Space | None = None,
        classes: Sequence[str] = (),
        dataset: str = "",
        protocols: Protocols = (),
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        resume: bool = True,
        shard_bytes: int = SHARD_BYTES,
        shard_seconds: float = SHARD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(os.path.abspath(path))
        self.partial = self.path.with_name(self.path.name + ".partial")
        self._wanted = {"layout": layout, "channels": channels, "space": space}
        self._classes, self._protocols = tuple(classes), protocols
        self._overwrite, self._limits, self._clock = overwrite, (shard_bytes, shard_seconds), clock
        self._finished = self._failed = False
        self._pending: list[EncodedClip] = []
        self._pending_bytes, self._began = 0, clock()
        self._pending_keys: list[str] = []
        self._skipped: list[dict[str, str]] = []
        self._key: str | None = None
        self._key_skipped = False
        self._closed_keys: set[str] = set()
        settings = {
            "layout": None if layout is None else layout.to_dict(),
            "channels": None if channels is None else list(channels),
            "space": space,
            "classes": list(self._classes),
            "dataset": dataset,
            "provenance": as_json(self.path, provenance or {}),
        }
        self._check_target()
        with _reported(self.path, self.partial, "begin it"):
            self.partial.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self.partial)
            try:
                self._progress = recover(self.partial, self._journal, settings, resume)
            except BaseException:
                self._journal.close()
                raise
        self._body = self._progress.body
        self._taken = dict(self._progress.checksums)
        self.done: frozenset[str] = frozenset(self._progress.keys)
        self.damage: list[str] = self._progress.damage

    def add(self, clip: Clip, key: str | None = None) -> None:
        """Add a clip.

        Args:
            clip: with a unique id, and of the archive's layout, channels and space.
            key: the source (say, the file) it comes from; its clips follow each other. Default:
                the clip's id. Clips of sources in `done` are there already and passed over.

        Raises:
            ArchiveError: the clip does not fit the archive, or the disk refuses.
        """
        if not self._begin(clip.id if key is None else key):
            return
        self._check(clip)
        encoded = encode(clip)
        if clip.id in self._taken:
            self._check_resumed(clip.id, encoded.crc32)
            return
        limit, seconds = self._limits
        full = self._pending_bytes + encoded.bytes > limit
        if self._pending and (full or self._clock() - self._began > seconds):
            self.flush()
        if not self._pending:
            self._began = self._clock()
        self._taken[clip.id] = encoded.crc32
        self._pending.append(encoded)
        self._pending_bytes += encoded.bytes

    def skip(self, name: str, reason: str, key: str | None = None) -> None:
        """Note something that cannot be read, so that the archive tells of it.

        Its source is not `done`: it is tried again when a broken archive is taken up.

        Args:
            name: what was skipped.
            reason: why.
            key: the source, default ``name``.

        Raises:
            ArchiveError: its source was finished before.
        """
        if self._begin(name if key is None else key):
            self._skipped.append({"name": name, "reason": reason})
            self._key_skipped = True

    def flush(self) -> None:
        """Close the shard at hand and note it in the journal.

        Raises:
            ArchiveError: the disk refuses; finished shards are kept.
        """
        if not (self._pending or self._pending_keys):
            return
        with self._writing("write a shard"):
            entry = self._write_shard()
            record = {
                "shard": None if entry is None else asdict(entry),
                "body": None if self._body is None else self._body.to_dict(),
                "keys": self._pending_keys,
            }
            self._journal.append(record)
            if entry is not None:
                self._progress.shards.append(entry)
            self._pending, self._pending_bytes = [], 0
            self._pending_keys = []

    def close(
        self, *, classes: Classes | None = None, protocols: Protocols | None = None
    ) -> Archive:
        """Finish the archive and put it in its place, at once.

        Args:
            classes, protocols: replace those the writer was made with, where these are only
                known now; functions make them from the clips' metadata.

        Raises:
            ArchiveError: it holds no clip, a label has no class, the target exists, or the disk
                refuses.
        """
        if self._finished or self._failed:
            raise ArchiveError(f"{self.path}: this writer is closed; make another to go on")
        try:
            self._end_key()
            self.flush()
            document = self._manifest(
                self._classes if classes is None else classes,
                self._protocols if protocols is None else protocols,
            )
            with self._writing("finish it"):
                write_durably(self.partial / manifest.NAME, document.to_json())
                self._check_target()
                self._finished = True
                self._journal.close()
                put_in_place(self.partial, self.path, leave=(journal.NAME, journal.LOCK))
        except BaseException:
            self.suspend()
            if not self._progress.shards:
                self.discard()
            raise
        return open_archive(self.path)

    def suspend(self) -> None:
        """Keep what is finished, if anything is, for a writer to come; let go of the folder.

        Raises:
            ArchiveError: the disk refuses.
        """
        if self._finished:
            return
        self._finished = True
        try:
            if not self._failed:
                self.flush()
        finally:
            if self._progress.shards or self._failed:
                self._journal.close()
            else:
                self.discard()

    def discard(self) -> None:
        """Let go of the folder and remove what is finished."""
        self._finished = True
        self._journal.close()
        shutil.rmtree(self.partial, ignore_errors=True)

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.suspend()
        elif not (self._finished or self._failed):
            self.close()

    def _begin(self, key: str) -> bool:
        """Turn to a source; False where all of it is there already."""
        if self._finished or self._failed:
            raise ArchiveError(f"{self.path}: this writer is closed; make another to go on")
        if key in self.done:
            return False
        if key != self._key:
            self._end_key()
            if key in self._closed_keys:
                raise ArchiveError(
                    f"{self.path}: source {key!r} comes again after another; add all clips of a "
                    "source one after another, or ids that repeat were given"
                )
            self._key = key
        return True

    def _end_key(self) -> None:
        if self._key is not None:
            if not self._key_skipped:
                self._pending_keys.append(self._key)
            self._closed_keys.add(self._key)
            self._key, self._key_skipped = None, False

    def _check(self, clip: Clip) -> None:
        wanted = self._wanted
        if self._body is not None:
            wanted = {k: getattr(self._body, k) for k in ("layout", "channels", "space")}
        body = check_clip(self.path, clip, wanted, len(self._classes) or None)
        self._body = self._body or body

    def _check_resumed(self, clip_id: str, crc32: int) -> None:
        resumed = self._progress.checksums.get(clip_id)
        if resumed is None:
            raise ArchiveError(f"{self.path}: two clips have the id {clip_id!r}; ids are unique")
        if resumed != crc32:
            raise ArchiveError(
                f"{self.path}: clip {clip_id!r} differs from what the broken run wrote; its "
                f"source has changed, or two clips have this id; delete {self.partial} to begin "
                "anew"
            )

    def _check_target(self) -> None:
        if not self.path.exists() or is_empty_folder(self.path):
            return
        if not self._overwrite:
            raise ArchiveError(
                f"{self.path}: there is something already; choose another path, or remove it "
                "first (overwrite=True in Python)"
            )
        if not (self.path / manifest.NAME).is_file():
            raise ArchiveError(f"{self.path}: this is no archive, and will not be overwritten")

    def _write_shard(self) -> ShardEntry | None:
        if self._body is None or not self._pending:
            return None
        data, columns_crc32 = build_shard(self._pending, self._body)
        rows = sum(len(item.bulk["coords"]) for item in self._pending)
        name = f"shard-{len(self._progress.shards):05d}.safetensors"
        write_durably(self.partial / name, data)
        digest = hashlib.sha256(data).hexdigest()
        return ShardEntry(name, digest, len(data), len(self._pending), rows, columns_crc32)

    def _manifest(self, classes: Classes, protocols: Protocols) -> Manifest:
        if self._body is None or not self._progress.shards:
            reasons = [f"; the first of what was skipped: {s['reason']}" for s in self._skipped]
            raise ArchiveError(f"{self.path}: no clip was added{''.join(reasons[:1])}")
        shards = [Shard(self.partial, entry, self._body) for entry in self._progress.shards]
        table = read_table(shards)
        names = tuple(classes(table) if callable(classes) else classes)
        check_classes(self.path, table, names)
        own = protocols(table) if callable(protocols) else protocols
        return Manifest(
            dataset=self._progress.settings["dataset"],
            body=self._body,
            classes=names,
            counts=count(shards, table, len(self._skipped)),
            provenance=self._progress.settings["provenance"],
            shards=tuple(self._progress.shards),
            skipped=tuple(self._skipped),
            protocols=check_protocols(self.path, own),
        )

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        # Until it has succeeded: work that was broken off is not repeated by this writer, since
        # only the journal tells how much of it is there.
        self._failed = True
        with _reported(self.path, self.partial, what):
            yield
        self._failed = False


def write_archive(
    path: str | Path,
    clips: Iterable[Clip],
    classes: Sequence[str],
    *,
    dataset: str = "",
    protocols: Protocols = (),
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Archive:
    """Write anybody's clips as an archive.

    Args:
        path: of the archive; must not exist unless ``overwrite``.
        clips: of one layout, with unique ids; labels index ``classes``.
        classes: class names.
        dataset, protocols, provenance: see `ArchiveWriter`.
        overwrite: replace an archive that is there.

    Raises:
        ArchiveError: clips do not fit together, or the disk refuses; nothing is left behind.
    """
    writer = ArchiveWriter(
        path,
        classes=classes,
        dataset=dataset,
        protocols=protocols,
        provenance=provenance,
        overwrite=overwrite,
        resume=False,
    )
    try:
        for clip in clips:
            writer.add(clip)
        return writer.close()
    except BaseException:
        # Nobody knows what the caller's next clips will be: there is nothing to go on from.
        writer.discard()
        raise


@contextmanager
def _reported(path: Path, partial: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        nothing = what == "begin it" and not partial.exists()
        kept = (
            f"; finished clips, if any, are kept in {partial}: make room and run the same command "
            "again to go on, or delete that folder to give up"
        )
        raise ArchiveError(
            f"{path}: cannot {what}: {error.strerror or error}{'' if nothing else kept}"
        ) from error
