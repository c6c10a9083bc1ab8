"""From which confidence on an answer is worth giving."""

from __future__ import annotations

import numpy as np

from gesta.evaluation.metrics import Labels, LogProbs, ranks


def answer_threshold(log_probs: LogProbs, labels: Labels) -> float:
    """The confidence below which it is better to say nothing.

    Chow's rule (On optimum recognition error and reject tradeoff, 1970) with a right answer worth
    as much as a wrong one costs and no answer worth nothing: of all confidences that occur, the
    one that leaves the greatest number of right less wrong answers at or above it. In other words,
    an answer is given where the clips of such a confidence were right more often than wrong,
    however well the probabilities are calibrated. Of equally good ones the lowest is taken.

    Args:
        log_probs: (N, Y) log-probabilities of clips that nothing was learnt from.
        labels: (N,) their classes.

    Returns:
        A probability; 1 where answers at every confidence are wrong as often as right.

    Raises:
        ShapeError: sizes differ, there is no clip, or a label is not known.
    """
    worth = np.where(ranks(log_probs, labels) == 0, 1, -1)
    confidence = np.exp(log_probs.max(axis=1).astype(np.float64))
    order = np.argsort(-confidence, kind="stable")
    confidence, gain = confidence[order], np.cumsum(worth[order])
    # Clips of equal confidence are answered together: only the last of them is a place to stop.
    last = np.append(confidence[1:] < confidence[:-1], True)
    confidence, gain = confidence[last], gain[last]
    if gain.max() <= 0:
        return 1.0
    return float(confidence[np.flatnonzero(gain == gain.max())[-1]])


def answered(log_probs: LogProbs, labels: Labels, threshold: float) -> dict[str, float]:
    """What a threshold means for clips: how many are answered, and how many of those rightly.

    Returns:
        ``answered`` (of all clips) and ``answered_top1`` (of those answered, 0 where none is), in
        per cent.
    """
    kept = np.exp(log_probs.max(axis=1).astype(np.float64)) >= threshold
    right = ranks(log_probs, labels) == 0
    share = float(right[kept].mean()) if kept.any() else 0.0
    return {"answered": 100 * float(kept.mean()), "answered_top1": 100 * share}
