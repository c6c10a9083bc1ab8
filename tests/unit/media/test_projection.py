"""Joints in the RGB frame: from the file, from 2D poses, and through a camera."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.clip import Clip
from gesta.errors import GestaError, ShapeError
from gesta.formats.ntu_skeleton import FRAME_SIZE, parse_ntu_bodies, read_ntu_skeleton
from gesta.media.projection import (
    KINECT_V2,
    Camera,
    fit_camera,
    joint_pixels,
    project,
    scale_pixels,
)
from gesta.skeleton import get_layout

CAMERA = Camera(500, 400, 320, 240, (640, 480))
BODY = get_layout("sbu_15")


def flat(coords, **changes):
    return Clip(np.asarray(coords, np.float32), BODY, ("x", "y"), **changes)


def drawn(channels, seed=0):
    coords = np.random.default_rng(seed).random((2, 4, 15, channels)).astype(np.float32)
    coords[0, 1, 2] = np.nan
    return coords


def test_a_point_ahead_is_at_the_centre_and_up_is_up():
    points = np.array([[0, 0, 2], [1, 0, 2], [0, 1, 2], [0, 1, 4]])
    np.testing.assert_allclose(
        project(points, CAMERA), [[320, 240], [570, 240], [320, 40], [320, 140]]
    )


def test_what_is_missing_or_not_in_front_has_no_pixel():
    points = np.array([[0, 0, 0], [0, 0, -1], [np.nan] * 3, [0, 0, 1]])
    assert np.isnan(project(points, CAMERA)).all(axis=1).tolist() == [True, True, True, False]


@pytest.mark.parametrize("wrong", [{"fx": 0}, {"fy": -1}, {"cx": np.nan}, {"fx": np.inf}])
def test_no_camera(wrong):
    with pytest.raises(ShapeError, match="expected positive focal lengths"):
        Camera(**{"fx": 1.0, "fy": 1.0, "cx": 0.0, "cy": 0.0} | wrong)


def test_points_have_three_coordinates():
    with pytest.raises(ShapeError, match="points to project"):
        project(np.zeros((5, 2)), CAMERA)


def test_pixels_of_the_file_come_first():
    pixels = 100 * drawn(2)
    clip = Clip(drawn(3) + 1, BODY, pixels=pixels, frame_size=(640, 480))
    np.testing.assert_array_equal(joint_pixels(clip, CAMERA), pixels)
    np.testing.assert_allclose(joint_pixels(clip, size=(320, 480)), pixels * [0.5, 1])


def test_2d_poses_are_their_own_pixels():
    coords = 200 * drawn(2)
    np.testing.assert_array_equal(joint_pixels(flat(coords, space="pixels")), coords)


def test_shares_of_the_frame_become_pixels_of_any_frame():
    clip = flat(drawn(2), space="unit_frame", frame_size=(340, 256))
    np.testing.assert_allclose(joint_pixels(clip), clip.coords * [340, 256], rtol=1e-6)
    unknown = clip.replace(frame_size=None)
    np.testing.assert_allclose(
        joint_pixels(unknown, size=(1920, 1080)), clip.coords * [1920, 1080], rtol=1e-6
    )
    with pytest.raises(ShapeError, match="the size of its frames is not known"):
        joint_pixels(unknown)


def test_metres_go_through_the_camera_and_into_the_clips_frames():
    clip = Clip(drawn(3) + np.float32(1), BODY)
    wanted = project(clip.coords, CAMERA)
    np.testing.assert_array_equal(joint_pixels(clip, CAMERA), wanted)
    halved = joint_pixels(clip.replace(frame_size=(320, 240)), CAMERA)
    np.testing.assert_allclose(halved, wanted / 2, rtol=1e-6)
    np.testing.assert_allclose(joint_pixels(clip, CAMERA, size=(1280, 960)), wanted * 2, rtol=1e-6)
    loose = Camera(500, 400, 320, 240)
    np.testing.assert_array_equal(joint_pixels(clip, loose), wanted)
    with pytest.raises(ShapeError, match="the size of its frames is not known"):
        joint_pixels(clip, loose, size=(64, 64))


def test_metres_without_a_camera_say_what_to_give():
    with pytest.raises(GestaError, match=r"give the camera that saw it, Camera\(fx, fy, cx, cy\)"):
        joint_pixels(Clip(drawn(3), BODY, id="walk"))


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(0, 9))
def test_mirroring_and_scaling_change_places(width, new, seed):
    pixels = width * drawn(2, seed)
    flipped = [width, 0] + pixels * [-1, 1]
    one = scale_pixels(flipped, (width, 10), (new, 10))
    other = [new, 0] + scale_pixels(pixels, (width, 10), (new, 10)) * [-1, 1]
    np.testing.assert_allclose(one, other, atol=1e-3 * new)


def test_a_camera_is_found_again():
    points = drawn(3) * [2, 2, 1] + [-1, -1, 2]
    camera, residual = fit_camera(points, project(points, CAMERA), (640, 480))
    found = [camera.fx, camera.fy, camera.cx, camera.cy]
    np.testing.assert_allclose(found, [500, 400, 320, 240], rtol=1e-4)
    assert residual < 1e-3 and camera.frame_size == (640, 480)


@pytest.mark.parametrize("points", [np.ones((9, 3)), np.ones((2, 3)), np.full((9, 3), np.nan)])
def test_too_little_to_fit_a_camera(points):
    with pytest.raises(ShapeError, match="a camera is fitted to 4 joints or more"):
        fit_camera(points, np.ones((len(points), 2)))


def test_real_joints_seen_by_a_pinhole_camera(test_data):
    """How well the model holds on NTU RGB+D: 1 to 2 pixels a device, about 20 between devices."""
    own, others, fitted, seen = [], [], [], []
    for path in sorted((test_data / "ntu_samples").glob("*.skeleton")):
        joints = parse_ntu_bodies(path.read_bytes(), path.name).joints
        camera, residual = fit_camera(joints[..., :3], joints[..., 3:], FRAME_SIZE)
        own.append(residual)
        fitted.append([camera.fx, camera.fy, camera.cx, camera.cy])
        off = project(joints[..., :3], KINECT_V2) - joints[..., 3:]
        others.append(np.sqrt(np.nanmean((off**2).sum(-1))))
        seen.append(joints)
    assert len(own) == 4
    assert max(own) < 2
    assert max(others) < 20
    mean = [KINECT_V2.fx, KINECT_V2.fy, KINECT_V2.cx, KINECT_V2.cy]
    np.testing.assert_allclose(np.mean(fitted, axis=0), mean, atol=0.1)
    for left_out, joints in enumerate(seen):
        camera = Camera(*np.delete(fitted, left_out, axis=0).mean(axis=0))
        off = project(joints[..., :3], camera) - joints[..., 3:]
        assert np.sqrt(np.nanmean((off**2).sum(-1))) < 25


def test_a_real_clip_through_its_own_camera(test_data):
    clip = read_ntu_skeleton(test_data / "ntu_samples" / "S001C001P001R001A001.skeleton")
    camera, _ = fit_camera(clip.coords, clip.pixels, clip.frame_size)
    through = joint_pixels(clip.replace(pixels=None), camera)
    assert np.linalg.norm(through - joint_pixels(clip), axis=-1).max() < 3
