"""UESTC text and MATLAB skeletons: what is read and what is refused."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from gesta.errors import FormatError
from gesta.formats.uestc import parse_uestc_mat, parse_uestc_text, read_uestc_mat, read_uestc_text

NAME = "skeleton/a12_d3_p045_c2_skeleton.txt"


def motion(frames, seed=0):
    """(T, 25, 5) positions and colour pixels."""
    random = np.random.default_rng(seed)
    return random.uniform(size=(frames, 25, 5)) * (1, 1, 1, 900, 500) + (0, 0, 2, 10, 10)


def text(values, end="\n"):
    lines = []
    for frame in values.tolist():
        lines.append("#")
        for x, y, z, u, v in frame:
            lines += [f"{x!r} {y!r} {z!r} 0", f"{u!r} {v!r} 1", "100.5 99.5 2"]
    return (end.join(lines) + end).encode()


def mat(values, key="skel"):
    file = BytesIO()
    savemat(file, {key: values})
    return file.getvalue()


VALUES = motion(2)
FINE = text(VALUES)
FINE_MAT = mat(VALUES[..., :3])


@given(st.integers(1, 3), st.integers(0, 99), st.sampled_from(["\n", "\r\n"]))
def test_the_joints_come_back_as_they_were_written(frames, seed, end):
    values = motion(frames, seed)
    clip = parse_uestc_text(text(values, end), NAME)
    np.testing.assert_array_equal(clip.coords[0], values[..., :3].astype(np.float32))
    np.testing.assert_array_equal(clip.pixels[0], values[..., 3:].astype(np.float32))
    same = parse_uestc_mat(mat(values[..., :3]), NAME)
    np.testing.assert_array_equal(same.coords, clip.coords)
    assert same.pixels is None


def test_reading_a_file_is_parsing_its_bytes(tmp_path):
    for data, name, read, parse in (
        (FINE, "a.txt", read_uestc_text, parse_uestc_text),
        (FINE_MAT, "a.mat", read_uestc_mat, parse_uestc_mat),
    ):
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(read(tmp_path / name).coords, parse(data, NAME).coords)


@pytest.mark.parametrize(
    ("name", "viewpoint"),
    [
        ("a12_d3_p045_c1_skeleton.txt", 0),
        ("a12_d3_p045_c2_skeleton.txt", 3),
        ("a12_d7_p045_c2.mat", 7),
        ("a12_d8_p045_c1_skeleton.txt", 8),
        ("a12_d8_p045_c2_skeleton.txt", 8),
    ],
)
def test_its_name_says_how_it_was_recorded(name, viewpoint):
    clip = parse_uestc_text(FINE, f"skeleton/{name}")
    assert (clip.label, clip.subject, clip.setup) == (12, "45", viewpoint)
    assert clip.camera == int(name[13]) and clip.id == name[:14]
    assert clip.frame_size == (960, 540) and clip.layout.name == "kinect_v2_25"


def test_an_action_that_there_is_not_is_an_error():
    with pytest.raises(FormatError, match="a0 to a39, found a40"):
        parse_uestc_text(FINE, "a40_d3_p045_c2_skeleton.txt")


def test_joints_at_zero_are_missing_with_their_pixels():
    values = motion(2)
    values[1, 4, :3] = 0
    clip = parse_uestc_text(text(values), NAME)
    assert np.isnan(clip.coords[0, 1, 4]).all() and np.isnan(clip.pixels[0, 1, 4]).all()
    assert np.isnan(clip.coords).sum() == 3
    values[..., :3] = 0
    assert parse_uestc_text(text(values), NAME).coords.shape == (0, 2, 25, 3)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_pixel_that_the_colour_camera_does_not_see_is_missing(value):
    lines = FINE.decode().split("\n")
    lines[2] = f"{value} 3 1"
    clip = parse_uestc_text("\n".join(lines).encode(), NAME)
    assert np.isnan(clip.pixels[0, 0, 0]).all() and np.isnan(clip.pixels).sum() == 2
    assert np.isfinite(clip.coords).all()


def with_line(number, line):
    lines = FINE.decode().split("\n")
    lines[number - 1] = line
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "line 1"),
        (b"\n \n", "line 1"),
        (b"1 2 3 0\n", "line 1"),
        (b"\x89PNG", "line 1"),
        (FINE + b"#\n", "line 154"),
        (FINE + b"rest\n", "line 153"),
        (with_line(1, "%"), "line 1"),
        (with_line(77, "1 2 3 0"), "line 77"),
        (with_line(2, "1 2 3"), "line 2"),
        (with_line(2, "1 2 3 1"), "line 2"),
        (with_line(79, "1 2 3 4 1"), "line 79"),
        (with_line(79, "1 b 1"), "line 79"),
        (with_line(80, ""), "line 80"),
        (with_line(78, "1 nan 2 0"), "line 78"),
        (with_line(78, "1 -inf 2 0"), "line 78"),
        (with_line(78, "1 1e30 2 0"), "line 78"),
    ],
)
def test_what_is_no_such_file_is_named_with_its_line(data, place):
    with pytest.raises(FormatError) as caught:
        parse_uestc_text(data, NAME)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "MATLAB file"),
        (mat(VALUES, "other"), "the key 'skel'"),
        (mat(VALUES), r"shape \(T, 25, 3\)"),
        (mat(VALUES[..., :3] * np.nan), "finite numbers"),
    ],
)
def test_what_is_no_such_matlab_file_is_told(data, message):
    with pytest.raises(FormatError, match=message):
        parse_uestc_mat(data, NAME)


@given(st.integers(0, len(FINE) - 1))
def test_a_text_cut_anywhere_is_told_or_fewer_frames(stop):
    try:
        clip = parse_uestc_text(FINE[:stop], NAME)
    except FormatError:
        return
    # The format does not say how many frames there are: whole ones are a valid file.
    assert np.array_equal(clip.coords[0], VALUES[: clip.frames, :, :3].astype(np.float32))


@given(st.integers(0, len(FINE) - 1), st.binary(min_size=1, max_size=3))
def test_damage_in_the_middle_is_told_or_harmless(place, junk):
    try:
        parse_uestc_text(FINE[:place] + junk + FINE[place + len(junk) :], NAME)
    except FormatError as error:
        assert str(error).startswith(NAME)


@given(st.integers(0, len(FINE_MAT) - 1))
def test_a_matlab_file_cut_anywhere_is_told(stop):
    with pytest.raises(FormatError):
        parse_uestc_mat(FINE_MAT[:stop], NAME)
