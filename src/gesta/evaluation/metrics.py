"""Measures of scores; all are shares in [0, 1], and only `summary` speaks in per cent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.errors import ShapeError
from gesta.evaluation.scores import Scores

LogProbs = NDArray[np.float32]
Labels = NDArray[np.int64]


def ranks(log_probs: LogProbs, labels: Labels) -> NDArray[np.int64]:
    """(N,): how many classes stand before the right one; 0 where a clip is recognised.

    Of classes with equal scores the lower index stands first, as in argmax, so that a model
    that says nothing is not right about everything.

    Raises:
        ShapeError: sizes differ, there is no clip, or a label is not known.
    """
    sizes = check_shape("log-probabilities", log_probs, "N Y")
    check_shape("labels", labels, "N", N=sizes["N"])
    if not sizes["N"]:
        raise ShapeError("there is no clip to measure")
    if labels.min() < 0 or labels.max() >= sizes["Y"]:
        raise ShapeError(f"labels: expected 0..{sizes['Y'] - 1}, as only labelled clips count")
    right = log_probs[np.arange(len(labels)), labels][:, None]
    before = np.arange(sizes["Y"])[None] < labels[:, None]
    return ((log_probs > right) | ((log_probs == right) & before)).sum(axis=1)


def top_k(log_probs: LogProbs, labels: Labels, k: int = 1) -> float:
    """The share of clips whose class is among the k best."""
    return float((ranks(log_probs, labels) < k).mean())


def mean_class_accuracy(log_probs: LogProbs, labels: Labels) -> float:
    """The mean over classes (those with clips) of the share of their clips recognised."""
    right = ranks(log_probs, labels) == 0
    count = np.bincount(labels)
    there = count > 0
    return float((np.bincount(labels, right)[there] / count[there]).mean())


def confusion_matrix(log_probs: LogProbs, labels: Labels) -> NDArray[np.int64]:
    """(Y, Y): how many clips of the row's class were taken for the column's."""
    classes = log_probs.shape[1]
    pairs = labels * classes + log_probs.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class ClassResult:
    """How one class fares; precision, recall and f1 are 0 where nothing can be counted."""

    name: str
    clips: int
    precision: float
    recall: float
    f1: float
    taken_for: str | None


def per_class(scores: Scores) -> list[ClassResult]:
    """Precision, recall, F1 and the most frequent wrong answer of every class."""
    known = scores.labelled()
    matrix = confusion_matrix(known.log_probs, known.labels)
    results = []
    for index, name in enumerate(scores.classes):
        right, clips, said = matrix[index, index], matrix[index].sum(), matrix[:, index].sum()
        wrong = matrix[index].copy()
        wrong[index] = 0
        results.append(
            ClassResult(
                name=name,
                clips=int(clips),
                precision=float(right / max(said, 1)),
                recall=float(right / max(clips, 1)),
                f1=float(2 * right / max(clips + said, 1)),
                taken_for=scores.classes[int(wrong.argmax())] if wrong.any() else None,
            )
        )
    return results


def negative_log_likelihood(log_probs: LogProbs, labels: Labels) -> float:
    """The mean of -log p(right class), in nats."""
    return float(-log_probs[np.arange(len(labels)), labels].mean(dtype=np.float64))


def expected_calibration_error(log_probs: LogProbs, labels: Labels, bins: int = 15) -> float:
    """How far confidence and accuracy lie apart: sum over bins of n_b/N |acc_b - conf_b|.

    Bins are of equal width over the probability of the best class (Guo et al., 2017, eq. 3).
    """
    confidence = np.exp(log_probs.max(axis=1).astype(np.float64))
    gap = (log_probs.argmax(axis=1) == labels) - confidence
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(place, gap, minlength=bins)).sum() / len(labels))


def summary(scores: Scores) -> dict[str, float]:
    """The measures that stand in ``metrics.json``, accuracies in per cent.

    Clips of unknown class do not count.

    Raises:
        ShapeError: no clip has a known class.
    """
    known = scores.labelled()
    log_probs, labels = known.log_probs, known.labels
    place = ranks(log_probs, labels)
    return {
        "top1": 100 * float((place < 1).mean()),
        "top5": 100 * float((place < 5).mean()),
        "mean_class_accuracy": 100 * mean_class_accuracy(log_probs, labels),
        "nll": negative_log_likelihood(log_probs, labels),
        "expected_calibration_error": expected_calibration_error(log_probs, labels),
        "chance": 100 / len(scores.classes),
        "clips": len(known),
    }
