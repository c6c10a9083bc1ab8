"""Cosines of attention maps, on maps made by hand."""

import numpy as np
import pytest

from gesta.reproduce.similarity import _diagonal, _gaps, _Pairs, cosines


def pairs(maps, labels, subjects):
    labels, subjects = np.array(labels), np.array(subjects)
    other = subjects[:, None] != subjects[None]
    same = labels[:, None] == labels[None]
    found = cosines(np.array(maps, float))
    return _Pairs(found, found, same & other, ~same & other)


def test_cosines_are_those_of_directions():
    found = cosines(np.array([[1.0, 0], [2.0, 0], [0, 3.0], [0, 0]]))
    assert found == pytest.approx(
        np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]), abs=1e-9
    )


def test_a_resample_of_every_clip_once_is_the_plain_mean():
    made = pairs([[1, 0], [1, 0.2], [0, 1], [0.1, 1]], [0, 0, 1, 1], [0, 1, 0, 1])
    (gap,) = _gaps(np.ones((1, 4), np.int64), made.plain, made)
    # Within: (0, 1) and (2, 3). Between, by different subjects: (0, 3) and (1, 2).
    expected = np.mean([made.plain[0, 1], made.plain[2, 3]])
    expected -= np.mean([made.plain[0, 3], made.plain[1, 2]])
    assert gap == pytest.approx(expected)


def test_a_pair_counts_as_often_as_both_its_clips_are_drawn():
    made = pairs([[1, 0], [1, 0], [1, 1], [0, 1]], [0, 0, 0, 1], range(4))
    (gap,) = _gaps(np.array([[2, 1, 0, 1]]), made.plain, made)
    assert gap == pytest.approx(1.0)


def test_maps_of_different_models_are_not_compared():
    whole = _diagonal([np.ones((2, 2), bool), np.ones((1, 1), bool)])
    assert whole.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
