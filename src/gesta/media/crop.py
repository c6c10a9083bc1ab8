"""Boxes to cut out of video frames, and joints carried along into what is cut out.

Convention: pixels as in `gesta.media.projection`. A box is (x0, y0, x1, y1) in whole pixels with
x1 and y1 the first beyond it, never empty and never outside of the frame. Training cuts batches
in the same way (`gesta.transforms`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from gesta.errors import ShapeError
from gesta.media.projection import Pixels
from gesta.media.video import Box, Size

PLACES = ("centre", "top_left", "top_right", "bottom_left", "bottom_right")
# MMFF section 3.3: what a box of joints is grown by, in pixels of NTU RGB+D's frames.
MARGINS, MARGINS_WIDTH = (100.0, 300.0), 1920


@dataclass(frozen=True)
class Growth:
    """How the box of a person grows into the box that is cut out.

    Args:
        place: the corner of the joints' box that stays where it is while the box grows to the
            other side; ``centre`` grows to all sides alike.
        width, height: by how many pixels of a frame 1920 pixels wide.

    Raises:
        ShapeError: there is no such place, or the box would shrink.
    """

    place: str = "centre"
    width: float = 200.0
    height: float = 200.0

    def __post_init__(self) -> None:
        """Check place and size."""
        _check_place(self.place)
        if not (self.width >= 0 and self.height >= 0):
            raise ShapeError(f"a box grows by 0 or more; found {self.width} x {self.height} pixels")


def joints_box(pixels: NDArray[np.floating], frame_size: Size) -> Box | None:
    """The smallest box around all joints that are there, cut to the frame.

    Args:
        pixels: (..., 2); NaN where missing. Of several persons: the box holds them all.
        frame_size: (width, height).

    Returns:
        None where no joint is there, or all lie beyond one side of the frame.
    """
    extent = _extent(pixels, frame_size)
    return None if extent is None else _clipped(extent, frame_size)


def projection_crop(
    pixels: NDArray[np.floating], frame_size: Size, growth: Growth | None = None
) -> Box:
    """MMFF's projection crop: the box around the joints, grown, cut to the frame (section 3.3).

    The paper keeps a corner of the box and cuts width + w' by height + h' from there. In test
    (reconstructed) the box grows to all sides, by the mean of the paper's range in all.

    Args:
        pixels: (..., 2) joints of all persons in the frame; NaN where missing.
        frame_size: (width, height); what the box grows by is scaled with the width.
        growth: another than that of the test, say one of training.

    Returns:
        A box that holds every joint of the frame; the whole frame where nobody is in it.
    """
    extent = _extent(pixels, frame_size)
    if extent is None:
        return (0, 0, *frame_size)
    growth = growth or Growth()
    scale = frame_size[0] / MARGINS_WIDTH
    x0, y0, x1, y1 = extent
    left, right = _shares(growth.place, "left", "right")
    above, below = _shares(growth.place, "top", "bottom")
    across, down = growth.width * scale, growth.height * scale
    grown = (x0 - left * across, y0 - above * down, x1 + right * across, y1 + below * down)
    return _clipped(grown, frame_size)


def square_crop(frame_size: Size, place: str = "centre", scale: float = 1.0) -> Box:
    """A square of the frame at one of its corners or in its centre.

    Args:
        frame_size: (width, height).
        place: one of `PLACES`.
        scale: the square's side, as a share of the frame's shorter side.

    Raises:
        ShapeError: there is no such place, or the share is not in (0, 1].
    """
    _check_place(place)
    if not 0 < scale <= 1:
        raise ShapeError(f"a square crop's share of the shorter side is in (0, 1]; found {scale}")
    side = max(1, round(scale * min(frame_size)))
    (before, _), (above, _) = (_shares(place, *s) for s in (("left", "right"), ("top", "bottom")))
    x0, y0 = floor(before * (frame_size[0] - side)), floor(above * (frame_size[1] - side))
    return x0, y0, x0 + side, y0 + side


def carry_joints(pixels: NDArray[np.floating], box: Box, size: Size) -> Pixels:
    """Joints in the coordinates of a box that was cut out and scaled to a size.

    Args:
        pixels: (..., 2) of the frame; NaN where missing.
        box: that was cut.
        size: (width, height) that it was scaled to.

    Returns:
        (..., 2) float32; NaN where missing; negative or beyond ``size`` outside of the box.
    """
    x0, y0, x1, y1 = box
    scale = np.array([size[0] / (x1 - x0), size[1] / (y1 - y0)])
    return np.asarray((pixels - np.array([x0, y0])) * scale, np.float32)


def _extent(
    pixels: NDArray[np.floating], frame_size: Size
) -> tuple[float, float, float, float] | None:
    """Least and largest x and y of the joints, None where they leave the frame empty."""
    points = np.asarray(pixels, np.float64).reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    width, height = frame_size
    if x1 < 0 or y1 < 0 or x0 > width or y0 > height:
        return None
    return float(x0), float(y0), float(x1), float(y1)


def _clipped(box: tuple[float, float, float, float], frame_size: Size) -> Box:
    """Whole pixels around a box, within the frame, at least one in width and height."""
    (x0, x1), (y0, y1) = (_whole(box[axis], box[axis + 2], frame_size[axis]) for axis in (0, 1))
    return x0, y0, x1, y1


def _whole(low: float, high: float, size: int) -> tuple[int, int]:
    start, stop = max(0, floor(max(low, 0))), min(size, ceil(min(high, size)))
    if stop > start:
        return start, stop
    # All at one line between two pixels, or at the frame's edge.
    start = min(max(start, 0), size - 1)
    return start, start + 1


def _shares(place: str, first: str, last: str) -> tuple[float, float]:
    """The shares of what a box grows by that go before and behind it, along one axis."""
    parts = place.split("_")
    if first in parts:  # this side stays
        return 0.0, 1.0
    return (1.0, 0.0) if last in parts else (0.5, 0.5)


def _check_place(place: str) -> None:
    if place not in PLACES:
        raise ShapeError(f"a place is one of {', '.join(PLACES)}; found {place!r}")
