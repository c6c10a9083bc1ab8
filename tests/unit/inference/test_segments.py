import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.inference.segments import merge

A, B, C = (0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8)
NOTHING, UNSURE = (np.nan,) * 3, (0.35, 0.35, 0.3)


def merged(*pieces, threshold=0.0, shortest=0.0):
    """Stretches of pieces that are one unit long each, as (start, end, label)."""
    edges = np.arange(len(pieces) + 1.0)
    stretches = merge(edges, np.array(pieces), threshold=threshold, shortest=shortest)
    return [(stretch.start, stretch.end, stretch.label) for stretch in stretches]


def test_neighbours_of_one_answer_are_one():
    assert merged(A, A, B, C, C, C) == [(0, 2, 0), (2, 3, 1), (3, 6, 2)]


def test_a_flicker_is_taken_in():
    assert merged(A, A, B, A, A, shortest=2) == [(0, 5, 0)]
    assert merged(A, A, A, B, C, C, C, C, shortest=2) == [(0, 3, 0), (3, 8, 2)]
    assert merged(B, A, A, A, shortest=2) == [(0, 4, 0)]


def test_what_stands_alone_may_be_short():
    assert merged(A, shortest=5) == [(0, 1, 0)]
    assert merged(A, NOTHING, B, shortest=5) == [(0, 1, 0), (2, 3, 1)]


def test_nothing_is_joined_over_a_gap():
    assert merged(A, A, NOTHING, A) == [(0, 2, 0), (3, 4, 0)]


def test_below_the_threshold_the_answer_is_unknown():
    assert merged(A, UNSURE, UNSURE, A, threshold=0.5) == [(0, 1, 0), (1, 3, None), (3, 4, 0)]
    assert merged(UNSURE, threshold=0.3) == [(0, 1, 0)]
    # A doubt that is short is over-ruled by what stands around it.
    assert merged(A, A, UNSURE, A, A, threshold=0.5, shortest=2) == [(0, 5, 0)]


def test_the_scores_of_a_stretch_are_the_mean_over_its_time():
    (stretch,) = merge(np.array([0.0, 1.0, 4.0]), np.array([[0.6, 0.4], [1.0, 0.0]]))
    assert stretch.scores == pytest.approx([0.9, 0.1]) and stretch.length == 4


def test_frames_that_take_no_time_say_nothing():
    assert merge(np.array([1.0, 1.0]), np.array([[0.6, 0.4]])) == []
    (stretch,) = merge(np.array([0.0, 1.0, 1.0, 2.0]), np.array([[0.6, 0.4]] * 3))
    assert (stretch.start, stretch.end) == (0, 2)


PIECES = st.lists(
    st.tuples(
        st.floats(0.1, 3.0),
        st.one_of(st.none(), st.sampled_from([A, B, C, UNSURE, (0.4, 0.5, 0.1)])),
    ),
    min_size=1,
    max_size=25,
)


@given(PIECES, st.floats(0, 1), st.floats(0, 5))
def test_what_always_holds(pieces, threshold, shortest):
    edges = np.cumsum([0.0, *(length for length, _ in pieces)])
    scores = np.array([NOTHING if score is None else score for _, score in pieces])
    stretches = merge(edges, scores, threshold=threshold, shortest=shortest)
    known = [length for length, score in pieces if score is not None]
    # Time is neither lost nor made.
    assert sum(stretch.length for stretch in stretches) == pytest.approx(sum(known))
    whole = np.nan_to_num(scores) * np.diff(edges)[:, None]
    np.testing.assert_allclose(
        sum((stretch.total for stretch in stretches), np.zeros(3)), whole.sum(axis=0), atol=1e-9
    )
    for stretch in stretches:
        if stretch.label is None:
            assert stretch.scores.max() < threshold
        else:
            assert stretch.scores[stretch.label] == stretch.scores.max() >= threshold
    for before, after in zip(stretches[:-1], stretches[1:], strict=True):
        assert before.end <= after.start
        if before.end == after.start:
            assert before.label != after.label
            assert min(before.length, after.length) >= shortest
