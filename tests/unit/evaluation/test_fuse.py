import numpy as np
import pytest

from gesta.errors import RunError
from gesta.evaluation import Scores, Weights, equal_weights, fuse, learn_weights, top_k

CLASSES = ("a", "b", "c")


def make(rng, labels, sharpness, order=None, **provenance):
    """Scores that are right the more often the sharper; ids say which clip is which."""
    logits = rng.normal(size=(len(labels), len(CLASSES)))
    logits[np.arange(len(labels)), labels] += sharpness
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    order = np.arange(len(labels)) if order is None else order
    ids = tuple(f"clip {i}" for i in order)
    return Scores(ids, labels[order], log[order].astype(np.float32), CLASSES, provenance)


def test_scores_are_joined_by_id_though_their_orders_differ():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 40)
    first, second = make(rng, labels, 1), make(rng, labels, 1)
    turned = second.select(second.ids[::-1])
    together, apart = fuse([first, second]), fuse([first, turned])
    assert apart.ids == first.ids
    np.testing.assert_allclose(apart.log_probs, together.log_probs, rtol=1e-6)
    by_place = fuse([first, Scores(first.ids, first.labels, turned.log_probs, CLASSES)])
    assert not np.allclose(by_place.log_probs, together.log_probs)


def test_equal_weights_are_the_normalised_mean_of_log_probabilities():
    one = Scores(("x",), np.array([0]), np.log([[0.8, 0.1, 0.1]]).astype(np.float32), CLASSES)
    two = Scores(("x",), np.array([0]), np.log([[0.2, 0.4, 0.4]]).astype(np.float32), CLASSES)
    expected = np.sqrt([0.16, 0.04, 0.04])
    fused = np.exp(fuse([one, two]).log_probs[0])
    np.testing.assert_allclose(fused, expected / expected.sum(), rtol=1e-6)


def test_weights_follow_what_validation_shows():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 400)
    good, bad = make(rng, labels, 3), make(rng, labels, 0)
    weights = learn_weights([bad, good])
    assert sum(weights.shares) == pytest.approx(1) and min(weights.shares) >= 0
    assert weights.shares[1] > 0.95
    swapped = learn_weights([good, bad])
    assert swapped.shares[0] == pytest.approx(weights.shares[1], abs=1e-4)


def test_what_misleads_gets_no_weight():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 400)
    weights = learn_weights([make(rng, labels, 2), make(rng, labels, -2)])
    assert weights.shares == (1.0, 0.0)


def test_alike_scores_share_alike():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 200)
    scores = make(rng, labels, 2)
    assert learn_weights([scores, scores]).shares == pytest.approx((0.5, 0.5))


def test_weights_are_the_most_likely_ones():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 300)
    parts = [make(rng, labels, sharpness) for sharpness in (1.5, 1.0, 0.5)]
    found = learn_weights(parts)

    def objective(v):
        fused = fuse(parts, Weights(tuple(v / v.sum()), float(v.sum())))
        likelihood = fused.log_probs[np.arange(300), labels].astype(np.float64).sum()
        return likelihood - ((v - 1 / 3) ** 2).sum() / 2

    best = np.array(found.shares) * found.scale
    for _ in range(50):
        other = np.maximum(best + rng.normal(scale=0.1, size=3), 0)
        assert objective(other) <= objective(best) + 1e-3


def test_weights_stay_finite_where_validation_is_all_right():
    labels = np.array([0, 1, 2, 0])
    sure = np.full((4, 3), -20, np.float32)
    sure[np.arange(4), labels] = 0
    scores = Scores(("p", "q", "r", "s"), labels, sure, CLASSES)
    weights = learn_weights([scores, scores])
    assert weights.shares == pytest.approx((0.5, 0.5)) and weights.scale < 10


def test_complementary_scores_are_better_together():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 500)
    parts = [make(rng, labels, 1.5) for _ in range(3)]
    alone = [top_k(part.log_probs, part.labels) for part in parts]
    fused = fuse(parts, learn_weights(parts))
    assert top_k(fused.log_probs, fused.labels) > max(alone) + 0.03
    np.testing.assert_allclose(np.exp(fused.log_probs).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("key", ["dataset", "protocol", "part"])
def test_scores_of_other_protocols_are_refused(key):
    rng, labels = np.random.default_rng(6), np.array([0, 1])
    with pytest.raises(RunError, match=f"differ in {key}"):
        fuse([make(rng, labels, 1, **{key: "one"}), make(rng, labels, 1, **{key: "two"})])


def test_bad_numbers_of_parts():
    scores = make(np.random.default_rng(7), np.array([0, 1]), 1)
    with pytest.raises(RunError, match="at least one run"):
        fuse([])
    with pytest.raises(RunError, match="1 score sets need as many weights; got 2"):
        fuse([scores], equal_weights(2))
    unlabelled = Scores(scores.ids, np.array([-1, -1]), scores.log_probs, CLASSES)
    with pytest.raises(RunError, match="no labelled validation clip"):
        learn_weights([unlabelled, unlabelled])
