"""Detections are validated; boxes go around what is known."""

import numpy as np
import pytest

from gesta.errors import ShapeError
from gesta.pose import Detections, boxes_around


def good():
    return {
        "joints": np.zeros((2, 17, 2), np.float32),
        "confidence": np.ones((2, 17), np.float32),
        "boxes": np.zeros((2, 4), np.float32),
        "scores": np.ones(2, np.float32),
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("joints", np.zeros((2, 17, 3), np.float32), "C=2"),
        ("confidence", np.ones((2, 16), np.float32), "V=17"),
        ("boxes", np.zeros((1, 4), np.float32), "P=2"),
        ("scores", np.ones(2), "float64"),
        ("scores", np.float32([0.5, np.nan]), "in \\[0, 1\\]"),
        ("confidence", np.full((2, 17), 1.5, np.float32), "in \\[0, 1\\]"),
        ("boxes", np.full((2, 4), np.nan, np.float32), "finite"),
        ("joints", np.full((2, 17, 2), np.inf, np.float32), "finite or NaN"),
        ("joints", np.full((2, 17, 2), np.nan, np.float32), "confidence 0"),
    ],
)
def test_what_does_not_fit_is_refused(field, value, message):
    assert len(Detections(**good())) == 2
    with pytest.raises(ShapeError, match=message):
        Detections(**good() | {field: value})


def test_boxes_leave_out_joints_that_are_missing():
    joints = np.full((2, 3, 2), np.nan, np.float32)
    joints[0, :2] = [[5, 1], [2, 7]]
    assert boxes_around(joints).tolist() == [[2, 1, 5, 7], [0, 0, 0, 0]]
