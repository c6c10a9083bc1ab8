"""Drawn people: joints of stick figures, with what estimators add to them."""

import numpy as np
import pytest

from gesta.pose import Detections, boxes_around

# x to the side, y down, in heights of the body; the middle of the hips at 0, 0.
STICK = np.array(
    [
        (0.0, -0.42), (0.02, -0.44), (-0.02, -0.44), (0.04, -0.43), (-0.04, -0.43),
        (0.1, -0.3), (-0.1, -0.3), (0.13, -0.14), (-0.13, -0.14), (0.13, 0.02), (-0.13, 0.02),
        (0.06, 0.0), (-0.06, 0.0), (0.07, 0.25), (-0.07, 0.25), (0.07, 0.48), (-0.07, 0.48),
    ],
    np.float32,
)  # fmt: skip


def stick_figure(x, y, height=100.0, swing=0.0):
    """(17, 2): a person whose hips are at x, y; arms and legs swung apart by a part of a height."""
    joints = STICK.copy()
    joints[[9, 15], 0] += swing
    joints[[10, 16], 0] -= swing
    return joints * np.float32(height) + np.array([x, y], np.float32)


def seen(*figures, confidence=0.8, scores=None):
    """Detections of figures, in the order in which they are given."""
    joints = np.array(figures, np.float32).reshape(-1, 17, 2)
    return Detections(
        joints,
        np.full(joints.shape[:2], confidence, np.float32),
        boxes_around(joints),
        np.full(len(joints), 0.6, np.float32) if scores is None else np.float32(scores),
    )


@pytest.fixture(scope="session")
def draw():
    return stick_figure


@pytest.fixture(scope="session")
def see():
    return seen
