"""Late fusion of several runs' scores, with weights learnt on validation scores.

The fused score of a clip is log softmax(sum_i v_i log p_i(y | clip)), v_i >= 0: a product of
experts, which is what summing the logits of streams comes to. v is the maximum of the
log-likelihood of the validation part under a normal prior around equal weights (v_i = 1/K,
precision one clip), which keeps v finite where validation is recognised without an error. It
is a convex problem. v = temperature x weights, and weights sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.errors import RunError
from gesta.evaluation.scores import Scores, join

# What has to agree between scores that are fused or compared.
SAME = ("dataset", "protocol", "part")


@dataclass(frozen=True)
class Weights:
    """How much each of K score sets counts.

    Args:
        shares: K numbers of at least zero that sum to one.
        scale: what the weighted sum is multiplied by before the softmax; changes no ranking.
    """

    shares: tuple[float, ...]
    scale: float = 1.0


def check_same(parts: Sequence[Scores]) -> None:
    """Check that scores come from the same data set, protocol and part.

    Raises:
        RunError: they do not, or there are none.
    """
    if not parts:
        raise RunError("there are no scores to join; name at least one run")
    for key in SAME:
        found = {str(part.provenance[key]) for part in parts if key in part.provenance}
        if len(found) > 1:
            raise RunError(
                f"the runs differ in {key} ({', '.join(sorted(found))}); "
                "only scores of the same clips can be joined"
            )


def equal_weights(count: int) -> Weights:
    """The same weight for all."""
    return Weights((1 / count,) * count)


def learn_weights(validation: Sequence[Scores]) -> Weights:
    """Non-negative weights that make the validation labels most likely.

    Raises:
        RunError: the scores are not of the same clips, or no clip is labelled.
    """
    from scipy.optimize import minimize

    check_same(validation)
    parts = [part.labelled() for part in join(validation)]
    if not len(parts[0]):
        raise RunError("no labelled validation clip to learn fusion weights from")
    if len(parts) == 1:
        return equal_weights(1)
    stack = np.stack([part.log_probs for part in parts]).astype(np.float64)
    labels = parts[0].labels
    equal = np.full(len(parts), 1 / len(parts))

    def loss(v: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        fused = _log_softmax(np.tensordot(v, stack, 1))
        rows = np.arange(len(labels))
        # d/dv_i of -log p(label) is E_p[log p_i] - log p_i(label).
        expected = (np.exp(fused) * stack).sum(axis=2)
        gradient = (expected - stack[:, rows, labels]).sum(axis=1)
        value = -fused[rows, labels].sum() + ((v - equal) ** 2).sum() / 2
        return float(value), gradient + (v - equal)

    found = minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(parts))
    v = np.maximum(found.x, 0)
    if not v.sum() > 0:
        return equal_weights(len(parts))
    return Weights(tuple(float(x) for x in v / v.sum()), float(v.sum()))


def fuse(parts: Sequence[Scores], weights: Weights | None = None) -> Scores:
    """One score set from several of the same clips, joined by clip id.

    Args:
        parts: the scores, each with its clips in any order.
        weights: from `learn_weights`; equal ones by default.

    Raises:
        RunError: the scores are not of the same clips, classes or protocol, or the number of
            weights is another.
    """
    check_same(parts)
    weights = weights or equal_weights(len(parts))
    if len(weights.shares) != len(parts):
        raise RunError(f"{len(parts)} score sets need as many weights; got {len(weights.shares)}")
    joined = join(parts)
    total = np.zeros(joined[0].log_probs.shape)
    for part, share in zip(joined, weights.shares, strict=True):
        total += weights.scale * share * part.log_probs.astype(np.float64)
    first = joined[0]
    provenance = {key: first.provenance[key] for key in SAME if key in first.provenance}
    provenance["fused"] = [dict(part.provenance) for part in parts]
    provenance["weights"] = list(weights.shares)
    fused = _log_softmax(total).astype(np.float32)
    return Scores(first.ids, first.labels, fused, first.classes, provenance)


def _log_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
