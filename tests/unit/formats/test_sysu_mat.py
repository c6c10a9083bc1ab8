"""SYSU `sklWorld.mat` files: what is read and what is refused."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import savemat

from gesta.errors import FormatError
from gesta.formats.sysu_mat import parse_sysu_mat, read_sysu_mat

NAME = "3DvideoNorm/subject07/video3/sklWorld.mat"

SKELETON = np.random.default_rng(0).normal(size=(20, 3, 5))


def mat(key="SW", value=SKELETON, **options):
    file = BytesIO()
    savemat(file, {key: value}, **options)
    return file.getvalue()


FINE = mat()


@given(
    arrays(
        np.float64,
        st.tuples(st.just(20), st.just(3), st.integers(1, 4)),
        elements=st.floats(0.5, 8),
    ),
    st.booleans(),
)
def test_the_joints_come_back_as_they_were_written(values, compressed):
    clip = parse_sysu_mat(mat(value=values, do_compression=compressed), NAME)
    np.testing.assert_array_equal(clip.coords[0], values.transpose(2, 0, 1).astype(np.float32))


def test_its_name_says_subject_and_class():
    clip = parse_sysu_mat(FINE, NAME)
    assert (clip.id, clip.subject, clip.label) == ("subject07_video3", "subject07", 2)
    assert clip.layout.name == "kinect_v1_20" and clip.space == "camera_metres"
    assert parse_sysu_mat(FINE, "mine.mat").label is None


def test_reading_a_file_is_parsing_its_bytes(tmp_path):
    (tmp_path / "sklWorld.mat").write_bytes(FINE)
    clip = read_sysu_mat(tmp_path / "sklWorld.mat")
    np.testing.assert_array_equal(clip.coords, parse_sysu_mat(FINE, NAME).coords)


def test_joints_at_zero_are_missing():
    values = SKELETON.copy()
    values[4, :, 2] = 0
    clip = parse_sysu_mat(mat(value=values), NAME)
    assert np.isnan(clip.coords[0, 2, 4]).all() and np.isnan(clip.coords).sum() == 3
    assert parse_sysu_mat(mat(value=np.zeros((20, 3, 4))), NAME).coords.shape == (0, 4, 20, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "MATLAB file"),
        (b"no matlab file, but long enough to be taken for one" * 20, "MATLAB file"),
        (mat(key="other"), "the key 'SW'"),
        (mat(value=np.zeros((3, 20, 5))), r"shape \(20, 3, T\), found shape \(3, 20, 5\)"),
        (mat(value=np.zeros((20, 3, 0))), "expected an array"),
        (mat(value="text"), "numbers, found text"),
        (mat(value=np.full((20, 3, 2), np.nan)), "finite numbers, found nan"),
        (mat(value=np.full((20, 3, 2), np.inf)), "finite numbers, found inf"),
        (mat(value=np.full((20, 3, 2), 1e300)), "finite numbers, found 1e"),
    ],
)
def test_what_is_no_such_file_is_told(data, message):
    with pytest.raises(FormatError, match=message):
        parse_sysu_mat(data, NAME)


@pytest.mark.parametrize("video", ["video0", "video13"])
def test_a_video_that_there_is_not_is_an_error(video):
    with pytest.raises(FormatError, match="video1 to video12"):
        parse_sysu_mat(FINE, f"a/{video}/sklWorld.mat")


@given(st.integers(0, len(FINE) - 1))
def test_a_file_cut_anywhere_is_told_or_whole(stop):
    try:
        clip = parse_sysu_mat(FINE[:stop], NAME)
    except FormatError:
        return
    np.testing.assert_array_equal(clip.coords, parse_sysu_mat(FINE, NAME).coords)


@given(st.integers(0, len(FINE) - 1), st.binary(min_size=1, max_size=8))
def test_damage_in_the_middle_is_told_or_harmless(place, junk):
    try:
        parse_sysu_mat(FINE[:place] + junk + FINE[place + len(junk) :], NAME)
    except FormatError as error:
        assert str(error).startswith(NAME)
