"""MoveNet on real frames: scale, padding, options. One small network run takes 20 ms."""

import hashlib
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from gesta.errors import PoseError, ShapeError
from gesta.media import open_video
from gesta.pose import MoveNet

SHA256 = "07dee4aac3eaa357718cce0a1ae92d84157d2bf4eb2b475d82055f5c0eacf2ac"


@pytest.fixture(scope="module")
def movenet():
    return MoveNet()


@pytest.fixture(scope="module")
def two_people(test_data):
    """A real frame of 1920 x 1080 with two people side by side."""
    with open_video(test_data / "videos" / "demo_skeleton.mp4") as video:
        return video.read([10])[0]


def test_the_shipped_model_is_the_one_that_notice_names():
    model = files("gesta").joinpath("data/pose/movenet_multipose.onnx").read_bytes()
    assert hashlib.sha256(model).hexdigest() == SHA256


def test_two_people_are_found_where_they_stand(movenet, two_people):
    found = movenet(two_people)
    assert len(found) == 2 and found.joints.shape == (2, 17, 2)
    middles = (found.boxes[:, 0] + found.boxes[:, 2]) / 2
    assert sorted(np.round(middles / 1920, 1)) == [0.4, 0.5]
    nose, ankle = (movenet.layout.index(joint) for joint in ("nose", "left_ankle"))
    heights = found.joints[:, ankle, 1] - found.joints[:, nose, 1]
    assert (heights > 400).all() and (heights < 700).all()
    inside = (found.joints >= found.boxes[:, None, :2] - 20) & (
        found.joints <= found.boxes[:, None, 2:] + 20
    )
    assert inside.mean() > 0.95


@pytest.mark.parametrize("size", [(960, 540), (640, 360), (256, 144)])
def test_joints_stand_in_pixels_of_the_given_image(movenet, two_people, size):
    large, small = movenet(two_people), movenet(_resized(two_people, size))
    larger = small.joints[np.argsort(small.boxes[:, 0])] * np.float32(1920 / size[0])
    apart = np.linalg.norm(larger - large.joints[np.argsort(large.boxes[:, 0])], axis=-1)
    assert np.median(apart) < 12


def test_a_frame_that_must_be_padded_has_its_joints_in_the_same_place(movenet, two_people):
    cut = two_people[:, :1870]
    width, height = movenet.input_size((1870, 1080))
    assert height % 32 and width == 256
    whole, found = movenet(two_people), movenet(cut)
    apart = (
        found.joints[np.argsort(found.boxes[:, 0])] - whole.joints[np.argsort(whole.boxes[:, 0])]
    )
    assert np.median(np.abs(apart)) < 12


def test_people_are_found_in_portrait(movenet, two_people):
    portrait = np.ascontiguousarray(two_people[:, 600:1200])
    assert movenet.input_size((600, 1080)) == (142, 256)
    found = movenet(portrait)
    assert len(found) == 2
    assert (found.boxes[:, 2] - found.boxes[:, 0] < 400).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (64, 48)])
def test_nobody_is_in_a_grey_image_of_any_size(movenet, size):
    assert len(movenet(np.full((size[1], size[0], 3), 128, np.uint8))) == 0


def test_unsure_joints_and_persons_are_left_out_on_request(movenet, two_people):
    small = _resized(two_people, (256, 144))
    strict = MoveNet(min_confidence=0.5)(small)
    missing = np.isnan(strict.joints[..., 0])
    assert missing.any() and not np.isnan(movenet(small).joints).any()
    assert np.array_equal(missing, strict.confidence == 0)
    assert (strict.confidence[~missing] >= 0.5).all()
    assert len(MoveNet(min_score=0.99)(small)) == 0 < len(MoveNet(min_score=0.0)(small))


def test_threads_and_a_longer_side_give_the_same_people(two_people):
    one = MoveNet(threads=2, long_side=384)(two_people)
    assert len(one) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"long_side": 250},
        {"long_side": 0},
        {"threads": 0},
        {"min_score": 2},
        {"min_confidence": -1},
    ],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(PoseError, match=f"{next(iter(options))}.*{next(iter(options.values()))}"):
        MoveNet(**options)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(movenet, image):
    with pytest.raises(ShapeError, match="image"):
        movenet(image)


def _resized(image, size):
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
