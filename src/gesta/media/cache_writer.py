"""What fills a cache of frames: workers that decode, and the journal of what is finished."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Lock
from pathlib import Path
from typing import Any, Self

import numpy as np

from gesta.clip import VideoReference
from gesta.errors import GestaError, MediaError
from gesta.media.sources import open_video
from gesta.media.video import Size, Video

try:
    import fcntl
except ImportError:  # not on Windows; two builds at once are then not told apart
    fcntl = None  # type: ignore[assignment]

JOURNAL, LOCK = "journal.jsonl", "lock"
# Frames that are held at once while they are written.
_CHUNK = 32
Record = dict[str, Any]


class Journal:
    """The records of finished clips, held by one process at a time.

    Args:
        folder: of the cache, made where it is missing.
        head: the first record, which all builds of a cache share.
        wait: until another process that holds it is done; else that is an error.

    Raises:
        MediaError: the folder holds other things, another cache, or another process fills it.
        OSError: it cannot be read or written.
    """

    def __init__(self, folder: Path, head: Record, wait: bool = False) -> None:
        new = not folder.exists() or not any(folder.iterdir())
        if not new and not (folder / JOURNAL).exists() and not (folder / LOCK).exists():
            raise MediaError(f"{folder}: is a folder with other things; name a new one")
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            lock = opened.enter_context(open(folder / LOCK, "wb"))
            _take(lock.fileno(), folder, wait)
            records, end = _read(folder / JOURNAL)
            if records and records[0] != head:
                raise MediaError(
                    f"{folder}: is a cache of {records[0]}, and {head} is asked for; name another "
                    "folder, or delete this one"
                )
            self._file = opened.enter_context(open(folder / JOURNAL, "ab"))
            # A line that was cut off: what follows it would count as damaged, too.
            self._file.truncate(end)
            self._opened = opened.pop_all()
        self.folder, self.records = folder, records
        if not records:
            self.append(head)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def append(self, record: Record) -> None:
        """Add a record.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps(record).encode()
        self._file.write(b"%08x %s\n" % (zlib.crc32(text), text))
        self._file.flush()
        self.records.append(record)

    def finish(self) -> None:
        """Force all to disk, and note that what stands before is whole."""
        self.append({"finished": True})
        os.fsync(self._file.fileno())


def _read(path: Path) -> tuple[list[Record], int]:
    """The records up to the first damaged line, and where that begins."""
    records: list[Record] = []
    end = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
        checksum, _, text = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
            break
        records.append(json.loads(text))
        end += len(line)
    return records, end


def _take(handle: int, folder: Path, wait: bool) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        raise MediaError(
            f"{folder}: another process is filling this cache; wait for it, or stop it"
        ) from error


def key_of(clip: VideoReference) -> str:
    """What a clip is known by: the name, bytes and time of change of its video, and its times."""
    path = Path(clip.path)
    try:
        status = path.stat()
        state = f"{status.st_size} {status.st_mtime_ns}"
    except OSError:
        state = "missing"
    times = np.ascontiguousarray(clip.times, np.float64)
    return f"{path.name} {state} {len(times)} {zlib.crc32(times.data):08x}"


def store_name(size: Size) -> str:
    """The file of frames of a (width, height)."""
    return f"{size[0]}x{size[1]}.rgb"


def whole_clips(folder: Path, records: Sequence[Record]) -> dict[str, Record]:
    """The clips that a journal says are there, and that are, by their keys.

    What was written after the last build that ended well may be on disk in part only: its
    checksums are compared.
    """
    finished = max((i for i, record in enumerate(records) if "finished" in record), default=0)
    known = {}
    for place, record in enumerate(records):
        if "start" in record and (place < finished or _is_whole(folder, record)):
            known[record["key"]] = record
    return known


def _is_whole(folder: Path, record: Record) -> bool:
    width, height = record["size"]
    row = width * height * 3
    try:
        with open(folder / store_name((width, height)), "rb") as file:
            file.seek(record["start"] * row)
            checksum = 0
            for _ in range(record["length"]):
                frame = file.read(row)
                checksum = zlib.crc32(frame, checksum)
    except OSError:
        return False
    return checksum == record["crc32"]


def trim(folder: Path, records: Sequence[Record]) -> None:
    """Cut off what a build that was broken off left at the end of the files.

    Raises:
        OSError: a file cannot be changed.
    """
    ends: dict[str, int] = {}
    for record in records:
        width, height = record["size"]
        name, row = store_name((width, height)), width * height * 3
        ends[name] = max(ends.get(name, 0), (record["start"] + record["length"]) * row)
    for file in folder.glob("*.rgb"):
        if file.name in ends:
            os.truncate(file, ends[file.name])
        else:
            file.unlink()


@dataclass(frozen=True)
class Task:
    """What a worker is to do: write a clip's frames, scaled to a shorter side, into a folder."""

    folder: Path
    side: int
    key: str
    clip: VideoReference

    def run(self, lock: Lock | contextlib.AbstractContextManager[Any]) -> Record:
        """Decode and write.

        Args:
            lock: held while a place in a file is chosen.

        Returns:
            The record of the clip: where its frames are, or why it has none.
        """
        try:
            # One thread: several processes decode at once.
            with open_video(self.clip.path, threads=1) as video:
                return {"key": self.key, **self._write(video, lock)}
        except (GestaError, OSError) as error:
            return {"key": self.key, "reason": str(error)}

    def _write(self, video: Video, lock: contextlib.AbstractContextManager[Any] | Lock) -> Record:
        places = video.index_at(self.clip.times)
        size = small(video.size, self.side)
        row, checksum = size[0] * size[1] * 3, 0
        with open(self.folder / store_name(size), "ab") as end, lock:
            start = os.fstat(end.fileno()).st_size // row
            end.truncate((start + len(places)) * row)
        with open(self.folder / store_name(size), "r+b") as file:
            file.seek(start * row)
            for first in range(0, len(places), _CHUNK):
                frames = video.read(places[first : first + _CHUNK], size=size).data
                checksum = zlib.crc32(frames, checksum)
                file.write(frames)
        return {
            "start": start,
            "length": len(places),
            "size": list(size),
            "recorded": list(video.size),
            "crc32": checksum,
        }


def small(size: Size, side: int) -> Size:
    """The (width, height) of a frame whose shorter side is scaled down to some pixels."""
    factor = min(1.0, side / min(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


_lock: Lock | None = None


def _begin(lock: Lock) -> None:
    """In a worker process: Ctrl-C is for the program that started it, which ends its workers."""
    global _lock
    _lock = lock
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(task: Task) -> Record:
    assert _lock is not None
    return task.run(_lock)


def run(tasks: Sequence[Task], processes: int) -> Iterator[Record]:
    """The records of clips, in the order in which they are finished.

    Raises:
        MediaError: a process ended of itself.
    """
    if processes <= 1 or len(tasks) <= 1:
        yield from (task.run(contextlib.nullcontext()) for task in tasks)
        return
    # Spawned, not forked: a process that has threads (torch, BLAS) must not be copied.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(processes, len(tasks)), context, initializer=_begin, initargs=(context.Lock(),)
    )
    try:
        for future in as_completed([pool.submit(_run, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool as error:
        raise MediaError(
            "a process that decodes video ended at once; in a script, make this call below "
            'if __name__ == "__main__":, or give processes=1; else it may have run out of memory'
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
