"""Cameras and streams: what people do, said while they do it, in bounded memory.

Time is cut into ticks of one stride; a window ends with each. What is said of a tick is the mean
over the windows that hold it, as in a file, and is known when the last of them has been judged: a
window later. A stretch is told when another one follows, when the person is gone, or when it has
lasted so long that people should not have to wait (`PATIENCE`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from gesta.clip import Clip
from gesta.inference.predict import Segment
from gesta.inference.segments import Stretch
from gesta.inference.timeline import FLICKER, Score, Timing, segment_of
from gesta.inference.video import Scene
from gesta.inference.windows import LEAST_SEEN, Floats
from gesta.pose import Sighting
from gesta.training import Card

# Windows after which a stretch is told though it may go on.
PATIENCE = 8.0
# Frames a second where a stream does not say.
_USUAL_RATE = 25.0


class Stretches:
    """Puts pieces of time together as they come: equal answers joined, flickers taken in.

    Args:
        shortest: a change that lasts less is a flicker.
        longest: a stretch is given out when it has reached so much.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest, self.longest = shortest, longest
        self._open: Stretch | None = None
        self._change: Stretch | None = None

    def add(self, piece: Stretch) -> Iterator[Stretch]:
        """Take the piece that follows; give what is over by it."""
        change = piece if self._change is None else self._change.joined(piece)
        if self._open is None:
            self._open = piece
        elif change.label == self._open.label:
            self._open, self._change = self._open.joined(change), None
        elif change.length >= self.shortest:
            yield self._open
            self._open, self._change = change, None
        else:
            self._change = change
        if self._open.length >= self.longest and self._change is None:
            yield self._open
            self._open = None

    def end(self) -> Iterator[Stretch]:
        """Give what is left."""
        if self._open is not None:
            yield self._open if self._change is None else self._open.joined(self._change)
        self._open = self._change = None


class _Person:
    """What the last windows said of one person, or of all together."""

    def __init__(self, ticks: int) -> None:
        self.said: deque[Floats | None] = deque(maxlen=ticks)
        self.stretches = Stretches(FLICKER * ticks, PATIENCE * ticks)

    @property
    def is_gone(self) -> bool:
        return all(scores is None for scores in self.said)

    def mean(self) -> Floats:
        """(Y,) the mean of what was said."""
        return np.mean([scores for scores in self.said if scores is not None], axis=0)


class Follower:
    """Follows people through sightings that come one after the other.

    Args:
        card: of the model.
        score: gives (N, Y) log-probabilities of clips.
        scene: what the sightings are of; it has none yet.
        timing: windows and strides.
        together: whether everybody is judged together.
        threshold: below which an answer is unknown; None: there is always one.
        persons: how many are judged at most; None for all.

    Raises:
        RecipeError: the windows make no sense; see `Timing`.
    """

    def __init__(
        self,
        card: Card,
        score: Score,
        scene: Scene,
        timing: Timing,
        *,
        together: bool,
        threshold: float | None = None,
        persons: int | None = None,
    ) -> None:
        self.card, self.score, self.scene = card, score, scene
        self.together, self.persons = together, persons
        self.threshold = threshold or 0.0
        length, self.stride = timing.lengths(card, 1 / (scene.frame_rate or _USUAL_RATE))
        # Whole ticks, so that all windows begin and end with one.
        self.ticks = max(1, round(length / self.stride))
        self._recent: deque[Sighting] = deque()
        self._people: dict[int | None, _Person] = {}
        self._tick, self._end = 0, 0.0

    def follow(self, sightings: Iterable[Sighting]) -> Iterator[tuple[int | None, Segment]]:
        """Tracks (None: all together) and what they did, as soon as it is known."""
        for seen in sightings:
            yield from self.update(seen)
        yield from self.finish()

    def update(self, seen: Sighting) -> Iterator[tuple[int | None, Segment]]:
        """Take the next frame, and tell what is known now."""
        while seen.time >= (self._tick + 1) * self.stride:
            yield from self._advance()
        self._recent.append(seen)
        self._end = seen.time + 1 / (self.scene.frame_rate or _USUAL_RATE)

    def finish(self) -> Iterator[tuple[int | None, Segment]]:
        """Tell all that has not been told yet."""
        if self._recent:
            yield from self._advance()
        self._recent.clear()
        while self._people:
            yield from self._advance()

    def current(self, track: int | None) -> Segment | None:
        """What is said of somebody at the moment; None where nothing is known yet."""
        person = self._people.get(track)
        if person is None or person.is_gone:
            return None
        now = self._tick * self.stride
        stretch = Stretch(now, now + 1.0, person.mean(), self.threshold)
        return segment_of(stretch, self.card.classes)

    def _advance(self) -> Iterator[tuple[int | None, Segment]]:
        """End a tick: judge the window that ends with it, and settle the tick that this settles."""
        self._tick += 1
        said = self._judge()
        for track in said:
            if track not in self._people:
                self._people[track] = _Person(self.ticks)
        settled = self._tick - self.ticks
        for track, person in list(self._people.items()):
            person.said.append(said.get(track))
            told: Iterable[Stretch] = ()
            if person.is_gone:
                told = person.stretches.end()
                del self._people[track]
            elif settled >= 0:
                told = person.stretches.add(
                    Stretch(settled, settled + 1.0, person.mean(), self.threshold)
                )
            yield from ((track, self._in_seconds(stretch)) for stretch in told)
        begin = (self._tick + 1 - self.ticks) * self.stride
        while self._recent and self._recent[0].time < begin:
            self._recent.popleft()

    def _judge(self) -> dict[int | None, Floats]:
        there = self._there()
        if not there:
            return {}
        scores = np.exp(self.score(list(there.values())).astype(np.float64))
        return dict(zip(there, scores, strict=True))

    def _there(self) -> dict[int | None, Clip]:
        """The clips of those who are seen in enough of the window's frames."""
        frames, scene = len(self._recent), self.scene
        if not frames:
            return {}
        part = Scene(
            tuple(self._recent), scene.layout, scene.frame_rate, scene.frame_size, scene.name
        )
        if self.together:
            everybody = part.together(self.card)
            often = everybody.seen.mean() >= LEAST_SEEN
            return {None: everybody.cut(0, frames)} if often else {}
        subjects, numbers = part.apart(self.card, self.persons)
        return {
            track: subject.cut(subject.first, subject.first + len(subject.seen))
            for track, subject in zip(numbers, subjects, strict=True)
            if subject.seen.sum() >= LEAST_SEEN * frames
        }

    def _in_seconds(self, stretch: Stretch) -> Segment:
        start, end = stretch.start * self.stride, min(stretch.end * self.stride, self._end)
        total = stretch.scores * (end - start)
        return segment_of(Stretch(start, end, total, stretch.threshold), self.card.classes)
