"""Boxes: inside the frame, around the joints, mirrored with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.errors import ShapeError
from gesta.media.crop import (
    PLACES,
    Growth,
    carry_joints,
    joints_box,
    projection_crop,
    square_crop,
)

MIRRORED = {
    **{"centre": "centre", "top_left": "top_right", "top_right": "top_left"},
    **{"bottom_left": "bottom_right", "bottom_right": "bottom_left"},
}
FRAME = (1920, 1080)
sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


@st.composite
def joints_in_frames(draw):
    """(M, V, 2) joints, some missing and some outside, and the size of their frame."""
    size = draw(sizes)
    drawn = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.sampled_from([0.0, 0.1, 1.0, 3.0]))
    centre = drawn.uniform(-0.3, 1.3, 2)
    pixels = (centre + spread * drawn.normal(size=(2, 15, 2))) * size
    pixels[drawn.random((2, 15)) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = np.nan
    return pixels.astype(np.float32), size


growths = st.builds(Growth, st.sampled_from(PLACES), st.floats(0, 300), st.floats(0, 300))


def check_box(box, size):
    x0, y0, x1, y1 = box
    assert all(type(edge) is int for edge in box)
    assert 0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]


def inside(points, low, high, slack=0.0):
    return ((points >= np.array(low) - slack) & (points <= np.array(high) + slack)).all(axis=-1)


@given(joints_in_frames(), growths)
def test_a_crop_lies_in_the_frame_and_holds_its_joints(drawn, growth):
    pixels, size = drawn
    box = projection_crop(pixels, size, growth)
    check_box(box, size)
    seen = pixels[inside(pixels, (0, 0), size)]
    assert inside(seen, box[:2], box[2:]).all()
    carried = carry_joints(seen, box, (299, 299))
    assert inside(carried, (0, 0), (299, 299), slack=0.1).all()


@given(joints_in_frames(), growths)
def test_a_mirrored_clip_has_the_mirrored_box(drawn, growth):
    pixels, size = drawn
    pixels, width = np.round(pixels.astype(np.float64) * 8) / 8, size[0]  # exact when mirrored
    other = projection_crop(
        [width, 0] + pixels * [-1, 1],
        size,
        Growth(MIRRORED[growth.place], growth.width, growth.height),
    )
    x0, y0, x1, y1 = projection_crop(pixels, size, growth)
    # To a pixel: sums of floats in another order may fall on the other side of a whole number,
    # and joints on one line between two pixels take the one behind it.
    assert np.abs(np.subtract(other, (width - x1, y0, width - x0, y1))).max() <= 1


@given(joints_in_frames())
def test_joints_carried_into_mirrored_crops_are_mirrored(drawn):
    pixels, size = drawn
    box = projection_crop(pixels, size)
    mirrored_box = (size[0] - box[2], box[1], size[0] - box[0], box[3])
    one = carry_joints([size[0], 0] + pixels * [-1, 1], mirrored_box, (299, 200))
    other = [299, 0] + carry_joints(pixels, box, (299, 200)) * [-1, 1]
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=0.5)


@given(joints_in_frames())
def test_without_growth_the_crop_is_the_box_of_the_joints(drawn):
    pixels, size = drawn
    box = joints_box(pixels, size)
    assert projection_crop(pixels, size, Growth("top_left", 0, 0)) == (box or (0, 0, *size))


def test_the_corner_stays_and_the_box_grows_to_the_other_side():
    pixels = np.array([[500, 400], [700, 900], [np.nan, np.nan]])
    grown = {place: projection_crop(pixels, FRAME, Growth(place, 100, 150)) for place in PLACES}
    assert grown == {
        "centre": (450, 325, 750, 975),
        "top_left": (500, 400, 800, 1050),
        "top_right": (400, 400, 700, 1050),
        "bottom_left": (500, 250, 800, 900),
        "bottom_right": (400, 250, 700, 900),
    }


def test_growth_is_in_pixels_of_a_frame_1920_wide():
    pixels = np.array([[100, 100], [120, 140]])
    box = projection_crop(pixels, (320, 240), Growth("top_left", 120, 240))
    assert box == (100, 100, 140, 180)
    assert projection_crop(pixels, (320, 240)) == (83, 83, 137, 157)


@pytest.mark.parametrize(
    "pixels", [np.zeros((0, 25, 2)), np.full((1, 25, 2), np.nan), np.full((1, 25, 2), -50.0)]
)
def test_nobody_in_the_frame_leaves_it_whole(pixels):
    assert projection_crop(pixels, FRAME, Growth("top_right")) == (0, 0, 1920, 1080)
    assert joints_box(pixels, FRAME) is None


@pytest.mark.parametrize("at", [(0, 0), (1920, 1080), (960, 540), (0, 540)])
def test_one_joint_is_a_box_of_a_pixel(at):
    box = joints_box(np.array([at], np.float32), FRAME)
    check_box(box, FRAME)
    assert (box[2] - box[0], box[3] - box[1]) == (1, 1)


@given(sizes, st.sampled_from(PLACES), st.floats(0.01, 1))
def test_square_crops_lie_in_the_frame(size, place, scale):
    box = square_crop(size, place, scale)
    check_box(box, size)
    assert box[2] - box[0] == box[3] - box[1]
    x0, _, x1, _ = square_crop(size, MIRRORED[place], scale)
    assert abs((size[0] - x1) - box[0]) <= (place == "centre")


def test_square_crops_at_their_places():
    found = {place: square_crop((320, 240), place, 0.5) for place in PLACES}
    assert found == {
        "centre": (100, 60, 220, 180),
        "top_left": (0, 0, 120, 120),
        "top_right": (200, 0, 320, 120),
        "bottom_left": (0, 120, 120, 240),
        "bottom_right": (200, 120, 320, 240),
    }
    assert square_crop((320, 240)) == (40, 0, 280, 240)


def test_what_cannot_be_cut_is_told():
    with pytest.raises(ShapeError, match="a place is one of centre, top_left"):
        square_crop((320, 240), "middle")
    with pytest.raises(ShapeError, match=r"in \(0, 1\]; found 1.5"):
        square_crop((320, 240), scale=1.5)
    with pytest.raises(ShapeError, match="a place is one of"):
        Growth("left")
    with pytest.raises(ShapeError, match="grows by 0 or more"):
        Growth("centre", -1, 5)
    with pytest.raises(ShapeError, match="grows by 0 or more"):
        Growth("centre", 5, np.nan)


def test_carried_joints_are_scaled_and_the_missing_stay_missing():
    pixels = np.array([[10, 20], [30, 60], [np.nan, np.nan], [0, 0]])
    carried = carry_joints(pixels, (10, 20, 30, 60), (100, 100))
    np.testing.assert_allclose(carried, [[0, 0], [100, 100], [np.nan] * 2, [-50, -50]])
