"""BlazePose by the package `mediapipe` (extra ``mediapipe``): 33 joints a person.

It needs a model file that Google offers for download, ``pose_landmarker_lite.task``, ``_full`` or
``_heavy``. Frames are taken one by one (its image mode), since gesta does the tracking.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gesta.errors import PoseError
from gesta.pose.detections import Detections, Image, boxes_around, check_image
from gesta.pose.extras import import_extra
from gesta.skeleton import Layout, get_layout

MODELS = "https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker#models"


class BlazePose:
    """MediaPipe's pose landmarker.

    Args:
        model: path of a ``pose_landmarker_*.task`` file.
        max_persons: how many persons it looks for.
        min_score: how sure it must be that there is a person, from 0 to 1.

    Raises:
        PoseError: the package or the model file is missing, or an option is out of its range.
    """

    name = "mediapipe"

    def __init__(
        self, *, model: str | Path | None = None, max_persons: int = 4, min_score: float = 0.5
    ) -> None:
        if max_persons < 1 or not 0 <= min_score <= 1:
            raise PoseError(
                "mediapipe: expected max_persons from 1 and min_score from 0 to 1, found "
                f"{max_persons} and {min_score}"
            )
        # The package first: without it the model is of no use.
        mediapipe = import_extra("mediapipe", "mediapipe")
        if model is None or not Path(model).is_file():
            found = "no model" if model is None else f"{model}, which is no file"
            raise PoseError(
                f"mediapipe: model: expected the path of a pose_landmarker_*.task file, found "
                f"{found}; download one from {MODELS}"
            )
        self.layout: Layout = get_layout("mediapipe_33")
        self._mediapipe = mediapipe
        self._landmarker = _open_landmarker(mediapipe, Path(model), max_persons, min_score)

    def input_size(self, frame_size: tuple[int, int]) -> None:
        """None: persons are cut out of the full frame."""

    def __call__(self, image: Image) -> Detections:
        """The persons in an (H, W, 3) uint8 RGB image, joints and boxes in its pixels.

        Confidence is MediaPipe's visibility, a person's score the mean of it; boxes are those
        around the joints.

        Raises:
            ShapeError: the image is of another form.
        """
        width, height = check_image(image)
        picture = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        persons = self._landmarker.detect(picture).pose_landmarks
        table = np.array(
            [[(joint.x, joint.y, joint.visibility) for joint in person] for person in persons],
            np.float32,
        ).reshape(-1, len(self.layout), 3)
        joints = table[..., :2] * np.array([width, height], np.float32)
        confidence = np.clip(table[..., 2], 0, 1)
        return Detections(joints, confidence, boxes_around(joints), confidence.mean(axis=1))


def _open_landmarker(mediapipe: Any, model: Path, persons: int, score: float) -> Any:  # noqa: ANN401
    tasks = mediapipe.tasks
    options = tasks.vision.PoseLandmarkerOptions(
        # As bytes: a path would be looked up below the package's own folder on some systems.
        base_options=tasks.BaseOptions(model_asset_buffer=model.read_bytes()),
        num_poses=persons,
        min_pose_detection_confidence=score,
        min_pose_presence_confidence=score,
    )
    try:
        return tasks.vision.PoseLandmarker.create_from_options(options)
    except (OSError, ValueError, RuntimeError) as error:
        raise PoseError(
            f"{model}: mediapipe cannot read it as a pose landmarker ({error}); download one from "
            f"{MODELS}"
        ) from error
