"""What came out of the runs of a row, and how sure a difference between two rows is.

The interval of a difference is a paired bootstrap (Efron and Tibshirani, 1993, ch. 13) in two
ways at once: clips are drawn with replacement, the same for both rows, and so are the seeds of
each row. What is hard for both rows does not widen it; what training by chance does, does. Few
seeds tell little of that: with three the interval is rather too narrow, with one it is about
clips alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.errors import RunError
from gesta.evaluation import Difference, Scores, confusion_matrix, ranks
from gesta.reproduce.paper import Verdict
from gesta.training import Run

Floats = NDArray[np.float64]
RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Outcome:
    """Which clips the runs of a row recognise.

    Args:
        ids: names of the N clips.
        right: (S, N) for each of S seeds, 1 where a clip is recognised; a clip that several
            members of a group test has their mean.
    """

    ids: tuple[str, ...]
    right: Floats

    @property
    def accuracy(self) -> float:
        """Over all clips and seeds, in per cent."""
        return 100 * float(self.right.mean())


def outcome_of(runs: Sequence[Run]) -> Outcome:
    """What the runs of a row, one a seed, recognise of the same clips.

    Raises:
        RunError: they did not score the same clips.
    """
    return outcome_from([(str(run.path), _scores(run)) for run in runs])


def outcome_from(seeds: Sequence[tuple[str, Sequence[Scores]]]) -> Outcome:
    """What scores recognise of the same clips.

    Args:
        seeds: for each seed a name for messages and its labelled scores, several of a group.

    Raises:
        RunError: they are not of the same clips.
    """
    tables = [_right(scores) for _, scores in seeds]
    ids = tuple(sorted(tables[0]))
    for (name, _), table in zip(seeds, tables, strict=True):
        if table.keys() != set(ids):
            raise RunError(f"{name}: scored other clips than {seeds[0][0]}")
    right = np.array([[table[name] for name in ids] for table in tables], np.float64)
    return Outcome(ids, right)


def _right(parts: Sequence[Scores]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for scores in parts:
        right = ranks(scores.log_probs, scores.labels) == 0
        for name, value in zip(scores.ids, right.tolist(), strict=True):
            found.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in found.items()}


def _scores(run: Run) -> list[Scores]:
    """The labelled test scores of a run, or of each member of a group."""
    return [single.scores.labelled() for single in singles(run)]


def singles(run: Run) -> list[Run]:
    """A run itself, or the single runs of a group."""
    members = run.members
    return [single for member in members for single in singles(member)] if members else [run]


def confusion_of(runs: Sequence[Run]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(Y, Y) clips of the row's class taken for the column's, over all runs, and the classes."""
    scores = [one for run in runs for one in _scores(run)]
    counts = [confusion_matrix(one.log_probs, one.labels) for one in scores]
    return np.sum(counts, axis=0, dtype=np.int64), scores[0].classes


def samples_of(
    first: Outcome,
    second: Outcome,
    *,
    same_runs: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Floats:
    """(B,) bootstrap samples of second minus first, in percentage points.

    Args:
        first, second: of the same clips.
        same_runs: both are of the same runs, so that their seeds are drawn together.
        resamples: B.
        seed: of the drawing.

    Raises:
        RunError: they are not of the same clips.
    """
    if first.ids != second.ids:
        raise RunError(
            f"rows were scored on other clips ({len(first.ids)} and {len(second.ids)}); they can "
            "only be compared on the same protocol of the same archive"
        )
    rng = np.random.default_rng(seed)
    stacked = np.concatenate([first.right, second.right])
    # Clips with equal answers are alike: drawing N clips is drawing how many of each kind.
    kinds, counts = np.unique(stacked, axis=1, return_counts=True)
    clips = len(first.ids)
    drawn = rng.multinomial(clips, counts / clips, size=resamples)
    accuracy = drawn @ kinds.T / clips
    of_first, of_second = len(first.right), len(second.right)
    weights = _draw_seeds(rng, of_first, resamples)
    others = weights if same_runs else _draw_seeds(rng, of_second, resamples)
    low = (accuracy[:, :of_first] * weights).sum(axis=1)
    high = (accuracy[:, of_first:] * others).sum(axis=1)
    return 100 * (high - low)


def _draw_seeds(rng: np.random.Generator, seeds: int, resamples: int) -> Floats:
    """(B, S) the share of each seed in each resample."""
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds


def interval(value: float, samples: Floats, confidence: float = CONFIDENCE) -> Difference:
    """A value with the percentiles of its bootstrap samples."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Difference(value, float(low), float(high))


def difference(
    first: Outcome, second: Outcome, *, same_runs: bool = False, seed: int = 0
) -> Difference:
    """Second minus first in percentage points, with its interval.

    Raises:
        RunError: they are not of the same clips.
    """
    samples = samples_of(first, second, same_runs=same_runs, seed=seed)
    return interval(second.accuracy - first.accuracy, samples)


def judge(found: Difference, threshold: float = 0.0) -> Verdict:
    """Whether a difference is above a threshold: the whole interval has to be on one side."""
    if found.low > threshold:
        return "holds"
    if found.high < threshold:
        return "contradicted"
    return "too small to tell"


def all_hold(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a claim that consists of several: one contradicted part contradicts it."""
    if "contradicted" in verdicts:
        return "contradicted"
    return "holds" if all(one == "holds" for one in verdicts) else "too small to tell"


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, deviation of a sample, and the values."""
    array = np.asarray(values, np.float64)
    std = float(array.std(ddof=1)) if len(array) > 1 else 0.0
    return {"mean": float(array.mean()), "std": std, "values": [float(v) for v in array]}
