"""What a pose estimator gives for one frame, and what every estimator is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.errors import ShapeError
from gesta.skeleton import Layout

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Detections:
    """The P persons that were found in one frame, in no order: places are not tracks.

    Args:
        joints: (P, V, 2) float32 x, y in pixels of the frame, y down, the left upper corner of
            the frame at 0, 0; they may lie outside of the frame. NaN where nothing is known.
        confidence: (P, V) float32 in [0, 1]; 0 where a joint is NaN.
        boxes: (P, 4) float32 x0, y0, x1, y1 in pixels.
        scores: (P,) float32 in [0, 1]: how sure it is that there is a person.

    Raises:
        ShapeError: shapes, types or ranges do not fit each other.
    """

    joints: Floats
    confidence: Floats
    boxes: Floats
    scores: Floats

    def __post_init__(self) -> None:
        """Check shapes, types and ranges."""
        sizes = check_shape("joints", self.joints, "P V C", C=2)
        persons = {"P": sizes["P"]}
        check_shape("confidence", self.confidence, "P V", V=sizes["V"], **persons)
        check_shape("boxes", self.boxes, "P four", four=4, **persons)
        check_shape("scores", self.scores, "P", **persons)
        for name in ("joints", "confidence", "boxes", "scores"):
            found = getattr(self, name).dtype
            if found != np.float32:
                raise ShapeError(f"{name} of detections: expected float32, found {found}")
        for name, values in (("confidence", self.confidence), ("scores", self.scores)):
            if not ((values >= 0) & (values <= 1)).all():
                raise ShapeError(f"{name} of detections lies in [0, 1]")
        if not np.isfinite(self.boxes).all() or np.isinf(self.joints).any():
            raise ShapeError("boxes of detections are finite, their joints finite or NaN")
        if (np.isnan(self.joints).any(axis=-1) & (self.confidence > 0)).any():
            raise ShapeError("joints of detections that are NaN have confidence 0")

    def __len__(self) -> int:
        """How many persons were found, P."""
        return self.joints.shape[0]


class PoseEstimator(Protocol):
    """Frames in, persons out. It remembers nothing from one frame to the next."""

    @property
    def name(self) -> str:
        """What `create_estimator` calls it."""
        ...

    @property
    def layout(self) -> Layout:
        """What its V joints are."""
        ...

    def input_size(self, frame_size: tuple[int, int]) -> tuple[int, int] | None:
        """(width, height) it scales a frame to, so that a decoder can do it; None: it does not."""
        ...

    def __call__(self, image: Image) -> Detections:
        """The persons in an (H, W, 3) uint8 RGB image, in its pixels."""
        ...


def check_image(image: Image) -> tuple[int, int]:
    """(width, height) of an RGB image.

    Raises:
        ShapeError: it is not (H, W, 3) uint8, or is empty.
    """
    sizes = check_shape("image", image, "H W C", C=3)
    if image.dtype != np.uint8 or not image.size:
        raise ShapeError(
            f"image: expected (H, W, 3) uint8 RGB with pixels in it, found {image.dtype} of shape "
            f"{image.shape}"
        )
    return sizes["W"], sizes["H"]


def boxes_around(joints: Floats) -> Floats:
    """(P, 4) the boxes around the (P, V, 2) joints that are known; zeros where none is."""
    boxes = np.zeros((len(joints), 4), np.float32)
    for box, points in zip(boxes, joints, strict=True):
        known = points[np.isfinite(points[:, 0])]
        if len(known):
            box[:2], box[2:] = known.min(axis=0), known.max(axis=0)
    return boxes
