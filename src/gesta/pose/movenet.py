"""MoveNet MultiPose Lightning: up to six persons in a frame, shipped with gesta as ONNX.

Google, Apache-2.0; see NOTICE for where the weights come from. Input: int32 (1, H, W, 3) RGB from
0 to 255, H and W multiples of 32. Output (1, 6, 56): of each person 17 x (y, x, confidence) as
parts of the input's height and width in COCO's order, box (y0, x0, y1, x1), score.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image as Pictures

from gesta.errors import PoseError
from gesta.pose.detections import Detections, Floats, Image, check_image
from gesta.skeleton import Layout, get_layout

STRIDE = 32
JOINTS = 17


class MoveNet:
    """The estimator that works offline; one thread is enough for video in real time at 256.

    Args:
        long_side: pixels of the longer side that a frame is scaled to, a multiple of 32: 256 is
            fast, 384 and 512 find smaller people at two and four times the work. More than the
            frame itself has is no gain: 384 is 3 points of PCK worse than 256 on 320 x 240.
        min_score: persons below this score are left out. It is low since a `Tracker` lets unsure
            detections only continue a person whom surer ones began.
        min_confidence: joints below this confidence are missing (NaN) in place of a guess. By
            default all are kept with their confidence, for models that read it: on J-HMDB the
            guesses are right about as often as a line between the neighbours in time.
        threads: of onnxruntime.

    Raises:
        PoseError: an option is out of its range.
    """

    name = "movenet"

    def __init__(
        self,
        *,
        long_side: int = 256,
        min_score: float = 0.05,
        min_confidence: float = 0.0,
        threads: int = 1,
    ) -> None:
        if long_side < STRIDE or long_side % STRIDE:
            raise PoseError(
                f"movenet: long_side: expected a multiple of {STRIDE} such as 256, 384 or 512, "
                f"found {long_side}"
            )
        if threads < 1:
            raise PoseError(f"movenet: threads: expected 1 or more, found {threads}")
        for option, value in (("min_score", min_score), ("min_confidence", min_confidence)):
            if not 0 <= value <= 1:
                raise PoseError(f"movenet: {option}: expected 0 to 1, found {value}")
        self.layout: Layout = get_layout("coco_17")
        self.long_side, self.min_score, self.min_confidence = long_side, min_score, min_confidence
        self._session = _open_session(threads)

    def input_size(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) that a frame of this size is scaled to, its proportions kept."""
        scale = self.long_side / max(frame_size)
        width, height = (max(round(side * scale), 1) for side in frame_size)
        return width, height

    def __call__(self, image: Image) -> Detections:
        """The persons in an (H, W, 3) uint8 RGB image, joints and boxes in its pixels.

        Raises:
            ShapeError: the image is of another form.
        """
        frame = check_image(image)
        size = self.input_size(frame)
        if size != frame:
            scaled = Pictures.fromarray(image).resize(size, Pictures.Resampling.BILINEAR)
            image = np.asarray(scaled)
        width, height = size
        padded = np.zeros((1, _whole(height), _whole(width), 3), np.int32)
        padded[0, :height, :width] = image
        (found,) = self._session.run(None, {self._session.get_inputs()[0].name: padded})
        # Parts of the padded input to pixels of the frame.
        scale = np.array(
            [padded.shape[2] * frame[0] / width, padded.shape[1] * frame[1] / height], np.float32
        )
        return self._detections(found[0], scale)

    def _detections(self, found: Floats, scale: Floats) -> Detections:
        found = found[found[:, -1] >= self.min_score]
        table = found[:, : JOINTS * 3].reshape(-1, JOINTS, 3)
        joints, confidence = table[..., 1::-1] * scale, np.clip(table[..., 2], 0, 1)
        unsure = confidence < self.min_confidence
        joints[unsure], confidence[unsure] = np.nan, 0
        corners = found[:, JOINTS * 3 : JOINTS * 3 + 4].reshape(-1, 2, 2)[..., ::-1]
        boxes = (corners * scale).reshape(-1, 4)
        return Detections(joints, confidence, boxes, np.clip(found[:, -1], 0, 1))


def _whole(side: int) -> int:
    """The side with padding, so that the network's strides divide it."""
    return -(-side // STRIDE) * STRIDE


def _open_session(threads: int) -> Any:  # noqa: ANN401 - onnxruntime comes without types
    # Imported here: a third of a second that those who only train need not spend.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Threads that wait for work would otherwise spin and take the core from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = files("gesta").joinpath("data/pose/movenet_multipose.onnx").read_bytes()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
