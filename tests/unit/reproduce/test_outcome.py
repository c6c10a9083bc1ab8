"""Intervals and verdicts on answers made by hand."""

import numpy as np
import pytest

from gesta.errors import RunError
from gesta.evaluation import Difference, Scores, compare
from gesta.reproduce.outcome import (
    Outcome,
    all_hold,
    difference,
    interval,
    judge,
    samples_of,
    spread,
)


def answers(*rows):
    right = np.array([[float(mark) for mark in row] for row in rows])
    return Outcome(tuple(f"clip{i}" for i in range(right.shape[1])), right)


def test_one_seed_gives_what_comparing_two_runs_gives():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    said = [np.where(rng.random(120) < share, labels, (labels + 1) % 3) for share in (0.6, 0.8)]
    ids = tuple(f"clip{i:03d}" for i in range(120))
    first, second = (
        Scores(ids, labels, np.log(np.eye(3, dtype=np.float32)[one] + 0.1), ("a", "b", "c"))
        for one in said
    )
    expected = compare(first, second).top1
    found = difference(*(Outcome(ids, (one == labels)[None].astype(float)) for one in said))
    assert found.value == pytest.approx(expected.value)
    assert found.low == pytest.approx(expected.low, abs=1.5)
    assert found.high == pytest.approx(expected.high, abs=1.5)


def test_what_is_hard_for_both_does_not_widen_the_interval():
    half = "01" * 50
    better = "1" + half[1:]
    paired = difference(answers(half), answers(better))
    assert paired.value == pytest.approx(1.0)
    assert paired.low >= 0 and paired.high <= 4


def test_seeds_that_differ_widen_the_interval():
    calm = [("1" * 60 + "0" * 40), ("1" * 60 + "0" * 40)]
    wild = [("1" * 100), ("1" * 20 + "0" * 80)]
    base = answers("1" * 50 + "0" * 50, "1" * 50 + "0" * 50)
    narrow, wide = difference(base, answers(*calm)), difference(base, answers(*wild))
    assert narrow.value == pytest.approx(wide.value) == pytest.approx(10)
    assert judge(narrow) == "holds"
    assert judge(wide) == "too small to tell"
    # The same runs, changed: their seeds are drawn together, so that nothing is left to chance.
    together = difference(answers(*wild), answers(*wild), same_runs=True)
    assert together == Difference(0.0, 0.0, 0.0)
    assert difference(answers(*wild), answers(*wild)).high > 20


def test_samples_are_drawn_anew_only_with_another_seed():
    one, two = answers("0110"), answers("1100")
    again = samples_of(one, two, resamples=50)
    assert np.array_equal(again, samples_of(one, two, resamples=50))
    assert not np.array_equal(again, samples_of(one, two, resamples=50, seed=1))


def test_other_clips_cannot_be_compared():
    one = answers("01")
    with pytest.raises(RunError, match="other clips"):
        difference(one, Outcome(("a", "b"), one.right))


@pytest.mark.parametrize(
    ("low", "high", "threshold", "verdict"),
    [
        (0.1, 2.0, 0.0, "holds"),
        (0.0, 2.0, 0.0, "too small to tell"),
        (-1.0, 2.0, 0.0, "too small to tell"),
        (-2.0, -0.1, 0.0, "contradicted"),
        (-0.9, 3.0, -1.0, "holds"),
        (-3.0, -0.5, -1.0, "too small to tell"),
        (-3.0, -1.5, -1.0, "contradicted"),
    ],
)
def test_the_whole_interval_has_to_be_on_one_side(low, high, threshold, verdict):
    assert judge(Difference((low + high) / 2, low, high), threshold) == verdict


def test_one_contradicted_part_contradicts_a_claim():
    assert all_hold(["holds", "holds"]) == "holds"
    assert all_hold(["holds", "too small to tell"]) == "too small to tell"
    assert all_hold(["holds", "too small to tell", "contradicted"]) == "contradicted"


def test_interval_and_spread():
    found = interval(3.0, np.arange(101.0))
    assert (found.low, found.high) == pytest.approx((2.5, 97.5))
    assert spread([1.0, 3.0]) == {"mean": 2.0, "std": pytest.approx(2**0.5), "values": [1.0, 3.0]}
    assert spread([4.0])["std"] == 0.0
