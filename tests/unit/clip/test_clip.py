"""The Clip's checks and the pure operations on it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gesta.clip import (
    Clip,
    VideoReference,
    fill_missing,
    keep_persons,
    map_to_layout,
    motion_of_persons,
    presence,
    trim,
)
from gesta.errors import ShapeError
from gesta.skeleton import get_layout

COCO = get_layout("coco_17")


def make(persons=2, frames=5, **fields):
    rng = np.random.default_rng(1)
    coords = rng.normal(size=(persons, frames, 17, 2)).astype(np.float32)
    defaults = {"channels": ("x", "y"), "space": "pixels", "id": "wave_1"}
    return Clip(coords, COCO, **(defaults | fields))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"coords": np.zeros((1, 2, 16, 2), np.float32)}, "V=17"),
        ({"coords": np.zeros((2, 5, 17, 2))}, "float32"),
        ({"coords": np.full((2, 5, 17, 2), np.inf, np.float32)}, "infinity"),
        ({"channels": ("y", "x")}, "channels"),
        ({"space": "inches"}, "space"),
        ({"confidence": np.full((2, 5, 17), 1.5, np.float32)}, r"\[0, 1\]"),
        ({"confidence": np.full((2, 5, 17), np.nan, np.float32)}, r"\[0, 1\]"),
        ({"pixels": np.zeros((2, 4, 17, 2), np.float32)}, "T=5"),
        ({"video": VideoReference("a.mp4", np.zeros(4))}, "T=5"),
        ({"label": -1}, "label"),
        ({"frame_rate": 0.0}, "frame_rate"),
    ],
)
def test_bad_fields_are_named(changes, problem):
    with pytest.raises(ShapeError, match=problem):
        make().replace(**changes)


def test_half_a_joint_is_an_error():
    coords = make().coords.copy()
    coords[0, 0, 3, 1] = np.nan
    with pytest.raises(ShapeError, match="all of its channels"):
        make().replace(coords=coords)


@pytest.mark.parametrize(("persons", "frames"), [(0, 0), (0, 7), (1, 1)])
def test_clips_that_show_little(persons, frames):
    clip = make(persons, frames)
    assert presence(clip).shape == (persons, frames)
    assert fill_missing(clip.coords).shape == clip.coords.shape
    assert motion_of_persons(clip).shape == (persons,)
    assert map_to_layout(clip, get_layout("jhmdb_15")).coords.shape == (persons, frames, 15, 2)


def test_trim_takes_everything_along():
    clip = make(
        confidence=np.linspace(0, 1, 170, dtype=np.float32).reshape(2, 5, 17),
        pixels=np.zeros((2, 5, 17, 2), np.float32),
        video=VideoReference("a.mp4", np.arange(5) / 30),
    )
    part = trim(clip, 1, 4)
    assert part.frames == part.pixels.shape[1] == part.confidence.shape[1] == 3
    np.testing.assert_array_equal(part.video.times, np.array([1, 2, 3]) / 30)
    assert clip.frames == 5


def test_motion_tells_actor_from_bystander():
    coords = np.zeros((2, 4, 17, 2), np.float32)
    coords[1, :, :, 0] = np.array([0, 1, 0, 1])[:, None]
    coords[0, 2] = np.nan
    clip = make().replace(coords=np.ascontiguousarray(coords[:, :4]))
    np.testing.assert_allclose(motion_of_persons(clip), [0, 0.5])
    actor = keep_persons(clip, [1])
    np.testing.assert_array_equal(actor.coords[0], coords[1])


def test_mapping_takes_the_lowest_confidence():
    confidence = np.ones((2, 5, 17), np.float32)
    confidence[..., COCO.index("left_hip")] = 0.25
    clip = map_to_layout(make(confidence=confidence), get_layout("kinect_v1_20"))
    hip_centre = clip.layout.index("hip_centre")
    np.testing.assert_array_equal(clip.confidence[..., hip_centre], 0.25)
    middle = make().coords[..., [11, 12], :].mean(-2)
    np.testing.assert_allclose(clip.coords[..., hip_centre, :], middle, rtol=1e-6)


def test_filling_is_linear_and_holds_the_ends():
    coords = np.full((1, 6, 17, 2), np.nan, np.float32)
    coords[0, 1], coords[0, 4] = 1, 4
    expected = np.array([1, 1, 2, 3, 4, 4], np.float32)
    filled = fill_missing(coords)
    np.testing.assert_allclose(filled, np.broadcast_to(expected[:, None, None], (1, 6, 17, 2)))
    coords[0, :, 5] = np.nan  # a joint that is never seen lies on the body
    np.testing.assert_allclose(fill_missing(coords), filled)


@given(
    hnp.arrays(np.float32, (2, 6, 17, 2), elements=st.floats(-100, 100, width=32)),
    hnp.arrays(np.bool_, (2, 6, 17)),
)
def test_filling_keeps_what_is_there(coords, gaps):
    holes = np.where(gaps[..., None], np.float32(np.nan), coords)
    filled = fill_missing(holes)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~gaps], coords[~gaps])
    low, high = filled.min(), filled.max()
    assert low >= min(coords.min(), 0) - 1e-3
    assert high <= max(coords.max(), 0) + 1e-3
