"""Smoothing: no delay, no change of what is missing, noise down."""

import numpy as np
import pytest

from gesta.clip import Clip, VideoReference
from gesta.errors import PoseError
from gesta.pose import smooth_clip
from gesta.skeleton import get_layout


def clip_of(track, **fields):
    """A clip whose joints all go the (T,) way in x, in y half of it."""
    coords = np.stack([track, track / 2], axis=-1)[None, :, None].repeat(17, axis=2)
    coords = coords.astype(np.float32)
    options = {"frame_rate": 30.0, "pixels": coords} | fields
    return Clip(coords, get_layout("coco_17"), ("x", "y"), "pixels", **options)


def test_what_moves_evenly_stays_where_it_is():
    clip = clip_of(np.linspace(0, 90, 31))
    smoothed = smooth_clip(clip, 0.095)
    np.testing.assert_allclose(smoothed.coords[0, 9:-9], clip.coords[0, 9:-9], atol=1e-4)
    np.testing.assert_array_equal(smoothed.coords, smoothed.pixels)


def test_a_turning_point_is_not_moved_in_time():
    track = np.abs(np.arange(41) - 20.0)
    assert smooth_clip(clip_of(track), 0.1).coords[0, :, 0, 0].argmin() == 20


def test_noise_goes_down(tmp_path):
    noise = np.random.default_rng(0).normal(0, 1, 200)
    smoothed = smooth_clip(clip_of(noise), 0.1).coords[0, :, 0, 0]
    assert smoothed.std() < 0.5 * noise.std()


def test_an_unsure_joint_leans_on_its_neighbours():
    track, confidence = np.zeros(21), np.ones((1, 21, 17), np.float32)
    track[10] = 50
    sure = smooth_clip(clip_of(track, confidence=confidence), 0.05).coords[0, 10, 0, 0]
    confidence[0, 10] = 0.05
    unsure = smooth_clip(clip_of(track, confidence=confidence), 0.05).coords[0, 10, 0, 0]
    assert unsure < 0.2 * sure


def test_missing_joints_stay_missing_and_touch_nothing():
    track = np.zeros(21)
    track[5] = np.nan
    smoothed = smooth_clip(clip_of(track), 0.1)
    assert np.flatnonzero(np.isnan(smoothed.coords[0, :, 3, 0])).tolist() == [5]
    assert np.nanmax(np.abs(smoothed.coords)) == 0


def test_joints_without_confidence_and_empty_clips_pass():
    confidence = np.zeros((1, 5, 17), np.float32)
    constant = clip_of(np.full(5, 7.0), confidence=confidence)
    np.testing.assert_allclose(smooth_clip(constant, 0.1).coords[..., 0], 7, rtol=1e-5)
    empty = clip_of(np.zeros(5))
    nobody = empty.replace(coords=empty.coords[:0], pixels=None)
    assert smooth_clip(nobody, 0.1).coords.shape == (0, 5, 17, 2)


def test_times_of_the_video_count_where_frames_are_uneven():
    times = np.array([0.0, 0.01, 5.0])
    clip = clip_of(np.array([0.0, 1.0, 9.0]), video=VideoReference("a", times))
    np.testing.assert_allclose(
        smooth_clip(clip, 0.5).coords[0, :, 0, 0], [0.5, 0.5, 9.0], atol=1e-3
    )


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_only_a_positive_time_smooths(seconds):
    with pytest.raises(PoseError, match="positive"):
        smooth_clip(clip_of(np.zeros(5)), seconds)


def test_a_clip_without_time_is_refused():
    with pytest.raises(PoseError, match="frame rate"):
        smooth_clip(clip_of(np.zeros(5), frame_rate=None), 0.1)
