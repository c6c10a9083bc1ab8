"""A clip from tracked persons: short tracks dropped, the most present kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip, VideoReference
from gesta.pose.detections import Detections
from gesta.pose.tracker import IDs
from gesta.skeleton import Layout


@dataclass(frozen=True, eq=False)
class Sighting:
    """What was seen in one frame: its time in seconds, P persons, and their (P,) track numbers."""

    time: float
    detections: Detections
    tracks: IDs


def presence_of_tracks(sightings: Sequence[Sighting]) -> dict[int, float]:
    """How present each track is: its score times its size in pixels, summed over its frames.

    Size is the square root of the box's area, so that a person twice as near counts twice.
    """
    presence: dict[int, float] = {}
    for seen in sightings:
        boxes = seen.detections.boxes
        sizes = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=-1))
        for track, weight in zip(seen.tracks, seen.detections.scores * sizes, strict=True):
            if track >= 0:
                presence[int(track)] = presence.get(int(track), 0.0) + float(weight)
    return presence


def choose_tracks(
    sightings: Sequence[Sighting], persons: int | None, min_frames: int = 3
) -> list[int]:
    """The tracks of at most ``persons`` persons, the most present first.

    Args:
        sightings: of all T frames.
        persons: how many are kept, None for all.
        min_frames: tracks seen in fewer frames are taken for false; in a clip of less than twice
            as many frames, those seen in less than half of it.
    """
    least = min(min_frames, (len(sightings) + 1) // 2)
    tracks = [track for seen in sightings for track in seen.tracks.tolist() if track >= 0]
    numbers, frames = np.unique(np.array(tracks, np.int64), return_counts=True)
    presence = presence_of_tracks(sightings)
    lasting = [int(n) for n, count in zip(numbers, frames, strict=True) if count >= least]
    return sorted(lasting, key=lambda track: -presence[track])[:persons]


def tracks_to_clip(
    sightings: Sequence[Sighting],
    layout: Layout,
    *,
    persons: int | None = 2,
    min_frames: int = 3,
    frame_rate: float | None = None,
    frame_size: tuple[int, int] | None = None,
    video: str | None = None,
    id: str = "",  # noqa: A002 - as the clip calls it
) -> Clip:
    """A clip of the persons who are most present, in that order.

    Args:
        sightings: of all T frames, in order of time.
        layout: of the estimator.
        persons: how many are kept, None for all.
        min_frames: see `choose_tracks`.
        frame_rate: frames a second, None where unknown.
        frame_size: (width, height) of the frame, None where unknown.
        video: path or name of the video that the frames are of.
        id: of the clip.

    Returns:
        coords (M, T, V, 2) in pixels, which are also its ``pixels``; NaN with confidence 0 where
        a person was not seen. M = 0 if nobody was.
    """
    tracks = choose_tracks(sightings, persons, min_frames)
    place = {track: person for person, track in enumerate(tracks)}
    shape = (len(tracks), len(sightings), len(layout))
    coords, confidence = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32)
    for frame, seen in enumerate(sightings):
        for index, track in enumerate(seen.tracks.tolist()):
            if track in place:
                coords[place[track], frame] = seen.detections.joints[index]
                confidence[place[track], frame] = seen.detections.confidence[index]
    times: NDArray[np.float64] = np.array([seen.time for seen in sightings], np.float64)
    return Clip(
        coords,
        layout,
        ("x", "y"),
        "pixels",
        confidence=confidence,
        pixels=coords,
        frame_rate=frame_rate,
        frame_size=frame_size,
        video=None if video is None else VideoReference(video, times),
        id=id,
    )
