"""From what is said of each moment to stretches of time in which one thing is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gesta.inference.windows import Floats


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch of time in which somebody does one thing.

    Args:
        start, end: in the unit of time that was given.
        total: (Y,) the integral of the scores over the stretch.
        threshold: below which the answer is unknown.
    """

    start: float
    end: float
    total: Floats
    threshold: float = 0.0

    @property
    def length(self) -> float:
        """How long it lasts."""
        return self.end - self.start

    @property
    def scores(self) -> Floats:
        """(Y,) the mean scores over it."""
        return self.total / self.length

    @property
    def label(self) -> int | None:
        """The best class; None where even that is below the threshold."""
        best = int(self.total.argmax())
        return best if self.scores[best] >= self.threshold else None

    def joined(self, other: Stretch) -> Stretch:
        """This stretch and the one that follows it as one."""
        return Stretch(self.start, other.end, self.total + other.total, self.threshold)


def merge(
    edges: Floats, scores: Floats, *, threshold: float = 0.0, shortest: float = 0.0
) -> list[Stretch]:
    """Neighbouring pieces of the same answer as one stretch, short ones taken in by longer ones.

    The shortest stretch is joined to the longer of its neighbours until none is too short, or has
    no neighbour; the answer of what is joined is that of its mean scores. So an answer is always
    the best of its stretch's mean scores or, where that is below the threshold, "unknown" (None).

    Args:
        edges: (P+1,) when pieces begin, not falling; the last: when the last piece ends.
        scores: (P, Y) scores of each piece, NaN where there are none: nothing is joined across.
        threshold: below which an answer is unknown.
        shortest: how long a stretch lasts at least, where it has a neighbour.

    Returns:
        Stretches in order of time; neighbours without a gap have different answers.
    """
    known = np.asarray(~np.isnan(scores).any(axis=1))
    groups: list[list[Stretch]] = []
    for place in np.flatnonzero(known):
        start, end = float(edges[place]), float(edges[place + 1])
        if not place or not known[place - 1]:
            groups.append([])
        if end > start:
            groups[-1].append(Stretch(start, end, scores[place] * (end - start), threshold))
    return [stretch for group in groups for stretch in _merged(group, shortest)]


def _merged(stretches: list[Stretch], shortest: float) -> list[Stretch]:
    stretches = _same_together(stretches)
    while len(stretches) > 1:
        lengths = [stretch.length for stretch in stretches]
        place = int(np.argmin(lengths))
        if lengths[place] >= shortest:
            break
        before = lengths[place - 1] if place else -1.0
        after = lengths[place + 1] if place + 1 < len(lengths) else -1.0
        first = place - 1 if before >= after else place
        one = stretches[first].joined(stretches[first + 1])
        stretches = _same_together([*stretches[:first], one, *stretches[first + 2 :]])
    return stretches


def _same_together(stretches: list[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for stretch in stretches:
        joined.append(stretch)
        while len(joined) > 1 and joined[-2].label == joined[-1].label:
            joined[-2:] = [joined[-2].joined(joined[-1])]
    return joined
