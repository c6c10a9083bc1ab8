"""What each person of an input does when: windows judged, averaged and merged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip, keep_persons, presence, trim
from gesta.errors import RecipeError
from gesta.inference.predict import PersonPrediction, Segment, name_scores
from gesta.inference.segments import Stretch, merge
from gesta.inference.windows import Floats, Ints, average, where_seen
from gesta.training import Card

# Windows scored at once: bounds memory, whatever the length of a video.
BATCH = 64
# A new window begins so often a window, and what is shorter than so much of one is a flicker.
STRIDES, FLICKER = 4, 0.5
# Seconds that the last frame is shown where nothing says it: no rate and no frame before.
A_FRAME = 1 / 25

Score = Callable[[Sequence[Clip]], NDArray[np.float32]]


@dataclass(frozen=True)
class Timing:
    """How an input is cut in time, and from when on an answer is one.

    Args:
        window: seconds judged at once; None: the median length of the clips that the model was
            trained on.
        stride: seconds from one window to the next, at most a window; None: a quarter of one.
        threshold: probability below which the answer is "unknown"; None: the model's own.

    Raises:
        RecipeError: a value is out of its range.
    """

    window: float | None = None
    stride: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Check each value."""
        for name in ("window", "stride"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise RecipeError(f"{name}: expected seconds above 0, found {value}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise RecipeError(f"threshold: expected a probability, found {self.threshold}")
        if self.window is not None and self.stride is not None and self.stride > self.window:
            raise RecipeError(
                f"stride: expected at most the window, {self.window} s, found {self.stride}: what "
                "lies between windows would not be judged"
            )

    @property
    def cuts(self) -> bool:
        """Whether windows are asked for."""
        return self.window is not None or self.stride is not None

    def lengths(self, card: Card, frame: float) -> tuple[float, float]:
        """Window and stride in seconds.

        Args:
            card: of the model, which says how long its training clips are.
            frame: seconds that a frame of the input lasts: where the card knows frames only, a
                window holds as many as a training clip.

        Raises:
            RecipeError: the model's card does not say how long its clips are, and no window was
                given; or the stride is longer than a window.
        """
        window = self.window
        if window is None and card.clip_seconds:
            window = card.clip_seconds[1]
        elif window is None and card.clip_frames:
            window = card.clip_frames[1] * frame
        if window is None:
            raise RecipeError(
                "the model does not say how long the clips are that it was trained on (an older "
                "gesta trained it); give the seconds to judge at once: window"
            )
        stride = window / STRIDES if self.stride is None else self.stride
        if stride > window:
            raise RecipeError(
                f"stride: expected at most the window of {window:.2f} s, found {stride}"
            )
        return window, stride


@dataclass(frozen=True)
class Subject:
    """Somebody, or everybody, who is to be judged over time.

    Args:
        track: number of the person; None for all together.
        first: the frame of the input that the subject is first looked for in.
        seen: (T',) bool whether somebody is seen, from that frame on.
        cut: gives the clip of the frames from one up to but without another, of the input.
    """

    track: int | None
    first: int
    seen: NDArray[np.bool_]
    cut: Callable[[int, int], Clip]


def subjects_of(clip: Clip, together: bool) -> list[Subject]:
    """The persons of a clip, or all of them as one subject."""
    if together:
        seen = np.asarray(presence(clip).any(axis=0))
        return [Subject(None, 0, seen, lambda start, stop: trim(clip, start, stop))]
    return [_person(clip, person) for person in range(clip.persons)]


def _person(clip: Clip, person: int) -> Subject:
    alone = keep_persons(clip, [person])
    return Subject(person, 0, presence(alone)[0], lambda start, stop: trim(alone, start, stop))


def frame_edges(times: Floats, frame_rate: float | None) -> Floats:
    """(T+1,) when each of T frames begins to be shown, and when the last one ends."""
    if frame_rate:
        last = 1 / frame_rate
    else:
        last = float(np.median(np.diff(times))) if len(times) > 1 else A_FRAME
    return np.append(times, times[-1:] + last)


def judge(
    subjects: Sequence[Subject],
    edges: Floats,
    card: Card,
    timing: Timing,
    score: Score,
    threshold: float | None,
) -> tuple[PersonPrediction, ...]:
    """What each subject does when, in seconds; those seen too shortly to be judged are left out.

    Args:
        subjects: who is to be judged.
        edges: (T+1,) seconds at which the frames of the input begin, and the end of the last.
        card: of the model.
        timing: windows.
        score: gives (N, Y) log-probabilities of clips.
        threshold: below which an answer is unknown; None: there is always one.
    """
    if len(edges) < 2:
        return ()
    length, stride = timing.lengths(card, float(np.diff(edges).mean()))
    windows = [_windows(subject, edges, length, stride) for subject in subjects]
    tasks = (
        subject.cut(int(start), int(stop))
        for subject, own in zip(subjects, windows, strict=True)
        for start, stop in own
    )
    scored = _scored(tasks, score)
    persons = []
    for subject, own in zip(subjects, windows, strict=True):
        if not len(own):
            continue
        frames, mean = average(own, np.array(list(islice(scored, len(own)))))
        stretches = merge(
            edges[frames], mean, threshold=threshold or 0.0, shortest=FLICKER * length
        )
        segments = tuple(segment_of(stretch, card.classes) for stretch in stretches)
        persons.append(PersonPrediction(subject.track, segments))
    return tuple(persons)


def segment_of(stretch: Stretch, classes: Sequence[str]) -> Segment:
    """A stretch with the names of its best classes."""
    return name_scores(
        round(stretch.start, 3), round(stretch.end, 3), stretch.scores, classes, stretch.threshold
    )


def _windows(subject: Subject, edges: Floats, length: float, stride: float) -> Ints:
    # In the whole input: two frames are a glimpse, unless there are no more.
    seen = np.zeros(len(edges) - 1, bool)
    seen[subject.first : subject.first + len(subject.seen)] = subject.seen
    return where_seen(seen, edges, length, stride)


def _scored(clips: Iterator[Clip], score: Score) -> Iterator[Floats]:
    """(Y,) probabilities of each clip, of which only a few are held at a time."""
    while chunk := list(islice(clips, BATCH)):
        yield from np.exp(score(chunk).astype(np.float64))
