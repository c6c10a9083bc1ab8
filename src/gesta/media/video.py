"""`Video`: pictures in the order in which they are shown, whatever they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gesta.errors import MediaError, ShapeError

Image = NDArray[np.uint8]
Times = NDArray[np.float64]
Size = tuple[int, int]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Args:
        index: its place among the frames of the video, from 0.
        time: seconds from the first frame that is shown.
        image: (H, W, 3) uint8, RGB, upright.
    """

    index: int
    time: float
    image: Image


class Video(ABC):
    """Pictures with their times; closed when used as a context manager.

    Attributes:
        name: what it is called, for people.
        size: (width, height) of a frame as it is shown, in pixels: a turned video counts turned.
        frame_rate: mean number of frames a second, None where unknown.
        live: a camera or stream: frames come once, in order.
        problems: what was found to be damaged so far, in words.
    """

    name: str
    size: Size
    frame_rate: float | None
    live: bool = False

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    @abstractmethod
    def close(self) -> None:
        """Give back files and devices; a second time does nothing."""

    @abstractmethod
    def frames(self, *, size: Size | None = None, box: Box | None = None) -> Iterator[Frame]:
        """All frames in the order in which they are shown.

        Args:
            size: (width, height) to scale to while decoding.
            box: as of `read`.

        Raises:
            MediaError: nothing can be decoded, or a stream stopped.
        """

    @property
    def times(self) -> Times:
        """(T,) seconds of all frames after the first, in the order in which they are shown.

        Raises:
            MediaError: the video is live, or nothing can be decoded.
        """
        raise MediaError(f"{self.name}: is live; the times of its frames are not known before")

    def read(
        self, indices: ArrayLike, *, box: Box | None = None, size: Size | None = None
    ) -> Image:
        """Frames at any places, without decoding what is not needed for them.

        Args:
            indices: (n,) places in `times`, in any order, repeated or not.
            box: x0, y0, x1, y1 to cut, whole pixels of the shown frame; what lies outside of the
                frame is black.
            size: (width, height) to scale to; that of the box or frame where None.

        Returns:
            (n, H, W, 3) uint8, RGB.

        Raises:
            ShapeError: a place or box that cannot be.
            MediaError: a frame cannot be decoded, or the video is live.
        """
        raise MediaError(
            f"{self.name}: is live; its frames come once, in order: iterate over it instead"
        )

    def index_at(self, times: ArrayLike) -> NDArray[np.int64]:
        """The places of the frames nearest to some times.

        Args:
            times: (n,) seconds from the first frame.

        Returns:
            (n,) places for `read`.

        Raises:
            MediaError: the video is live, or nothing can be decoded.
        """
        own = self.times
        middles = (own[1:] + own[:-1]) / 2
        return np.searchsorted(middles, np.asarray(times, np.float64)).astype(np.int64)


def box_size(box: Box) -> Size:
    """(width, height) of a box."""
    return box[2] - box[0], box[3] - box[1]


def check_indices(name: str, indices: ArrayLike, frames: int) -> NDArray[np.int64]:
    """Places of frames as int64.

    Raises:
        ShapeError: they are not whole numbers in one row, or there are no such frames.
    """
    found = np.asarray(indices)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise ShapeError(
            f"{name}: places of frames are whole numbers, (n,); found {found.dtype} {found.shape}"
        )
    found = found.astype(np.int64)
    bad = found[(found < 0) | (found >= frames)]
    if bad.size:
        raise ShapeError(f"{name}: has frames 0 to {frames - 1}; asked for {bad[0]}")
    return found


def check_box(name: str, box: Sequence[SupportsIndex] | None) -> Box | None:
    """A box as four ints.

    Raises:
        ShapeError: it is not four whole numbers with x0 < x1 and y0 < y1.
    """
    if box is None:
        return None
    try:
        x0, y0, x1, y1 = (value.__index__() for value in box)
    except (AttributeError, TypeError, ValueError):
        raise ShapeError(f"{name}: a box is four whole pixels x0, y0, x1, y1; got {box}") from None
    if x0 >= x1 or y0 >= y1:
        raise ShapeError(f"{name}: a box has x0 < x1 and y0 < y1; got {box}")
    return x0, y0, x1, y1


def check_size(name: str, size: Sequence[SupportsIndex] | None) -> Size | None:
    """A size as two ints.

    Raises:
        ShapeError: it is not two positive whole numbers.
    """
    if size is None:
        return None
    try:
        width, height = (value.__index__() for value in size)
    except (AttributeError, TypeError, ValueError):
        raise ShapeError(f"{name}: a size is whole pixels, width, height; got {size}") from None
    if width < 1 or height < 1:
        raise ShapeError(f"{name}: a size is positive; got {size}")
    return width, height
