"""Is one run better than another? Paired bootstrap over clips, and McNemar's test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.errors import RunError
from gesta.evaluation.fuse import check_same
from gesta.evaluation.metrics import ranks
from gesta.evaluation.scores import Scores, join


@dataclass(frozen=True)
class Difference:
    """Second minus first in percentage points, with the bounds of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassDifference:
    """The share of a class that each run recognises, in per cent."""

    name: str
    clips: int
    first: float
    second: float


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same clips.

    Args:
        clips: how many labelled clips both scored.
        top1, mean_class_accuracy: the differences with their intervals.
        only_first, only_second: clips that one recognises and the other does not.
        p_value: McNemar's exact test of only_first against only_second.
        classes: every class that has clips, the largest change first.
        confidence: of the intervals.
    """

    clips: int
    top1: Difference
    mean_class_accuracy: Difference
    only_first: int
    only_second: int
    p_value: float
    classes: tuple[ClassDifference, ...]
    confidence: float


def compare(
    first: Scores,
    second: Scores,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two runs clip by clip, joined by id.

    Clips are drawn with replacement; both runs keep their answers to the clips drawn, so what
    is hard for both does not widen the interval (percentile bootstrap; Efron and Tibshirani,
    1993, ch. 13).

    Raises:
        RunError: the runs did not score the same clips, no clip is labelled, or ``resamples`` or
            ``seed`` is too small.
    """
    if resamples < 1:
        raise RunError(f"resamples: expected at least 1, found {resamples}")
    if seed < 0:
        raise RunError(f"seed: expected at least 0, found {seed}")
    check_same([first, second])
    one, two = (part.labelled() for part in join([first, second]))
    if not len(one):
        raise RunError("no labelled clip to compare on")
    right_one = ranks(one.log_probs, one.labels) == 0
    right_two = ranks(two.log_probs, two.labels) == 0
    change = right_two.astype(np.int64) - right_one
    # What a resample needs is how many clips of each class got worse, stayed, or got better:
    # drawing N clips is drawing these 3 Y counts from one multinomial distribution.
    counts = np.bincount(one.labels * 3 + change + 1, minlength=3 * len(one.classes))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(one), counts / len(one), size=resamples)
    tail = (1 - confidence) / 2
    observed, samples = _differences(counts[None]), _differences(drawn)
    top1, mean_class = (
        Difference(float(value[0]), *map(float, np.quantile(sample, [tail, 1 - tail])))
        for value, sample in zip(observed, samples, strict=True)
    )
    worse, better = int((change < 0).sum()), int((change > 0).sum())
    return Comparison(
        clips=len(one),
        top1=top1,
        mean_class_accuracy=mean_class,
        only_first=worse,
        only_second=better,
        p_value=_mcnemar(worse, better),
        classes=_per_class(one, right_one, right_two),
        confidence=confidence,
    )


def _differences(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Top-1 and mean-class difference in points of (B, 3 Y) counts of worse, same, better."""
    table = counts.reshape(len(counts), -1, 3)
    gain, clips = table[..., 2] - table[..., 0], table.sum(axis=2)
    there = clips > 0
    share = np.where(there, gain / np.maximum(clips, 1), 0)
    return 100 * gain.sum(1) / clips.sum(1), 100 * share.sum(1) / there.sum(1)


def _mcnemar(worse: int, better: int) -> float:
    """Two-sided exact p: how likely so uneven a split is where both are equally good."""
    from scipy.stats import binomtest

    return float(binomtest(better, worse + better).pvalue) if worse + better else 1.0


def _per_class(
    scores: Scores, first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> tuple[ClassDifference, ...]:
    rows = []
    for index, name in enumerate(scores.classes):
        own = scores.labels == index
        if own.any():
            rows.append(
                ClassDifference(
                    name,
                    int(own.sum()),
                    100 * float(first[own].mean()),
                    100 * float(second[own].mean()),
                )
            )
    return tuple(sorted(rows, key=lambda row: -abs(row.second - row.first)))
