"""Persons from frame to frame: who of this frame is who of the last one.

A detection may continue a track if it lies near where the track's constant velocity leads and is
of like size, both measured in heights of the body, so that pixels do not matter. The pairs are
those of least total cost (the assignment problem), and none is made that the gate forbids.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gesta.errors import PoseError
from gesta.pose.detections import Detections, Floats

IDs = NDArray[np.int64]

# How the mean distance of joints is read, in diagonals of the body's box: two estimates of one
# body in one frame differ by less than the first; the gate between frames is the second and opens
# by the third for every second since the track was seen, up to the fourth.
SAME_BODY = 0.12
NEAR, NEARER_A_SECOND, FAR = 0.25, 1.5, 0.5
# Frames of a damaged video may bear the same time; no speed follows from less than this (seconds).
SHORTEST = 1e-3
# What a joint without confidence still counts in a distance.
FAINT = 0.02


@dataclass
class _Track:
    id: int
    joints: Floats
    confidence: Floats
    box: Floats
    time: float
    velocity: Floats = field(default_factory=lambda: np.zeros(2, np.float32))
    hits: int = 1

    def ahead(self, time: float) -> Floats:
        """(2,) how far its velocity has carried it since it was seen."""
        return self.velocity * np.float32(time - self.time)

    def move(self, detections: Detections, index: int, time: float) -> None:
        """Take over a detection of this person."""
        joints, confidence = detections.joints[index], detections.confidence[index]
        # The median joint: limbs swing, and single joints are lost and found.
        # A joint without confidence may be NaN.
        steps = (joints - self.joints)[(confidence > FAINT) & (self.confidence > FAINT)]
        step = np.median(steps, axis=0) if len(steps) else np.zeros(2, np.float32)
        weight = max(1 / self.hits, 0.3)
        passed = max(time - self.time, SHORTEST)
        self.velocity = self.velocity * (1 - weight) + step / np.float32(passed) * weight
        self.joints, self.confidence, self.box = joints, confidence, detections.boxes[index]
        self.time, self.hits = time, self.hits + 1


class Tracker:
    """Gives each detection the number of its person.

    Args:
        frame_size: (width, height) of the frame in pixels. Where given, a person whose track leads
            out of the frame is forgotten at once, so that whoever enters there is somebody else.
        memory: seconds that a person may be hidden and still be known again.
        size_gate: how many times larger or smaller a person may be from one sight to the next.
        start_score: detections with a lower score continue a person but are not a new one.

    Raises:
        PoseError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        frame_size: tuple[int, int] | None = None,
        memory: float = 1.0,
        size_gate: float = 1.6,
        start_score: float = 0.15,
    ) -> None:
        if memory < 0 or size_gate < 1 or not 0 <= start_score <= 1:
            raise PoseError(
                "tracker: expected memory from 0 seconds, size_gate from 1 and start_score in "
                f"[0, 1]; found {memory}, {size_gate} and {start_score}"
            )
        self.frame_size, self.memory = frame_size, memory
        self.size_gate, self.start_score = size_gate, start_score
        self._tracks: list[_Track] = []
        self._next = 0
        self._time = -np.inf

    def update(self, detections: Detections, time: float) -> IDs:
        """The persons of the next frame.

        Args:
            detections: P persons of the frame.
            time: seconds, no earlier than that of the frame before.

        Returns:
            (P,) numbers of persons from 0; -1 for a second sight of a body that has a better one
            and for what is too unsure to be somebody new.

        Raises:
            PoseError: time goes back.
        """
        if not time >= self._time:
            raise PoseError(f"tracker: time goes on; found {time} s after {self._time} s")
        self._tracks = [track for track in self._tracks if not self._is_gone(track, time)]
        self._time = time
        ids = np.full(len(detections), -1, np.int64)
        distances, gates = self._distances(detections, time)
        repeats = _repeats(detections)
        clear, settled = np.isinf(repeats), np.zeros(len(self._tracks), bool)
        # What looks like a body seen twice may be two in an embrace: it goes to a track that has
        # found nobody else and is nearer to it than the other body is.
        for chosen, limit in ((clear, gates), (~clear, np.minimum(gates, repeats))):
            costs = np.where(distances < limit, distances / gates, 1)
            costs[settled] = 1
            for row, index in _pairs(costs, chosen):
                settled[row] = True
                self._tracks[row].move(detections, index, time)
                ids[index] = self._tracks[row].id
        for index in np.flatnonzero(clear & (ids < 0)).tolist():
            if detections.scores[index] >= self.start_score:
                ids[index] = self._start(detections, index, time)
        return ids

    def _start(self, detections: Detections, index: int, time: float) -> int:
        joints, confidence = detections.joints[index], detections.confidence[index]
        track = _Track(self._next, joints, confidence, detections.boxes[index], time)
        self._tracks.append(track)
        self._next += 1
        return track.id

    def _is_gone(self, track: _Track, time: float) -> bool:
        if time - track.time > self.memory:
            return True
        if self.frame_size is None or track.time >= self._time:
            # Who was there in the last frame may be half outside of it.
            return False
        centre = (track.box[:2] + track.box[2:]) / 2 + track.ahead(time)
        return bool((centre < 0).any() or (centre > np.array(self.frame_size)).any())

    def _distances(self, detections: Detections, time: float) -> tuple[Floats, Floats]:
        """(tracks, P) from where tracks lead, infinite for unlike sizes, and (tracks, 1) gates."""
        if not self._tracks:
            return np.zeros((0, len(detections)), np.float32), np.zeros((0, 1), np.float32)
        ahead = np.array([track.ahead(time) for track in self._tracks], np.float32)
        expected = _Bodies(
            np.array([track.joints for track in self._tracks]) + ahead[:, None],
            np.array([track.confidence for track in self._tracks]),
            np.array([track.box for track in self._tracks]) + np.tile(ahead, 2),
        )
        found = _Bodies.of(detections)
        one, other = expected.sizes[:, None], found.sizes[None, :]
        alike = np.maximum(one, other) <= self.size_gate * np.minimum(one, other)
        unseen = np.array([time - track.time for track in self._tracks])
        gates = np.minimum(NEAR + NEARER_A_SECOND * unseen, FAR)[:, None].astype(np.float32)
        distances = _distances(expected, found)
        distances[~alike] = np.inf
        return distances, gates


@dataclass(frozen=True)
class _Bodies:
    """(P, V, 2) joints, (P, V) confidence and (P, 4) boxes of persons."""

    joints: Floats
    confidence: Floats
    boxes: Floats

    @classmethod
    def of(cls, found: Detections) -> _Bodies:
        return cls(found.joints, found.confidence, found.boxes)

    @property
    def sizes(self) -> Floats:
        """(P,) diagonals of the boxes: they change less than areas when arms go up."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return np.maximum(np.hypot(sides[:, 0], sides[:, 1]), 1)

    @property
    def middles(self) -> Floats:
        """(P, 2) middles of the boxes."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / np.float32(2)


def _distances(ones: _Bodies, others: _Bodies) -> Floats:
    """(P, Q): mean distance of joints that both know, weighted by confidence, in body sizes.

    Where two have no joint in common, the distance of their boxes' middles.
    """
    apart = np.linalg.norm(ones.joints[:, None] - others.joints[None], axis=-1)
    sure = np.maximum(ones.confidence, FAINT)[:, None] * np.maximum(others.confidence, FAINT)[None]
    weights = np.where(np.isnan(apart), 0, np.sqrt(sure))
    total = weights.sum(axis=-1)
    mean = (np.nan_to_num(apart) * weights).sum(axis=-1) / np.maximum(total, 1e-6)
    middles = np.linalg.norm(ones.middles[:, None] - others.middles[None], axis=-1)
    return np.where(total > 0, mean, middles) / ((ones.sizes[:, None] + others.sizes[None]) / 2)


def _repeats(detections: Detections) -> Floats:
    """(P,) how far each is from a better one whose body it seems to show again, else infinite."""
    repeats = np.full(len(detections), np.inf, np.float32)
    if len(detections) > 1:
        bodies = _Bodies.of(detections)
        apart = _distances(bodies, bodies)
        kept: list[int] = []
        for index in np.argsort(-detections.scores, kind="stable").tolist():
            nearest = apart[index, kept].min(initial=np.inf)
            if nearest < SAME_BODY:
                repeats[index] = nearest
            else:
                kept.append(index)
    return repeats


def _pairs(costs: Floats, chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Rows and chosen columns that belong together: least total cost, none of cost 1."""
    # Imported here: most of gesta does without scipy, which is slow to import.
    from scipy.optimize import linear_sum_assignment

    columns = np.flatnonzero(chosen)
    rows, places = linear_sum_assignment(costs[:, columns])
    pairs = zip(rows.tolist(), columns[places].tolist(), strict=True)
    return [(row, column) for row, column in pairs if costs[row, column] < 1]
