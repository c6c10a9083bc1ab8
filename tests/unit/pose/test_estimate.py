"""From videos to clips, with an estimator of drawn frames and with MoveNet on real ones."""

import numpy as np
import pytest

from gesta.media import VideoWriter, open_video
from gesta.pose import MoveNet, Tracker, estimate_poses, watch
from gesta.skeleton import get_layout


class SquareFinder:
    """Takes each white square of a black frame for a person who is as tall as the square."""

    name = "squares"
    layout = get_layout("coco_17")

    def __init__(self, draw, see, size=None):
        self.draw, self.see, self.size, self.seen = draw, see, size, []

    def input_size(self, frame_size):
        return self.size

    def __call__(self, image):
        self.seen.append(image.shape)
        columns = np.flatnonzero((image[..., 0] > 128).any(axis=0))
        if not len(columns):
            return self.see()
        groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
        return self.see(*(self.draw(g.mean() + 0.5, 60.0, float(len(g))) for g in groups))


@pytest.fixture
def squares(tmp_path):
    """Twenty frames of 320 x 240: one square that walks, a second one that is there for eight."""
    path = tmp_path / "squares.mp4"
    with VideoWriter(path, (320, 240), 20.0) as writer:
        for t in range(20):
            frame = np.zeros((240, 320, 3), np.uint8)
            frame[100:160, 20 + 4 * t : 80 + 4 * t] = 255
            if t > 11:
                frame[100:140, 240:280] = 255
            writer.write(frame)
    return path


@pytest.mark.parametrize("size", [None, (160, 120)])
def test_every_frame_of_a_video_becomes_poses_in_its_pixels(squares, draw, see, size):
    finder = SquareFinder(draw, see, size)
    with open_video(squares) as video:
        clip = estimate_poses(video, finder)
    assert set(finder.seen) == {(240, 320, 3) if size is None else (120, 160, 3)}
    assert clip.coords.shape == (2, 20, 17, 2) and clip.frame_size == (320, 240)
    assert clip.frame_rate == pytest.approx(20) and clip.video.path == clip.id
    np.testing.assert_allclose(clip.video.times, np.arange(20) / 20, atol=1e-3)
    hips = clip.coords[:, :, 11:13, 0].mean(axis=-1)
    np.testing.assert_allclose(hips[0], 50 + 4 * np.arange(20), atol=2)
    assert np.isnan(hips[1, :12]).all()
    np.testing.assert_allclose(hips[1, 12:], 260, atol=2)


def test_options_reach_their_places(squares, draw, see):
    with open_video(squares) as video:
        alone = estimate_poses(video, SquareFinder(draw, see), persons=1, smooth=0.1)
    with open_video(squares) as video:
        nobody = estimate_poses(video, SquareFinder(draw, see), tracker=Tracker(start_score=0.9))
    with open_video(squares) as video:
        long = estimate_poses(video, SquareFinder(draw, see), persons=None, min_frames=9)
    assert alone.persons == 1 and nobody.coords.shape == (0, 20, 17, 2) and long.persons == 1
    # At its ends a smoothed walk leans inwards: that is how it shows.
    assert alone.coords[0, 0, 11, 0] > long.coords[0, 0, 11, 0] + 2


def test_a_video_without_people_is_an_empty_clip(tmp_path):
    with VideoWriter(tmp_path / "grey.mp4", (64, 48), 10.0) as writer:
        for _ in range(3):
            writer.write(np.full((48, 64, 3), 128, np.uint8))
    with open_video(tmp_path / "grey.mp4") as video:
        clip = estimate_poses(video, MoveNet(long_side=64))
    assert clip.coords.shape == (0, 3, 17, 2) and len(clip.video.times) == 3


@pytest.mark.slow  # decoding 72 frames of 1920 x 1080
def test_two_real_people_who_embrace_keep_their_tracks(test_data):
    with open_video(test_data / "videos" / "demo_skeleton.mp4") as video:
        clip = estimate_poses(video, MoveNet(), persons=None)
    check_two(clip)


def test_two_real_people_keep_their_tracks(test_data):
    """One sits, the other sits down beside; the estimator gives them in any order."""
    name = "AllThePresidentMen_sit_f_nm_np1_ri_med_7.mp4"
    with open_video(test_data / "jhmdb" / "videos" / "sit" / name) as video:
        clip = estimate_poses(video, MoveNet(), persons=None)
    check_two(clip)


def check_two(clip):
    """Both are there nearly always, never change sides, and nobody leaps."""
    assert clip.persons == 2
    hips = clip.coords[:, :, 11:13].mean(axis=2)
    there = np.isfinite(hips[..., 0])
    assert there.mean() > 0.95
    both = there.all(axis=0)
    assert len(np.unique(np.sign(hips[0, both, 0] - hips[1, both, 0]))) == 1
    steps = np.linalg.norm(np.diff(hips, axis=1), axis=-1)
    assert np.nanmax(steps) < 0.06 * clip.frame_size[1]


def test_frames_of_a_video_are_watched_one_by_one(squares, draw, see):
    with open_video(squares) as video:
        first, second, *_ = watch(video, SquareFinder(draw, see))
    assert (first.time, first.tracks.tolist(), second.tracks.tolist()) == (0.0, [0], [0])
