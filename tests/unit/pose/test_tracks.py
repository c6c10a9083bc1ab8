"""Clips from tracks: who is kept, in which order, and what is missing."""

import numpy as np
import pytest

from gesta.pose import Sighting, choose_tracks, presence_of_tracks, tracks_to_clip
from gesta.skeleton import get_layout

COCO = get_layout("coco_17")


@pytest.fixture
def sightings(draw, see):
    """Ten frames: 0 small in all, 1 large in all but two, 2 for two frames only, -1 once."""
    frames = []
    for t in range(10):
        figures, ids = [draw(50 + t, 200, 50)], [0]
        if t not in (4, 5):
            figures, ids = [draw(300, 200, 200), *figures], [1, *ids]
        if t in (7, 8):
            figures, ids = [*figures, draw(500, 200, 400)], [*ids, 2]
        if t == 9:
            figures, ids = [*figures, draw(302, 200, 200)], [*ids, -1]
        frames.append(Sighting(t / 20, see(*figures), np.array(ids)))
    return frames


def test_the_most_present_come_first_and_short_tracks_are_dropped(sightings):
    assert choose_tracks(sightings, None) == [1, 0]
    assert choose_tracks(sightings, 1) == [1]
    assert sorted(choose_tracks(sightings, None, min_frames=1)) == [0, 1, 2]


def test_presence_is_score_times_size_over_frames(sightings):
    presence = presence_of_tracks(sightings)
    assert presence[1] / presence[0] == pytest.approx(4 * 8 / 10, rel=1e-4)


def test_a_clip_has_the_persons_in_order_with_gaps(sightings):
    clip = tracks_to_clip(
        sightings, COCO, frame_rate=20.0, frame_size=(640, 480), video="a.mp4", id="a"
    )
    assert clip.coords.shape == (2, 10, 17, 2)
    gaps = np.isnan(clip.coords[..., 0]).all(axis=-1)
    assert np.flatnonzero(gaps[0]).tolist() == [4, 5] and not gaps[1].any()
    assert (clip.confidence[0, 4:6] == 0).all() and (clip.confidence[1] > 0).all()
    np.testing.assert_array_equal(clip.coords[1, 3], sightings[3].detections.joints[1])
    assert clip.space == "pixels" and clip.pixels is clip.coords
    assert clip.video.path == "a.mp4" and clip.video.times.tolist() == [t / 20 for t in range(10)]


def test_nobody_is_a_clip_without_persons(see):
    frames = [Sighting(t / 20, see(), np.zeros(0, np.int64)) for t in range(5)]
    assert tracks_to_clip(frames, COCO).coords.shape == (0, 5, 17, 2)
    assert tracks_to_clip([], COCO).coords.shape == (0, 0, 17, 2)


@pytest.mark.parametrize(("frames", "least"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (9, 3)])
def test_in_a_short_clip_fewer_frames_are_enough(draw, see, frames, least):
    def scene(there):
        return [
            Sighting(t, see(draw(9, 9)) if t < there else see(), np.zeros(int(t < there), np.int64))
            for t in range(frames)
        ]

    assert choose_tracks(scene(least), None) == [0]
    assert choose_tracks(scene(least - 1), None) == []
