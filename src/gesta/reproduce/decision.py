"""Decision fusion: the sum of what two networks decide, weighted as suits the validation part.

Of the MMFF paper (section 4.4.6): p = w p_1 + (1 - w) p_2 with p the softmax of each stream. The
weight is reconstructed: of 0, 0.01, ... 1 the one that recognises most validation clips, and of
those the one with the highest likelihood. (`gesta fuse` multiplies probabilities instead.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.evaluation import Scores
from gesta.evaluation.fuse import SAME, check_same
from gesta.evaluation.metrics import top_k
from gesta.evaluation.scores import join

_SHARES = np.linspace(0, 1, 101)
_LEAST = 1e-12


@dataclass(frozen=True)
class Decision:
    """Scores of two streams as one.

    Args:
        share: w, of the first stream.
        validation, test: the scores with that weight.
    """

    share: float
    validation: Scores
    test: Scores


Pair = tuple[Scores, Scores]


def decide(validation: Pair, test: Pair) -> Decision:
    """Choose the weight on the validation scores of both streams and apply it to both parts.

    Raises:
        RunError: the scores of a part are not of the same clips.
    """
    share = best_share(validation)
    return Decision(share, summed(validation, share), summed(test, share))


def best_share(pair: Pair) -> float:
    """The weight of the first stream that suits labelled scores best; of equal ones the middle.

    Raises:
        RunError: the scores are not of the same clips.
    """
    found = []
    for share in _SHARES.tolist():
        scores = summed(pair, share).labelled()
        rows = np.arange(len(scores))
        likelihood = float(scores.log_probs[rows, scores.labels].mean())
        found.append((top_k(scores.log_probs, scores.labels), likelihood, share))
    best = max(one[:2] for one in found)
    shares = [share for top1, likelihood, share in found if (top1, likelihood) == best]
    return shares[len(shares) // 2]


def summed(pair: Pair, share: float) -> Scores:
    """The scores of two streams as the weighted sum of their probabilities.

    Args:
        pair: scores of the same clips, each in any order.
        share: weight of the first.

    Raises:
        RunError: the scores are not of the same clips, classes or protocol.
    """
    check_same(pair)
    first, second = join(pair)
    total = share * _probabilities(first) + (1 - share) * _probabilities(second)
    provenance = {key: first.provenance[key] for key in SAME if key in first.provenance}
    log_probs = np.log(np.maximum(total, _LEAST)).astype(np.float32)
    return Scores(first.ids, first.labels, log_probs, first.classes, provenance)


def _probabilities(scores: Scores) -> NDArray[np.float64]:
    return np.exp(scores.log_probs.astype(np.float64))
