"""A cache of small frames: decoded once, and mapped into memory by the epochs after that.

A folder with a file for each size of frames, ``340x256.rgb``, of (H, W, 3) bytes a frame;
``journal.jsonl`` with a record of every finished clip, from which a build that was broken off goes
on (each line begins with the CRC-32 of the rest, in eight hexadecimal digits); and ``index.json``
with the clips in order, which comes last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gesta.clip import VideoReference
from gesta.errors import MediaError
from gesta.media.cache_writer import Journal, Task, key_of, run, store_name, trim, whole_clips
from gesta.media.video import Image, Size

INDEX, VERSION = "index.json", 1


class FrameCache:
    """The frames of N clips, small and whole.

    Args:
        path: folder that `FrameCache.build` filled.

    Attributes:
        problems: why clips have no frames, by their place.
        group: (N,) int64 the place in `groups` of the file with the clip's frames.
        start, length: (N,) int64 the clip's frames in that file; none where the length is 0.
        sizes: (N, 2) int64 width and height of the frames as they were recorded.

    Raises:
        MediaError: it is missing or unfinished.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            index = json.loads((self.path / INDEX).read_bytes())
            if index["version"] != VERSION:
                raise MediaError(
                    f"{path}: is a cache of version {index['version']}, and this gesta reads "
                    f"{VERSION}; delete it and build it anew"
                )
            self._files: list[Size] = [(int(w), int(h)) for w, h in index["files"]]
            table = np.array(index["clips"], np.int64).reshape(-1, 5)
            self.problems = {int(place): str(why) for place, why in index["problems"].items()}
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise MediaError(
                f"{path}: is no finished cache of frames ({error}); build it, which goes on from "
                "where it was broken off"
            ) from error
        self.group, self.start, self.length = table[:, 0], table[:, 1], table[:, 2]
        self.sizes = table[:, 3:]

    def __len__(self) -> int:
        return len(self.length)

    def __reduce__(self) -> tuple[type[FrameCache], tuple[Path]]:
        # By value, all that is mapped into memory would go along to another process.
        return type(self), (self.path,)

    @cached_property
    def groups(self) -> list[Image]:
        """(rows, H, W, 3) uint8 of each file: read-only, mapped into memory.

        Raises:
            MediaError: a file is missing or too short.
        """
        return [self._map(place, size) for place, size in enumerate(self._files)]

    def frames(self, clip: int) -> Image:
        """The frames of a clip, one for each of its times: a view of the file.

        Args:
            clip: its place among those that the cache was built of.

        Returns:
            (T, H, W, 3) uint8, read-only.

        Raises:
            MediaError: its video could not be read when the cache was built.
        """
        if clip in self.problems:
            raise MediaError(f"{self.path}: clip {clip} has no frames: {self.problems[clip]}")
        start = int(self.start[clip])
        return self.groups[int(self.group[clip])][start : start + int(self.length[clip])]

    def _map(self, place: int, size: Size) -> Image:
        file = self.path / store_name(size)
        used = self.group == place
        rows = int((self.start + self.length)[used].max(initial=0))
        try:
            return np.memmap(file, np.uint8, "r", shape=(rows, size[1], size[0], 3))
        except (OSError, ValueError) as error:
            raise MediaError(
                f"{file}: cannot be mapped into memory ({error}); delete the cache and build it "
                "anew"
            ) from error

    @classmethod
    def build(
        cls,
        path: str | Path,
        clips: Sequence[VideoReference | None],
        *,
        side: int = 256,
        processes: int = 1,
        wait: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> FrameCache:
        """Decode the frames of clips into a cache; what is in it already is kept.

        A clip is known by the name, bytes and time of change of its video and by its times: a
        build that was broken off goes on, and clips may come and go. Those that cannot be read
        are noted in `problems`, and tried again by the next build.

        Args:
            path: folder of the cache, made where it is missing.
            clips: video and times of each, the path one that opens from here; None for a clip
                without a video.
            side: pixels of the shorter side; smaller videos stay as they are.
            processes: that decode.
            wait: until another process that fills the same cache is done; else that is an error.
            progress: called with the number of clips that are done, and that of all.

        Raises:
            MediaError: the folder holds other things or a cache of another side, another process
                fills it, or it cannot be written.
        """
        if side < 1:
            raise MediaError(f"{path}: the shorter side of frames is at least 1; got {side}")
        try:
            with Journal(Path(path), {"version": VERSION, "side": side}, wait) as journal:
                _fill(journal, clips, side, processes, progress or (lambda done, of: None))
        except OSError as error:
            raise MediaError(f"{path}: the cache cannot be written: {error}") from error
        return cls(path)


def _fill(
    journal: Journal,
    clips: Sequence[VideoReference | None],
    side: int,
    processes: int,
    progress: Callable[[int, int], None],
) -> None:
    folder = journal.folder
    keys = ["" if clip is None else key_of(clip) for clip in clips]
    wanted = {key: clip for key, clip in zip(keys, clips, strict=True) if clip is not None}
    known = whole_clips(folder, journal.records)
    trim(folder, list(known.values()))
    tasks = [Task(folder, side, key, clip) for key, clip in wanted.items() if key not in known]
    kept = len(wanted) - len(tasks)
    failed: dict[str, str] = {}
    for done, record in enumerate(run(tasks, processes), kept + 1):
        if "start" in record:
            journal.append(record)
            known[record["key"]] = record
        else:
            failed[record["key"]] = record["reason"]
        progress(done, len(wanted))
    for file in folder.glob("*.rgb"):
        with open(file, "rb") as written:
            os.fsync(written.fileno())
    journal.finish()
    _write_index(folder, [known.get(key) for key in keys], [failed.get(key) for key in keys])


def _write_index(
    folder: Path, records: Sequence[dict[str, Any] | None], reasons: Sequence[str | None]
) -> None:
    """Write the clips in order; the file is there whole or not at all."""
    files = sorted({tuple(record["size"]) for record in records if record})
    index = {
        "version": VERSION,
        "files": files,
        "clips": [
            [
                files.index(tuple(record["size"])),
                record["start"],
                record["length"],
                *record["recorded"],
            ]
            if record
            else [0, 0, 0, 1, 1]
            for record in records
        ],
        "problems": {
            place: reason or "it has no video"
            for place, (record, reason) in enumerate(zip(records, reasons, strict=True))
            if record is None
        },
    }
    beside = folder / f"{INDEX}.tmp"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, folder / INDEX)
