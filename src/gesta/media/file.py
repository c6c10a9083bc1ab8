"""Video files of any container: frames in order, and at any place by way of key frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from gesta.errors import MediaError
from gesta.media.decoding import Decoded, Pass
from gesta.media.render import Renderer, Turn
from gesta.media.seek import Counter, Finder, Index, Seeker
from gesta.media.video import (
    Box,
    Frame,
    Image,
    Size,
    Times,
    Video,
    box_size,
    check_box,
    check_indices,
    check_size,
)

# A playlist or session description is a text that names other sources: a file reads no network.
PROTOCOLS = {"protocol_whitelist": "file,crypto,data"}


class VideoFile(Video):
    """A file of any container that FFmpeg reads.

    Args:
        path: the file.
        threads: of the decoder; 0 for as many as there are cores.

    Raises:
        MediaError: it is missing, empty, no video, or nothing in it decodes.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        super().__init__()
        self.path, self.name, self._threads = path, path.name, threads
        if not path.exists():
            raise MediaError(f"{path}: there is no such file")
        if path.is_file() and not path.stat().st_size:
            raise MediaError(f"{path}: is empty (0 bytes)")
        self._known: tuple[Times, Finder] | None = None
        self._started: tuple[Pass, Decoded, Iterator[Decoded]] | None = None
        self._started = opened, first, _ = self._start()
        turn = Turn.of(first.frame)
        self.size: Size = turn.size((first.frame.width, first.frame.height))
        rate = opened.stream.average_rate
        self.frame_rate = float(rate) if rate else None
        self._origin = first.frame.pts
        self._renderer = Renderer(turn, self.size)

    def close(self) -> None:
        """Close the file."""
        if self._started is not None:
            self._started[0].close()
        if self._known is not None:
            self._known[1].close()
        self._started = self._known = None

    def _open(self, problems: list[str] | None = None) -> Pass:
        source, name = f"file:{self.path}", str(self.path)
        return Pass(source, name, problems, threads=self._threads, options=dict(PROTOCOLS))

    def _start(self) -> tuple[Pass, Decoded, Iterator[Decoded]]:
        """A pass with its first frame: that of opening, if nobody has taken it yet."""
        if self._started is not None:
            started, self._started = self._started, None
            return started
        opened = self._open(self.problems)
        rest = opened.decoded()
        first = next(rest, None)
        if first is None:
            opened.close()
            raise MediaError(f"{self.path}: no frame of its video can be decoded: it is damaged")
        return opened, first, rest

    def _decoded(self) -> Generator[Decoded]:
        opened, first, rest = self._start()
        with closing(opened):
            yield first
            yield from rest

    def frames(self, *, size: Size | None = None, box: Box | None = None) -> Iterator[Frame]:
        """All frames in the order in which they are shown; see `Video.frames`."""
        size, box = check_size(self.name, size), check_box(self.name, box)
        for item in self._decoded():
            yield Frame(item.index, item.time, self._renderer(item.frame, box, size))

    @property
    def times(self) -> Times:
        """(T,) seconds of all frames after the first, in the order in which they are shown.

        Frames that turn out to be damaged have their times; iteration leaves out their indices.
        """
        return self._find()[0]

    def _find(self) -> tuple[Times, Finder]:
        if self._known is None:
            with closing(self._open()) as opened:
                index = Index.of(opened, self._origin)
            if index is not None and index.pts is not None:
                self._known = index.times, Seeker(self._open, index.pts, index.keys)
            else:
                times = index.times if index else np.array([i.time for i in self._decoded()])
                self._known = times, Counter(self._decoded, str(self.path))
        return self._known

    def read(
        self, indices: ArrayLike, *, box: Box | None = None, size: Size | None = None
    ) -> Image:
        """Frames at any places, decoded from the key frame before each; see `Video.read`."""
        size, box = check_size(self.name, size), check_box(self.name, box)
        times, finder = self._find()
        wanted = check_indices(self.name, indices, len(times))
        width, height = size or (self.size if box is None else box_size(box))
        images = np.empty((len(wanted), height, width, 3), np.uint8)
        for place in np.unique(wanted):
            images[wanted == place] = self._renderer(finder.frame(int(place)), box, size)
        return images
