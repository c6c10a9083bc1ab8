import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.errors import ShapeError
from gesta.evaluation import answer_threshold, answered


def scores(*confidences):
    """Log-probabilities of two classes: the first is the better one, with these confidences."""
    table = np.array([[c, 1 - c] for c in confidences])
    return np.log(table).astype(np.float32)


def test_answers_are_given_down_to_where_they_are_wrong_as_often_as_right():
    log_probs = scores(0.9, 0.8, 0.75, 0.7, 0.65, 0.6)
    labels = np.array([0, 0, 1, 0, 1, 1])
    assert answer_threshold(log_probs, labels) == pytest.approx(0.7)
    share = answered(log_probs, labels, 0.7 - 1e-6)
    assert share == pytest.approx({"answered": 100 * 4 / 6, "answered_top1": 75.0})


def test_a_model_that_is_always_right_answers_as_surely_as_it_ever_was():
    assert answer_threshold(scores(0.9, 0.6), np.array([0, 0])) == pytest.approx(0.6)


def test_a_model_that_is_wrong_as_often_as_right_does_not_answer():
    log_probs, labels = scores(0.9, 0.8, 0.7), np.array([1, 0, 1])
    assert answer_threshold(log_probs, labels) == 1.0
    assert answered(log_probs, labels, 1.0) == {"answered": 0.0, "answered_top1": 0.0}


def test_clips_of_one_confidence_are_answered_together():
    # In order of the array the first is right; but no threshold parts it from the others.
    assert answer_threshold(scores(0.8, 0.8, 0.8), np.array([0, 1, 1])) == 1.0


@given(st.lists(st.tuples(st.floats(0.51, 0.99), st.booleans()), min_size=1, max_size=12))
def test_no_other_threshold_leaves_more_right_less_wrong_answers(clips):
    log_probs = scores(*(confidence for confidence, _ in clips))
    labels = np.array([0 if right else 1 for _, right in clips])
    confidence = np.exp(log_probs.max(axis=1).astype(np.float64))

    def worth(threshold):
        return int(np.where(labels == 0, 1, -1)[confidence >= threshold].sum())

    chosen = answer_threshold(log_probs, labels)
    best = max(worth(threshold) for threshold in [*confidence, 1.0])
    assert worth(chosen) == best
    lower = [threshold for threshold in confidence if threshold < chosen]
    assert best == 0 or all(worth(threshold) < best for threshold in lower)


def test_without_clips_there_is_nothing_to_choose_by():
    with pytest.raises(ShapeError, match="no clip"):
        answer_threshold(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
