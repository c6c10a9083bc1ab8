"""Joints of a real NTU RGB+D clip lie on the person in its real video."""

import numpy as np
import pytest

from gesta.datasets import prepare
from gesta.formats.ntu_skeleton import read_ntu_skeleton
from gesta.media import open_video
from gesta.media.crop import projection_crop
from gesta.media.projection import joint_pixels
from gesta.pose import create_estimator
from gesta.skeleton import get_layout

NAME = "S001C001P001R001A001"
# Joints that both layouts have and that a drinking person shows.
PARTS = ("shoulder", "hip", "knee")
FRAMES = (10, 50, 80)


@pytest.fixture(scope="module")
def samples(test_data):
    return test_data / "ntu_samples"


@pytest.fixture(scope="module")
def clip(samples):
    return read_ntu_skeleton(samples / f"{NAME}.skeleton")


@pytest.fixture(scope="module")
def seen(samples, clip):
    """What the pose estimator sees at frames of the video: (frames, 17, 2) pixels, COCO joints.

    In the projection crop, scaled to its input, as fusion models get it.
    """
    estimator = create_estimator("movenet")
    pixels, found = joint_pixels(clip), []
    with open_video(samples / f"{NAME}_rgb.avi") as video:
        for frame in FRAMES:
            box = projection_crop(pixels[:, frame], video.size)
            (image,) = video.read([frame], box=box)
            joints = estimator(image).joints[0]
            found.append(joints + np.array(box[:2]))
    return np.array(found)


def limbs(joints, layout, sides):
    names = [f"{side}_{part}" for side in sides for part in PARTS]
    return joints[..., [layout.joints.index(name) for name in names], :]


def distances(clip, seen, shift=(0, 0)):
    """(frames, 6) pixels between the joints of the file and those that the estimator sees.

    Sides are swapped: the Kinect's pictures are mirror images, which the estimator cannot know.
    """
    ours = limbs(joint_pixels(clip)[0, list(FRAMES)], clip.layout, ("left", "right"))
    theirs = limbs(seen, get_layout("coco_17"), ("right", "left"))
    return np.linalg.norm(ours + np.array(shift) - theirs, axis=-1)


def test_every_skeleton_frame_has_its_frame_of_the_video(samples, tmp_path):
    archive = prepare("ntu60", samples, tmp_path / "ntu", videos=samples, processes=1)
    assert archive.ids[0] == NAME and archive.with_video.tolist() == [True, False, False, False]
    linked = archive.read(0)
    assert archive.video_path(linked).name == f"{NAME}_rgb.avi"
    with open_video(archive.video_path(linked)) as video:
        assert video.size == linked.frame_size
        assert len(video.times) == linked.frames == 103
        np.testing.assert_array_equal(linked.video.times, video.times)


def test_joints_of_the_file_are_where_an_estimator_sees_them(clip, seen):
    """On a person 370 pixels tall; joints of Kinect and COCO differ by some pixels themselves."""
    off = distances(clip, seen)
    assert np.median(off) < 15 and off.max() < 35


def test_a_shift_by_a_shoulders_width_would_be_seen(clip, seen):
    for shift in ((70, 0), (-70, 0), (0, 70), (0, -70)):
        assert np.median(distances(clip, seen, shift)) > 50


@pytest.mark.slow
def test_the_hand_that_drinks_is_where_the_picture_changes(samples, clip):
    """Between the glass at the hip and at the mouth, the joint that moves most moves there."""
    moved = np.linalg.norm(clip.coords[:, FRAMES[2]] - clip.coords[:, 0], axis=-1)
    person, joint = np.unravel_index(moved.argmax(), moved.shape)
    pixels = joint_pixels(clip)[person]
    with open_video(samples / f"{NAME}_rgb.avi") as video:
        before, after = video.read([0, FRAMES[2]]).astype(np.int64)
    changed = np.abs(after - before).sum(axis=-1) > 90
    for frame in (0, FRAMES[2]):
        x, y = pixels[frame, joint].astype(int)
        assert changed[y - 16 : y + 16, x - 29 : x + 29].mean() > 20 * changed.mean()
