"""The `Clip`: what every reader gives and every archive holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.errors import ShapeError
from gesta.skeleton import Layout

Floats = NDArray[np.float32]
Space = Literal["camera_metres", "pixels", "unit_frame"]
SPACES: tuple[str, ...] = get_args(Space)


@dataclass(frozen=True, eq=False)
class VideoReference:
    """The video a clip was seen in.

    Args:
        path: where it is; relative to the archive's ``videos`` folder when stored.
        times: (T,) seconds of each skeleton frame in the video.
    """

    path: str
    times: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Clip:
    """One sequence of skeletons, validated when made.

    Args:
        coords: (M, T, V, C) float32; NaN where a joint is missing, in all C channels at once.
            M = 0 for a clip that reads but shows nobody.
        layout: what the V joints are.
        channels: what the C channels are, ("x", "y", "z") or ("x", "y").
        space: ``camera_metres`` (camera at the origin), ``pixels`` of the video frame (y down),
            or ``unit_frame`` (pixels divided by the frame's width and height).
        confidence: (M, T, V) in [0, 1] or None.
        pixels: (M, T, V, 2) the joints in the RGB frame, NaN where missing, or None.
        frame_rate: frames a second, None where unknown.
        frame_size: (width, height) of the RGB frame in pixels, None where unknown.
        video: the video the clip was seen in, or None.
        id: unique name within a data set.
        label: index into the data set's classes, None where unknown.
        subject: who acts; camera, setup, replication: numbers of the recording;
            source: the recording that a clip was cut from.

    Raises:
        ShapeError: shapes, types or ranges do not fit each other.
    """

    coords: Floats
    layout: Layout
    channels: tuple[str, ...] = ("x", "y", "z")
    space: Space = "camera_metres"
    confidence: Floats | None = None
    pixels: Floats | None = None
    frame_rate: float | None = None
    frame_size: tuple[int, int] | None = None
    video: VideoReference | None = None
    id: str = ""
    label: int | None = None
    subject: str | None = None
    camera: int | None = None
    setup: int | None = None
    replication: int | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """Check shapes, types and ranges."""
        name = f"clip {self.id!r}"
        if self.channels not in (("x", "y", "z"), ("x", "y")):
            raise ShapeError(f"{name}: channels are x, y, z or x, y; found {self.channels}")
        if self.space not in SPACES:
            raise ShapeError(f"{name}: space is one of {', '.join(SPACES)}; found {self.space!r}")
        letters = {"V": len(self.layout), "C": len(self.channels)}
        sizes = check_shape(f"{name} coords", self.coords, "M T V C", **letters)
        _check_floats(f"{name} coords", self.coords)
        missing = np.isnan(self.coords)
        if not np.array_equal(missing.any(-1), missing.all(-1)):
            raise ShapeError(f"{name}: a joint is missing in all of its channels or in none")
        frames = sizes["T"]
        if self.confidence is not None:
            check_shape(f"{name} confidence", self.confidence, "M T V", **_without_c(sizes))
            _check_floats(f"{name} confidence", self.confidence)
            bad = ~((self.confidence >= 0) & (self.confidence <= 1))
            if bad.any():
                raise ShapeError(f"{name}: confidence lies in [0, 1]")
        if self.pixels is not None:
            check_shape(f"{name} pixels", self.pixels, "M T V C", **{**sizes, "C": 2})
            _check_floats(f"{name} pixels", self.pixels)
        if self.video is not None:
            check_shape(f"{name} video times", self.video.times, "T", T=frames)
        if self.label is not None and self.label < 0:
            raise ShapeError(f"{name}: a label is an index from 0, or None; found {self.label}")
        if self.frame_rate is not None and not self.frame_rate > 0:
            raise ShapeError(f"{name}: frame_rate is positive; found {self.frame_rate}")

    @property
    def persons(self) -> int:
        """How many persons the clip holds, M."""
        return self.coords.shape[0]

    @property
    def frames(self) -> int:
        """How many frames the clip holds, T."""
        return self.coords.shape[1]

    def replace(self, **changes: Any) -> Clip:  # noqa: ANN401 - any field of a clip
        """A copy with some fields changed, validated again."""
        return replace(self, **changes)


def _without_c(sizes: dict[str, int]) -> dict[str, int]:
    return {letter: size for letter, size in sizes.items() if letter != "C"}


def _check_floats(name: str, array: Floats) -> None:
    if array.dtype != np.float32:
        raise ShapeError(f"{name}: expected float32, found {array.dtype}")
    if np.isinf(array).any():
        raise ShapeError(f"{name}: expected finite numbers or NaN, found infinity")
