"""From a video to the poses of the persons in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gesta.clip import Clip
from gesta.pose.detections import Detections, PoseEstimator
from gesta.pose.smooth import smooth_clip
from gesta.pose.tracker import Tracker
from gesta.pose.tracks import Sighting, tracks_to_clip

if TYPE_CHECKING:
    from gesta.media import Video


def watch(
    video: Video, estimator: PoseEstimator, tracker: Tracker | None = None
) -> Iterator[Sighting]:
    """The persons of each frame, tracked, while the video is read.

    Args:
        video: file, folder, camera or stream, opened by `gesta.media.open_video`.
        estimator: from `create_estimator`.
        tracker: one with other options than the default; it goes on where it is.

    Yields:
        One sighting a frame, in pixels of the frame as displayed.
    """
    tracker = tracker or Tracker(frame_size=video.size)
    size = estimator.input_size(video.size)
    # Scaled while decoding: of a large frame only what the estimator sees becomes an array.
    for frame in video.frames(size=size):
        found = estimator(frame.image)
        if size is not None:
            found = _scaled(found, video.size[0] / size[0], video.size[1] / size[1])
        yield Sighting(frame.time, found, tracker.update(found, frame.time))


def estimate_poses(
    video: Video,
    estimator: PoseEstimator,
    *,
    persons: int | None = 2,
    smooth: float = 0.0,
    min_frames: int = 3,
    tracker: Tracker | None = None,
) -> Clip:
    """The poses of the persons who are most present in a video, in every frame.

    Args:
        video: a file or folder, opened by `gesta.media.open_video`.
        estimator: from `create_estimator`.
        persons: how many are kept, None for all.
        smooth: seconds over which joints are smoothed in time, see `smooth_clip`; 0: not.
        min_frames: tracks of fewer frames are taken for false, see `choose_tracks`.
        tracker: one with other options than the default.

    Returns:
        coords (M, T, V, 2) in pixels of the frame as displayed, which are also its ``pixels``, in
        the estimator's layout; NaN with confidence 0 where a person was not seen; the persons
        ordered by presence, M = 0 if there is nobody; ``video`` is the video's name and the time
        of each frame.

    Raises:
        MediaError: the video cannot be decoded.
    """
    sightings = list(watch(video, estimator, tracker))
    clip = tracks_to_clip(
        sightings,
        estimator.layout,
        persons=persons,
        min_frames=min_frames,
        frame_rate=video.frame_rate,
        frame_size=video.size,
        video=video.name,
        id=video.name,
    )
    return smooth_clip(clip, smooth) if smooth else clip


def _scaled(found: Detections, across: float, down: float) -> Detections:
    scale = np.array([across, down], np.float32)
    return Detections(
        found.joints * scale, found.confidence, found.boxes * np.tile(scale, 2), found.scores
    )
