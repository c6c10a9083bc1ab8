"""Smoothing of joints in time, without delay: each frame looks as far ahead as back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.errors import PoseError

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Beyond this many deviations a Gaussian window is cut off.
REACH = 3.0


def smooth_clip(clip: Clip, seconds: float) -> Clip:
    """Each joint as the mean of itself in the frames around, weighted by time and confidence.

    The window is a Gaussian in time, x'(t) = sum over s of g(t - s) c(s) x(s) / sum of g c, so
    that joints the estimator is unsure of lean on their neighbours. Joints that are missing stay
    missing; confidence stays as it is.

    Args:
        clip: (M, T, V, C) coordinates; time from its video or else its frame rate.
        seconds: the deviation of the Gaussian, positive.

    Raises:
        PoseError: seconds is not positive, or the clip knows no time.
    """
    if not seconds > 0:
        raise PoseError(f"smoothing: expected a positive number of seconds, found {seconds}")
    known = np.isfinite(clip.coords[..., 0])
    sure = known.astype(np.float64)
    if clip.confidence is not None:
        # A joint is never without all weight: it is then a mean of unsure ones.
        sure = known * np.maximum(clip.confidence, 1e-3)
    times = _times(clip) / seconds
    changes = {"coords": _smooth(clip.coords, sure, times)}
    if clip.pixels is not None:
        changes["pixels"] = _smooth(clip.pixels, sure, times)
    return clip.replace(**changes)


def _times(clip: Clip) -> Doubles:
    if clip.video is not None:
        return clip.video.times
    if clip.frame_rate is None:
        raise PoseError(f"clip {clip.id!r}: smoothing needs a frame rate or the times of frames")
    return np.arange(clip.frames) / clip.frame_rate


def _smooth(coords: Floats, sure: Doubles, times: Doubles) -> Floats:
    """Weighted means of (M, T, V, C); times in deviations of the window."""
    values = np.nan_to_num(coords.astype(np.float64)) * sure[..., None]
    total, mean = sure.copy(), values.copy()
    # Frame by frame farther apart, as long as any two are near enough to touch each other.
    for shift in range(1, len(times)):
        apart = times[shift:] - times[:-shift]
        if (apart > REACH).all():
            break
        near = np.where(apart <= REACH, np.exp(-0.5 * apart**2), 0)[:, None]
        total[:, shift:] += near * sure[:, :-shift]
        total[:, :-shift] += near * sure[:, shift:]
        mean[:, shift:] += near[..., None] * values[:, :-shift]
        mean[:, :-shift] += near[..., None] * values[:, shift:]
    smoothed = mean / np.maximum(total, 1e-12)[..., None]
    return np.where(np.isnan(coords), np.nan, smoothed).astype(np.float32)
