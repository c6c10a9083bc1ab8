import numpy as np
import pytest

from gesta.errors import RunError
from gesta.evaluation import Scores, compare


def make(answers, labels, classes=2, ids=None):
    log = np.full((len(labels), classes), -5, np.float32)
    log[np.arange(len(labels)), answers] = -0.1
    ids = ids or [str(i) for i in range(len(labels))]
    names = tuple("abcdefgh"[:classes])
    return Scores(tuple(ids), np.asarray(labels, np.int64), log, names)


def test_a_run_is_no_better_than_itself():
    labels = np.arange(40) % 2
    scores = make(np.zeros(40, np.int64), labels)
    result = compare(scores, scores)
    assert (result.top1.value, result.top1.low, result.top1.high) == (0, 0, 0)
    assert result.p_value == 1 and result.only_first == result.only_second == 0


def test_always_right_against_always_wrong():
    labels = np.arange(40) % 2
    result = compare(make(1 - labels, labels), make(labels, labels))
    assert (result.top1.value, result.top1.low, result.top1.high) == (100, 100, 100)
    assert result.mean_class_accuracy.value == 100
    assert result.p_value == pytest.approx(2 * 0.5**40)
    assert [(row.first, row.second) for row in result.classes] == [(0, 100), (0, 100)]


def test_by_hand_joined_by_id():
    labels = np.array([0, 0, 0, 1])
    first = make([0, 1, 1, 1], labels)
    second = make([0, 0, 1, 0], labels)
    mixed = second.select(second.ids[::-1])
    result = compare(first, mixed)
    assert result.clips == 4
    assert result.top1.value == 0
    assert result.mean_class_accuracy.value == pytest.approx((100 / 3 - 100) / 2)
    assert (result.only_first, result.only_second, result.p_value) == (1, 1, 1.0)
    assert [row.name for row in result.classes] == ["b", "a"]


def test_the_interval_is_that_of_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    first, second = (np.where(rng.random(200) < p, labels, (labels + 1) % 4) for p in (0.6, 0.75))
    result = compare(make(first, labels, 4), make(second, labels, 4))
    change = (second == labels).astype(float) - (first == labels)
    drawn = rng.integers(0, 200, (4000, 200))
    low, high = np.quantile(100 * change[drawn].mean(1), [0.025, 0.975])
    assert result.top1.value == pytest.approx(100 * change.mean())
    assert result.top1.low == pytest.approx(low, abs=1)
    assert result.top1.high == pytest.approx(high, abs=1)
    shares = [
        np.mean([change[rows][labels[rows] == c].mean() for c in range(4)]) for rows in drawn[:2000]
    ]
    low, high = np.quantile(100 * np.array(shares), [0.025, 0.975])
    assert result.mean_class_accuracy.low == pytest.approx(low, abs=1)
    assert result.mean_class_accuracy.high == pytest.approx(high, abs=1)


def test_the_seed_decides_the_interval():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 101)
    pair = [make(rng.integers(0, 2, 101), labels) for _ in range(2)]
    same = [compare(*pair, resamples=50, seed=3).top1 for _ in range(2)]
    assert same[0] == same[1] != compare(*pair, resamples=50, seed=4).top1


def test_other_clips_are_refused():
    labels = np.array([0, 1])
    with pytest.raises(RunError, match="no scores of 1 of 2"):
        compare(make([0, 1], labels), make([0, 1], labels, ids=["0", "q"]))
    with pytest.raises(RunError, match="no labelled clip"):
        compare(make([0, 1], [-1, -1]), make([0, 1], [-1, -1]))
