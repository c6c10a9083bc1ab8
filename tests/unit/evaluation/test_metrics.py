import math

import numpy as np
import pytest

from gesta.errors import ShapeError
from gesta.evaluation import (
    Scores,
    confusion_matrix,
    expected_calibration_error,
    mean_class_accuracy,
    negative_log_likelihood,
    per_class,
    ranks,
    summary,
    top_k,
)

# Four clips, three classes; argmax is 0, 2, 1, 1.
PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3], [0.0625, 0.75, 0.1875]]
)
LOG = np.log(PROBABILITIES).astype(np.float32)
LABELS = np.array([0, 1, 1, 0])


def test_by_hand():
    assert ranks(LOG, LABELS).tolist() == [0, 1, 0, 2]
    assert top_k(LOG, LABELS) == 0.5
    assert top_k(LOG, LABELS, 2) == 0.75
    assert top_k(LOG, LABELS, 5) == 1
    assert mean_class_accuracy(LOG, LABELS) == 0.5
    assert confusion_matrix(LOG, LABELS).tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]
    expected = -sum(map(math.log, (0.7, 0.3, 0.5, 0.0625))) / 4
    assert negative_log_likelihood(LOG, LABELS) == pytest.approx(expected, rel=1e-6)


def test_mean_class_accuracy_counts_each_class_once_and_only_classes_with_clips():
    labels = np.array([0, 0, 0, 1])
    log_probs = np.log(np.array([[0.9, 0.05, 0.05]] * 4)).astype(np.float32)
    assert top_k(log_probs, labels) == 0.75
    assert mean_class_accuracy(log_probs, labels) == 0.5


def test_a_model_that_says_nothing_is_not_right_about_everything():
    same = np.zeros((6, 3), np.float32)
    labels = np.array([0, 1, 2, 0, 1, 2])
    assert ranks(same, labels).tolist() == [0, 1, 2, 0, 1, 2]
    assert top_k(same, labels) == pytest.approx(1 / 3)
    assert (ranks(same, labels) == 0).tolist() == (same.argmax(1) == labels).tolist()


def test_calibration_error_by_hand():
    # Bins of width 1/2: confidences 0.7 (right), 0.6 (wrong), 0.75 (wrong) fall in the second,
    # 0.5 (right) in the first: (|1 - 0.5| + |1 - 0.7 - 0.6 - 0.75|) / 4.
    assert expected_calibration_error(LOG, LABELS, bins=2) == pytest.approx(
        (0.5 + 1.05) / 4, rel=1e-5
    )
    sure = np.log(np.array([[1.0, 1e-9]] * 5)).astype(np.float32)
    assert expected_calibration_error(sure, np.zeros(5, np.int64)) == pytest.approx(0, abs=1e-6)


def test_per_class_by_hand():
    scores = Scores(("w", "x", "y", "z"), LABELS, LOG, ("a", "b", "c"))
    a, b, c = per_class(scores)
    assert (a.clips, a.precision, a.recall, a.taken_for) == (2, 1.0, 0.5, "b")
    assert a.f1 == pytest.approx(2 / 3)
    assert (b.clips, b.precision, b.recall, b.taken_for) == (2, 0.5, 0.5, "c")
    assert (c.clips, c.precision, c.recall, c.f1, c.taken_for) == (0, 0, 0, 0, None)


def test_summary_is_in_per_cent_and_leaves_unlabelled_clips_out():
    labels = np.array([0, 1, 1, -1])
    result = summary(Scores(("w", "x", "y", "z"), labels, LOG, ("a", "b", "c")))
    assert result["clips"] == 3
    assert result["top1"] == pytest.approx(200 / 3)
    assert result["mean_class_accuracy"] == 75
    assert result["top5"] == 100 and result["chance"] == pytest.approx(100 / 3)


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ShapeError, match="no clip"):
        top_k(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
    with pytest.raises(ShapeError, match="only labelled"):
        top_k(LOG, np.array([0, 1, -1, 0]))
    with pytest.raises(ShapeError, match="labels"):
        top_k(LOG, LABELS[:2])
