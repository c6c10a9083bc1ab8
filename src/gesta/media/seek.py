"""Frames of a file at any places: from the key frame before, or by counting from the start."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator
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

# To decode so many frames that nobody asked for takes no longer than seeking.
_NEAR = 4


@dataclass(frozen=True, eq=False)
class Index:
    """What a file shows when.

    Args:
        times: (T,) seconds after the first frame.
        pts: (T,) the same in the units of the container; None where it keeps no times.
        keys: of each key frame, when it is shown: when it is decoded, in those units.
    """

    times: Times
    pts: NDArray[np.int64] | None
    keys: dict[int, int]

    @classmethod
    def of(cls, opened: Pass, origin: int | None) -> Index | None:
        """Read it off the packets of a file, of which none is decoded.

        Args:
            opened: a pass that stands at the start.
            origin: when the first frame that decodes is shown; None where it does not say.

        Returns:
            The index, None where times jump back: decoding alone tells what is shown then.
        """
        clock = Clock(opened.stream)
        if clock.counts or origin is None:
            frames = sum(shows(packet) for packet in opened.packets())
            return cls(np.arange(frames, dtype=np.float64) * clock.step, None, {})
        pts: list[int] = []
        keys: dict[int, int] = {}
        for packet in opened.packets():
            clock.put(packet)
            if clock.counts:
                return None
            if packet.pts is not None:
                if shows(packet):
                    pts.append(packet.pts)
                if packet.is_keyframe:
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
        pts, keys: as of the file's `Index`.
    """

    def __init__(
        self, start: Callable[[], Pass], pts: NDArray[np.int64], keys: dict[int, int]
    ) -> None:
        self._start, self._pts, self._decoded_at = start, pts, keys
        self._keys = sorted(keys)
        self._opened = start()
        self._coming = self._opened.frames()
        # When the last frame that came out is shown; None where nothing more can come.
        self._last: int | None = int(pts[0]) - 1 if len(pts) else None

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def frame(self, place: int) -> VideoFrame:
        """The frame at a place.

        Raises:
            MediaError: it is damaged.
        """
        target = int(self._pts[place])
        before = bisect_right(self._keys, target)
        found = self._look_for(target) if self._goes_on(place, before) else None
        # What a key frame is called may need a while, or the group before, to come clear.
        for key in self._keys[max(0, before - 2) : before][::-1]:
            if found is None and self._seek(key, target):
                found = self._look_for(target)
        if found is None:
            self._opened.close()
            self._opened = self._start()
            self._coming = self._opened.frames()
            found = self._look_for(target)
        if found is None:
            name = self._opened.name
            raise MediaError(f"{name}: frame {place} is damaged and cannot be decoded")
        return found

    def _goes_on(self, place: int, before: int) -> bool:
        """Whether to decode on from where it stands: no key frame is much nearer."""
        if self._last is None or self._last >= self._pts[place]:
            return False
        if not before:
            return True
        here, key = np.searchsorted(self._pts, [self._last + 1, self._keys[before - 1]])
        return bool(key - here <= _NEAR)

    def _seek(self, key: int, target: int) -> bool:
        """Go to a key frame; whether it is one that is shown no later than the target."""
        self._last = None
        # Some containers find places by when they are shown, others by when they are decoded.
        shown = self._opened.container.format.name.startswith(("matroska", "mov"))
        offset = key if shown else self._decoded_at[key]
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
