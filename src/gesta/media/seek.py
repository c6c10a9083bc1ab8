"""Frames of a file at any places: from the key frame before, or by counting from the start."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain, dropwhile
from typing import Protocol

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from gesta.errors import MediaError
from gesta.media.decoding import Clock, Decoded, Pass, shows
from gesta.media.video import Times


@dataclass(frozen=True, eq=False)
class Index:
    """What a file shows when.

    Args:
        times: (T,) seconds after the first frame.
        pts: (T,) the same in the units of the container.
        keys: of each key frame, when it is shown: when it is decoded, in those units.
    """

    times: Times
    pts: NDArray[np.int64]
    keys: dict[int, int]

    @classmethod
    def of(cls, opened: Pass, origin: int) -> Index | None:
        """Read it off the packets of a file, of which none is decoded.

        Args:
            opened: a pass that stands at the start.
            origin: when the first frame that decodes is shown.

        Returns:
            The index, None where packets do not say when their frames are shown.
        """
        clock = Clock(opened.stream)
        pts: list[int] = []
        keys: dict[int, int] = {}
        for packet in opened.packets():
            if shows(packet):
                clock.put(packet)
                if clock.counts or packet.pts is None:
                    return None
                pts.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys[packet.pts] = packet.pts if packet.dts is None else packet.dts
        # Before the origin stand pictures that lack the key frame they were made from.
        shown = np.unique(np.array(pts, np.int64))
        shown = shown[shown >= origin]
        return cls(np.array((shown - origin) * clock.base, np.float64), shown, keys)


class Finder(Protocol):
    """Gives the frame at a place."""

    def frame(self, place: int) -> VideoFrame:
        """The frame at a place.

        Raises:
            MediaError: it is damaged.
        """

    def close(self) -> None:
        """Close the file."""


class Counter:
    """Frames of a file whose packets do not say when they are shown: counted from the start.

    Args:
        start: gives all frames from the start.
        name: for messages.
    """

    def __init__(self, start: Callable[[], Generator[Decoded]], name: str) -> None:
        self._start, self._name = start, name
        self._coming = start()
        self._last = -1

    def frame(self, place: int) -> VideoFrame:
        """The frame at a place; one behind the last that was asked for starts anew."""
        if place <= self._last:
            self.close()
            self._coming = self._start()
        for item in self._coming:
            self._last = item.index
            if item.index == place:
                return item.frame
        raise MediaError(f"{self._name}: frame {place} is damaged and cannot be decoded")

    def close(self) -> None:
        """End the pass."""
        self._coming.close()


class Seeker:
    """Frames of a file from the key frame before them, or onwards from where it stands.

    Args:
        start: opens the file.
        index: what it shows.
    """

    def __init__(self, start: Callable[[], Pass], index: Index) -> None:
        self._start, self._index = start, index
        self._keys = sorted(index.keys)
        self._opened = start()
        self._coming = self._opened.frames()
        # When the last frame that came out is shown; None where nothing more can come.
        self._last: int | None = None

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def frame(self, place: int) -> VideoFrame:
        """The frame at a place.

        Raises:
            MediaError: it is damaged.
        """
        target = int(self._index.pts[place])
        before = bisect_right(self._keys, target)
        if self._last is not None and self._last < target:
            # Going on costs less than seeking unless there is a key frame between.
            if not before or self._keys[before - 1] <= self._last:
                found = self._look_for(target)
                if found is not None:
                    return found
        for offset in self._offsets(before):
            if self._go(offset, target):
                found = self._look_for(target)
                if found is not None:
                    return found
        raise MediaError(f"{self._opened.name}: frame {place} is damaged and cannot be decoded")

    def _offsets(self, before: int) -> Iterator[int | None]:
        """Where to start looking, the likeliest first; None is the start of the file."""
        near = self._keys[max(0, before - 2) : before][::-1]
        # Matroska finds places by when they are shown, others by when they are decoded.
        if self._opened.container.format.name.startswith("matroska"):
            yield from near
        else:
            yield from (self._index.keys[key] for key in near)
        yield None

    def _go(self, offset: int | None, target: int) -> bool:
        """Go to a key frame; whether it is one that is shown no later than the target."""
        self._last = None
        if offset is None:
            self._opened.close()
            self._opened = self._start()
            self._coming = self._opened.frames()
            return True
        try:
            self._opened.container.seek(offset, stream=self._opened.stream)
        except FFmpegError:
            return False
        packets = dropwhile(lambda p: p.size and not p.is_keyframe, self._opened.packets())
        first = next(packets, None)
        if first is None or first.pts is None or first.pts > target:
            return False
        self._coming = self._opened.frames(chain([first], packets))
        return True

    def _look_for(self, target: int) -> VideoFrame | None:
        for frame in self._coming:
            if frame.pts is not None:
                self._last = frame.pts
                if frame.pts >= target:
                    return frame if frame.pts == target else None
        self._last = None
        return None
