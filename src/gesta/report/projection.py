"""From a clip's coordinates to points on paper (y down), and the box that holds them all.

Convention: ``camera_metres`` has x to the right, y up and z away from the camera; it is seen
orthographically from the front, after a turn about the vertical axis through the people.
``pixels`` and ``unit_frame`` have y down already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip

Points = NDArray[np.float64]

# A box this many times wider than where nine tenths of the joints are was blown up by a glitch
# of the tracker, and would leave the people a few pixels tall.
GLITCH_FACTOR = 4.0


def project(clip: Clip, turn: float = 0.0) -> Points:
    """The joints of a clip as they are drawn.

    Args:
        clip: any clip; pixels and unit frames are drawn as they are.
        turn: degrees about the vertical axis, for three-dimensional clips; positive brings the
            far side to the right.

    Returns:
        (M, T, V, 2) in units of the clip's space (pixels where the frame size is known), y
        down, NaN where a joint is missing.
    """
    coords = clip.coords.astype(np.float64)
    if clip.space == "unit_frame" and clip.frame_size is not None:
        coords[..., 0] *= clip.frame_size[0]
        coords[..., 1] *= clip.frame_size[1]
    if coords.shape[-1] == 3:
        coords = _turned(coords, np.deg2rad(turn))
    points = coords[..., :2].copy()
    if clip.space == "camera_metres":
        points[..., 1] *= -1
    return points


def _turned(coords: Points, angle: float) -> Points:
    there = coords[~np.isnan(coords[..., 0])]
    if not len(there) or angle == 0:
        return coords
    x0, z0 = np.median(there[:, 0]), np.median(there[:, 2])
    x, z = coords[..., 0] - x0, coords[..., 2] - z0
    turned = coords.copy()
    turned[..., 0] = x0 + np.cos(angle) * x + np.sin(angle) * z
    turned[..., 2] = z0 - np.sin(angle) * x + np.cos(angle) * z
    return turned


@dataclass(frozen=True)
class Box:
    """A rectangle of the drawing's units: its left upper corner and its size."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, points: Points, margin: float = 0.07) -> Box:
        """The box of all points of a clip, so that one scale serves all of its frames.

        Args:
            points: (..., 2), NaN where missing.
            margin: share of the larger side that is added on each side.
        """
        flat = points.reshape(-1, 2)
        flat = flat[~np.isnan(flat[:, 0])]
        if not len(flat):
            return cls(-0.5, -0.5, 1.0, 1.0)
        low, high = flat.min(axis=0), flat.max(axis=0)
        inner_low, inner_high = np.percentile(flat, 5, axis=0), np.percentile(flat, 95, axis=0)
        usual = np.maximum(inner_high - inner_low, (inner_high - inner_low).max() / 4)
        if (usual > 0).all():
            low = np.maximum(low, inner_low - GLITCH_FACTOR * usual)
            high = np.minimum(high, inner_high + GLITCH_FACTOR * usual)
        size = high - low
        largest = float(size.max()) or 1.0
        # A figure seen from the side is thin: a box of less than a third would crowd its joints.
        width, height = (max(float(s), largest / 3) + 2 * margin * largest for s in size)
        middle = (low + high) / 2
        return cls(float(middle[0]) - width / 2, float(middle[1]) - height / 2, width, height)

    def place(self, points: Points, width: float, height: float) -> Points:
        """Points moved and scaled into a panel of a width and height, proportions kept."""
        scale = min(width / self.width, height / self.height)
        offset = np.array([(width - self.width * scale) / 2, (height - self.height * scale) / 2])
        return (points - np.array([self.left, self.top])) * scale + offset
