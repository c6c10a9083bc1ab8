"""Which clips a report shows: by rules that do not know what the pictures look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.evaluation import Scores, confusion_matrix
from gesta.report.confusion import worst_pairs

CONFUSION_RULE = (
    "The class pairs confused most often, ties in the order of the classes. Of the clips of a "
    "pair, the one with the median probability of the wrong class; beside it, of the clips of "
    "the other class that were recognised, the one with the median probability. Of two medians "
    "the lower, ties by id."
)
EXAMPLE_RULE = (
    "The recognised and the other test clips, each sorted by id; of each list of n the clips in "
    "the middle of three equal parts."
)


CLASS_RULE = (
    "Of each class the recognised test clip with the median probability of the class and, where "
    "there are at most 30 classes (or none is recognised), that of the others, too."
)
_FEW_CLASSES = 30


@dataclass(frozen=True)
class Confusion:
    """A pair of classes that is confused, with a clip of each side.

    Args:
        true, said: the true class and the one that the clips were taken for.
        clips, of: how many of the true class's clips.
        wrong: row of the wrong clip in the scores.
        right: row of the recognised clip of class ``said``; None where there is none.
    """

    true: int
    said: int
    clips: int
    of: int
    wrong: int
    right: int | None


def confusions(scores: Scores, most: int = 3) -> list[Confusion]:
    """The most frequent confusions and clips that show them, by `CONFUSION_RULE`."""
    counts = confusion_matrix(scores.log_probs, scores.labels)
    said = scores.log_probs.argmax(axis=1)
    found = []
    for true, wrong, clips in worst_pairs(counts, most):
        pair = np.flatnonzero((scores.labels == true) & (said == wrong))
        good = np.flatnonzero((scores.labels == wrong) & (said == wrong))
        found.append(
            Confusion(
                true,
                wrong,
                clips,
                int(counts[true].sum()),
                _median(scores, pair, wrong),
                _median(scores, good, wrong) if len(good) else None,
            )
        )
    return found


def _median(scores: Scores, rows: NDArray[np.int64], label: int) -> int:
    order = sorted(rows.tolist(), key=lambda row: (scores.log_probs[row, label], scores.ids[row]))
    return int(order[(len(order) - 1) // 2])


def examples(scores: Scores, each: int = 3) -> tuple[list[int], list[int]]:
    """Rows of recognised and of other clips, by `EXAMPLE_RULE`."""
    right = scores.log_probs.argmax(axis=1) == scores.labels
    return _middles(scores, right, each), _middles(scores, ~right, each)


def class_examples(scores: Scores) -> list[int]:
    """Rows of clips of every class, by `CLASS_RULE`; one of the others where none is recognised."""
    right = scores.log_probs.argmax(axis=1) == scores.labels
    rows: list[int] = []
    for label in range(len(scores.classes)):
        own = scores.labels == label
        parts = [np.flatnonzero(own & right), np.flatnonzero(own & ~right)]
        there = [part for part in parts if len(part)]
        if len(scores.classes) > _FEW_CLASSES:
            there = there[:1]
        rows += [_median(scores, part, label) for part in there]
    return rows


def sample(scores: Scores, most: int) -> list[int]:
    """At most ``most`` rows, evenly spread over all clips sorted by id."""
    return _middles(scores, np.ones(len(scores), bool), most)


def _middles(scores: Scores, wanted: NDArray[np.bool_], most: int) -> list[int]:
    rows = sorted(np.flatnonzero(wanted).tolist(), key=lambda row: scores.ids[row])
    count = min(most, len(rows))
    return [rows[int((part + 0.5) * len(rows) / count)] for part in range(count)]
