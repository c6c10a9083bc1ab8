import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gesta.errors import FormatError
from gesta.formats import parse_sbu_txt

NAME = "SBU/s01s02/08/001/skeleton_pos.txt"


def text(raw: np.ndarray, first: int = 55) -> bytes:
    """The file of (T, 2, 15, 3) normalised numbers."""
    lines = (
        ",".join([str(first + i), *(repr(float(value)) for value in frame.ravel())])
        for i, frame in enumerate(raw)
    )
    return "\r\n".join(lines).encode() + b"\r\n"


SHAPE = st.tuples(st.integers(1, 4), st.just(2), st.just(15), st.just(3))


@given(arrays(np.float64, SHAPE, elements=st.floats(0.125, 2, width=32)))
def test_numbers_become_metres(raw):
    clip = parse_sbu_txt(text(raw), NAME)
    x, y, z = np.moveaxis(raw, -1, 0)
    millimetres = np.stack([1280 - 2560 * x, 960 - 1920 * y, z * 10000 / 7.8125], axis=-1)
    expected = millimetres.transpose(1, 0, 2, 3) / 1000
    np.testing.assert_allclose(clip.coords, expected, rtol=1e-5, atol=1e-6)


def test_path_says_class_pair_and_repetition():
    clip = parse_sbu_txt(text(np.ones((2, 2, 15, 3))), NAME)
    assert (clip.id, clip.label, clip.source) == ("s01s02/08/001", 7, "s01s02")
    assert (clip.subject, clip.replication, clip.frame_rate) == (None, 1, 15)
    assert parse_sbu_txt(text(np.ones((1, 2, 15, 3))), "mine.txt").label is None


def test_zero_joints_are_missing_and_not_moved():
    raw = np.ones((3, 2, 15, 3))
    raw[1, 1, 4] = 0
    clip = parse_sbu_txt(text(raw), NAME)
    assert np.argwhere(np.isnan(clip.coords[..., 0])).tolist() == [[1, 1, 4]]


GOOD = text(np.ones((3, 2, 15, 3))).decode()
LINES = GOOD.split("\r\n")
BAD = {
    "empty": (b"", NAME, "nothing (0 bytes)"),
    "blank": (b"\n\n", NAME, "nothing"),
    "binary": (b"\x00\xff\xfe", NAME, "binary data"),
    "cut off": (GOOD[:-30].encode(), NAME, "line 3: expected 91 numbers"),
    "a number more": ((LINES[0] + ",1").encode(), NAME, "line 1: expected 91 numbers, found 92"),
    "a word": (GOOD.replace("1.0", "one", 1).encode(), NAME, "line 1: expected numbers"),
    "NaN": (GOOD.replace("1.0", "nan", 1).encode(), NAME, "finite"),
    "infinite": (GOOD.replace("1.0", "1e999", 1).encode(), NAME, "finite"),
    "a gap": ("\n".join([LINES[0], LINES[2]]).encode(), NAME, "57 after 55"),
    "class 09": (GOOD.encode(), "s01s02/09/001/skeleton_pos.txt", "09"),
    "class 00": (GOOD.encode(), "s01s02/00/001/skeleton_pos.txt", "00"),
}


@pytest.mark.parametrize(("data", "name", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said(data, name, said):
    with pytest.raises(FormatError) as caught:
        parse_sbu_txt(data, name)
    assert name in str(caught.value) and said in str(caught.value)
