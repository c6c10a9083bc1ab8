"""The journal of an archive that is being written: which shards are finished, with what.

One record a line, ``<crc32 of the JSON, 8 hexadecimal digits> <JSON>``; the first holds the
settings. A line that is cut off or damaged ends what can be trusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

from gesta.archive.durable import write_durably
from gesta.errors import ArchiveError

try:
    import fcntl
except ImportError:  # not on Windows; two writers at once are then not told apart
    fcntl = None  # type: ignore[assignment]

NAME, LOCK = "journal.jsonl", "lock"


class Journal:
    """The journal in a folder, open for appending; one process at a time holds it.

    Attributes:
        records: what it holds, up to the first damaged line.
        damaged: whether there was such a line.

    Args:
        folder: where it lies, or will lie.

    Raises:
        OSError: it cannot be read.
        ArchiveError: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        with contextlib.ExitStack() as opened:
            self._lock = opened.enter_context(open(folder / LOCK, "wb"))
            if fcntl is not None:
                _take(self._lock.fileno(), folder)
            self.records, self.damaged = read_journal(self._path)
            self._file = opened.enter_context(open(self._path, "ab"))
            self._opened = opened.pop_all()

    def rewrite(self, records: list[dict[str, Any]]) -> None:
        """Replace what it holds.

        Raises:
            OSError: it cannot be written; it holds what it held.
        """
        self._file.close()
        write_durably(self._path, b"".join(_line(record) for record in records))
        self._file = self._opened.enter_context(open(self._path, "ab"))
        self.records, self.damaged = list(records), False

    def append(self, record: dict[str, Any]) -> None:
        """Add a record and force it to disk.

        Raises:
            OSError: it cannot be written; the cut-off line is told by its checksum later.
        """
        self._file.write(_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records.append(record)

    def close(self) -> None:
        """Let go of the file; what was appended is on disk already."""
        # A full disk: what is still buffered is the line whose writing has been reported.
        with contextlib.suppress(OSError):
            self._opened.close()


def read_journal(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """The records up to the first damaged line, and whether there was one.

    Raises:
        OSError: the file cannot be read.
    """
    records: list[dict[str, Any]] = []
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    for line in lines[:-1]:
        checksum, _, text = line.partition(b" ")
        if checksum != b"%08x" % zlib.crc32(text):
            return records, True
        records.append(json.loads(text))
    return records, lines[-1] != b""


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ArchiveError(
            f"{folder}: another process is writing this archive; wait for it, or stop it"
        ) from error


def _line(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)
