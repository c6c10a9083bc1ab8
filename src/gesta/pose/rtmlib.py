"""RTMPose by the package `rtmlib` (extra ``rtmlib``): a person detector, then joints a person.

More exact than MoveNet and several times slower. rtmlib downloads its models at first use.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any, Literal, get_args

import numpy as np

from gesta.errors import PoseError
from gesta.pose.detections import Detections, Image, check_image
from gesta.pose.extras import import_extra
from gesta.skeleton import Layout, get_layout

Mode = Literal["lightweight", "balanced", "performance"]


class RtmPose:
    """Top-down estimation: YOLOX finds persons, RTMPose their 17 joints.

    Args:
        mode: rtmlib's choice of models.
        device: "cpu", or "cuda" with an onnxruntime that has it.
        min_score: persons whose mean confidence of joints is lower are left out.

    Raises:
        PoseError: the package is missing, its models cannot be loaded, or an option is unknown.
    """

    name = "rtmlib"

    def __init__(
        self, *, mode: Mode = "lightweight", device: str = "cpu", min_score: float = 0.3
    ) -> None:
        if mode not in get_args(Mode):
            raise PoseError(f"rtmlib: mode: expected {', '.join(get_args(Mode))}, found {mode!r}")
        if not 0 <= min_score <= 1:
            raise PoseError(f"rtmlib: min_score: expected 0 to 1, found {min_score}")
        self.layout: Layout = get_layout("coco_17")
        self.min_score = min_score
        self._body = _load(import_extra("rtmlib", "rtmlib"), mode, device)

    def input_size(self, frame_size: tuple[int, int]) -> None:
        """None: persons are cut out of the full frame."""

    def __call__(self, image: Image) -> Detections:
        """The persons in an (H, W, 3) uint8 RGB image, joints and boxes in its pixels.

        Raises:
            ShapeError: the image is of another form.
        """
        check_image(image)
        bgr = np.ascontiguousarray(image[..., ::-1])
        # Its two parts are called apart: together they take a frame without anybody for one person.
        boxes = np.asarray(self._body.det_model(bgr), np.float32).reshape(-1, 4)
        if not len(boxes):
            return _nobody(len(self.layout))
        joints, confidence = self._body.pose_model(bgr, bboxes=boxes)
        confidence = np.clip(np.asarray(confidence, np.float32), 0, 1)
        scores = confidence.mean(axis=1)
        keep = scores >= self.min_score
        return Detections(
            np.asarray(joints, np.float32)[keep], confidence[keep], boxes[keep], scores[keep]
        )


def _load(rtmlib: Any, mode: Mode, device: str) -> Any:  # noqa: ANN401 - comes without types
    try:
        # It reports what it loads on standard output, which belongs to results.
        with redirect_stdout(sys.stderr):
            return rtmlib.Body(mode=mode, backend="onnxruntime", device=device)
    except (OSError, KeyError) as error:
        raise PoseError(
            f"rtmlib: models of mode {mode!r} on device {device!r} cannot be loaded "
            f"({type(error).__name__}: {error}); it downloads them at first use, so run it once "
            "with a network, or use movenet, which ships with gesta"
        ) from error


def _nobody(joints: int) -> Detections:
    return Detections(
        np.zeros((0, joints, 2), np.float32),
        np.zeros((0, joints), np.float32),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.float32),
    )
