"""Pure operations on a clip: each gives a new one and leaves the old as it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gesta.clip.clip import Clip, Floats
from gesta.skeleton import Layout, joint_map


def presence(clip: Clip) -> NDArray[np.bool_]:
    """(M, T): where a person shows at least one joint."""
    return np.asarray(np.isfinite(clip.coords[..., 0]).any(axis=-1))


def trim(clip: Clip, start: int, stop: int) -> Clip:
    """The frames ``start`` up to but without ``stop``; the video times go along."""
    changes: dict[str, object] = {"coords": clip.coords[:, start:stop]}
    if clip.confidence is not None:
        changes["confidence"] = clip.confidence[:, start:stop]
    if clip.pixels is not None:
        changes["pixels"] = clip.pixels[:, start:stop]
    if clip.video is not None:
        video = clip.video
        changes["video"] = type(video)(video.path, video.times[start:stop])
    return clip.replace(**changes)


def motion_of_persons(clip: Clip) -> NDArray[np.float64]:
    """(M,): the spread of each person's joints over time, which tells actors from bystanders.

    The sum over channels of the standard deviation of all present coordinates (units of space).
    """
    persons, frames, joints, channels = clip.coords.shape
    values = clip.coords.reshape(persons, frames * joints, channels).astype(np.float64)
    there = ~np.isnan(values)
    count = np.maximum(there.sum(axis=1), 1)
    mean = np.where(there, values, 0).sum(axis=1) / count
    variance = (np.where(there, values - mean[:, None], 0) ** 2).sum(axis=1) / count
    return np.sqrt(variance).sum(axis=-1)


def keep_persons(clip: Clip, order: list[int] | NDArray[np.int64]) -> Clip:
    """The persons named by index, in that order."""
    index = np.asarray(order, dtype=np.int64)
    return clip.replace(
        coords=clip.coords[index],
        confidence=None if clip.confidence is None else clip.confidence[index],
        pixels=None if clip.pixels is None else clip.pixels[index],
    )


def without_nobody(clip: Clip) -> Clip:
    """The clip, with M = 0 where none of its persons ever shows a joint."""
    return clip if not clip.persons or presence(clip).any() else keep_persons(clip, [])


def map_to_layout(clip: Clip, layout: Layout) -> Clip:
    """The clip in another layout; joints that its own cannot give are missing (NaN).

    A joint made from several takes the lowest of their confidences.
    """
    if clip.layout == layout:
        return clip
    mapping = joint_map(clip.layout, layout)
    confidence = None
    if clip.confidence is not None:
        confidence = np.zeros((clip.persons, clip.frames, len(layout)), np.float32)
        for joint, sources in enumerate(mapping.sources):
            if sources:
                confidence[..., joint] = clip.confidence[..., list(sources)].min(axis=-1)
    pixels = None if clip.pixels is None else mapping.apply(clip.pixels)
    return clip.replace(
        coords=mapping.apply(clip.coords), layout=layout, confidence=confidence, pixels=pixels
    )


def fill_missing(coords: Floats) -> Floats:
    """Fill (M, T, V, C) linearly in time within a person's track, ends held.

    A joint never seen takes the mean of the joints that are there in each frame (so that it
    lies on the body); a person never seen becomes zeros. The result holds no NaN.
    """
    filled = coords.copy()
    for track in filled:
        gaps = np.isnan(track[..., 0])
        if not gaps.any():
            continue
        seen = np.flatnonzero(~gaps.all(axis=0))
        if not len(seen):
            track[:] = 0
            continue
        for joint in seen[gaps[:, seen].any(axis=0)]:
            _fill_joint(track[:, joint], gaps[:, joint])
        never = np.flatnonzero(gaps.all(axis=0))
        track[:, never] = track[:, seen].mean(axis=1, keepdims=True)
    return filled


def _fill_joint(values: Floats, gap: NDArray[np.bool_]) -> None:
    frames, known = np.arange(len(gap)), np.flatnonzero(~gap)
    for channel in range(values.shape[-1]):
        values[gap, channel] = np.interp(frames[gap], known, values[known, channel])
