import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats import parse_arrays_csv, parse_arrays_npz, read_arrays_npz, write_arrays_npz
from gesta.skeleton import Layout, get_layout

ARM = Layout("arm", ("shoulder", "elbow", "hand"), ((1, 0), (2, 1)), 0, (0,))


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@st.composite
def clips(draw) -> Clip:
    channels = draw(st.sampled_from([2, 3]))
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 4)), 17, channels)
    numbers = st.floats(-1e6, 1e6, width=32)
    coords = draw(arrays(np.float32, shape, elements=numbers))
    coords[draw(arrays(bool, shape[:3]))] = np.nan
    confidence = arrays(np.float32, shape[:3], elements=st.floats(0, 1, width=32))
    pixels = arrays(np.float32, (*shape[:3], 2), elements=numbers)
    return Clip(
        coords,
        get_layout("coco_17"),
        ("x", "y", "z")[:channels],
        draw(st.sampled_from(["camera_metres", "pixels", "unit_frame"])),
        confidence=draw(st.none() | confidence),
        pixels=draw(st.none() | pixels),
        frame_rate=draw(st.none() | st.floats(1, 240)),
        frame_size=draw(st.none() | st.just((640, 480))),
        id="a",
    )


@settings(max_examples=30)
@given(clips())
def test_what_is_written_is_read_back(tmp_path_factory, clip):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    write_arrays_npz(path, clip)
    read = read_arrays_npz(path)
    for name in ("coords", "confidence", "pixels"):
        np.testing.assert_array_equal(getattr(clip, name), getattr(read, name))
    kept = ("id", "layout", "channels", "space", "frame_rate", "frame_size")
    assert [getattr(clip, name) for name in kept] == [getattr(read, name) for name in kept]


def test_one_person_may_go_without_an_axis():
    clip = parse_arrays_npz(
        npz(coords=np.ones((4, 3, 2)), confidence=np.ones((4, 3))), "x/a.npz", ARM
    )
    assert clip.coords.shape == (1, 4, 3, 2) and clip.confidence.shape == (1, 4, 3)
    assert (clip.id, clip.space, clip.channels) == ("a", "pixels", ("x", "y"))


def test_a_joint_is_missing_as_a_whole():
    coords = np.ones((1, 2, 3, 3))
    coords[0, 1, 2, 0] = np.nan
    clip = parse_arrays_npz(npz(coords=coords), "a.npz", ARM)
    assert np.isnan(clip.coords[0, 1, 2]).all() and np.isnan(clip.coords).sum() == 3


GOOD = np.ones((1, 4, 3, 3))
INFINITE = GOOD.copy()
INFINITE[0, 2, 1, 0] = np.inf
BAD = {
    "empty": (b"", "nothing (0 bytes)"),
    "no npz": (b"hello", "npz"),
    "cut off": (npz(coords=GOOD)[:-60], "npz"),
    "no coords": (npz(poses=GOOD), "poses"),
    "an array more": (npz(coords=GOOD, score=GOOD), "score"),
    "two axes": (npz(coords=GOOD[0, 0]), "(3, 3)"),
    "other joints": (npz(coords=np.ones((1, 4, 5, 3))), "(M, T, 3, 2 or 3)"),
    "no frames": (npz(coords=np.ones((1, 0, 3, 3))), "at least one frame"),
    "words": (npz(coords=np.array(["a"])), "numbers"),
    "objects": (npz(coords=np.array([{}], dtype=object)), "plain arrays"),
    "infinite": (npz(coords=INFINITE), "coords: person 0, frame 2, joint 1"),
    "other confidence": (npz(coords=GOOD, confidence=np.ones((1, 4, 2))), "'confidence'"),
    "high confidence": (npz(coords=GOOD, confidence=np.full((1, 4, 3), 2)), "[0, 1]"),
    "NaN confidence": (npz(coords=GOOD, confidence=np.full((1, 4, 3), np.nan)), "confidence"),
    "other pixels": (npz(coords=GOOD, pixels=np.ones((1, 3, 3, 2))), "'pixels'"),
    "no rate": (npz(coords=GOOD, frame_rate=0), "'frame_rate'"),
    "rates": (npz(coords=GOOD, frame_rate=[1, 2]), "'frame_rate'"),
    "no size": (npz(coords=GOOD, frame_size=[0, 5]), "'frame_size'"),
    "no space": (npz(coords=GOOD, space="moon"), "'moon'"),
    "spaces": (npz(coords=GOOD, space=["pixels"]), "one word"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_an_npz_is_said(data, said):
    with pytest.raises(FormatError) as caught:
        parse_arrays_npz(data, "a.npz", ARM)
    assert "a.npz" in str(caught.value) and said in str(caught.value)


def test_a_layout_is_needed():
    with pytest.raises(FormatError, match="--layout"):
        parse_arrays_npz(npz(coords=GOOD), "a.npz")
    with pytest.raises(FormatError, match="--layout"):
        parse_arrays_csv(b"frame,joint,x,y\n0,0,1,2\n", "a.csv")


def long_form(clip: Clip, by_name: bool) -> bytes:
    lines = ["frame,person,joint," + ",".join(clip.channels) + ",confidence"]
    for (m, t, v), score in np.ndenumerate(clip.confidence):
        values = clip.coords[m, t, v]
        if np.isnan(values).any():
            continue
        joint = clip.layout.joints[v] if by_name else str(v)
        cells = [str(t), f"p{m}", joint, *(repr(float(x)) for x in values), repr(float(score))]
        lines.append(",".join(cells))
    return "\n".join(lines).encode()


def wide_form(clip: Clip) -> bytes:
    columns = [*clip.channels, "confidence"]
    names = [f"{joint}_{column}" for joint in clip.layout.joints for column in columns]
    lines = [",".join(["frame", "person", *names])]
    for m in range(clip.persons):
        for t in range(clip.frames):
            values = np.concatenate([clip.coords[m, t], clip.confidence[m, t, :, None]], axis=1)
            cells = ["" if np.isnan(x) else repr(float(x)) for x in values.ravel()]
            lines.append(",".join([str(t), f"p{m}", *cells]))
    return "\n".join(lines).encode()


@st.composite
def whole_clips(draw) -> Clip:
    """Clips whose every person is in the first and the last frame, so that CSV shows them all."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 4)), 3, draw(st.sampled_from([2, 3])))
    coords = draw(arrays(np.float32, shape, elements=st.floats(-1e6, 1e6, width=32)))
    gone = draw(arrays(bool, shape[:3]))
    gone[:, [0, -1]] = False
    coords[gone] = np.nan
    confidence = draw(arrays(np.float32, shape[:3], elements=st.floats(0, 1, width=32)))
    confidence[gone] = 0
    space = "camera_metres" if shape[-1] == 3 else "pixels"
    return Clip(coords, ARM, ("x", "y", "z")[: shape[-1]], space, confidence=confidence, id="a")


@settings(max_examples=40)
@given(whole_clips(), st.booleans())
def test_both_forms_of_csv_come_back(clip, by_name):
    for data in (long_form(clip, by_name), wide_form(clip)):
        read = parse_arrays_csv(data, "x/a.csv", ARM)
        np.testing.assert_array_equal(read.coords, clip.coords)
        np.testing.assert_array_equal(read.confidence, clip.confidence)
        assert (read.id, read.space, read.channels) == ("a", clip.space, clip.channels)


def test_frames_left_out_are_missing_and_the_first_is_taken_off():
    data = b"frame, joint, x, y\r\n10,hand,1,2\r\n\r\n12,hand,3,4\r\n"
    clip = parse_arrays_csv(data, "a.csv", ARM)
    assert clip.coords.shape == (1, 3, 3, 2) and clip.confidence is None
    assert clip.coords[0, [0, 2], 2].tolist() == [[1, 2], [3, 4]]
    assert np.isnan(clip.coords[0, 1]).all()


CSV = b"frame,joint,x,y\n0,hand,1,2\n1,hand,1,2\n"
BAD_CSV = {
    "empty": (b"", "nothing (0 bytes)"),
    "binary": (b"\xff\x00\xfe", "binary data"),
    "no rows": (b"frame,joint,x,y\n", "line 2"),
    "no y": (b"frame,joint,x\n0,hand,1\n", "line 1"),
    "no frame": (b"joint,x,y\nhand,1,2\n", "line 1"),
    "a column more": (b"frame,joint,x,y,speed\n0,hand,1,2,3\n", "line 1"),
    "a column twice": (b"frame,joint,x,y,x\n0,hand,1,2,1\n", "line 1"),
    "unknown joint": (CSV.replace(b"1,hand", b"1,tail"), "line 3, column joint"),
    "joint 3": (CSV.replace(b"1,hand", b"1,3"), "0 to 2, found '3'"),
    "a cell less": (CSV[:-3], "line 3: expected 4 cells, found 3"),
    "a word": (CSV.replace(b"1,2\n1", b"1,two\n1"), "line 2, column y"),
    "infinite": (CSV.replace(b"1,2\n1", b"1,inf\n1"), "line 2, column y"),
    "too large": (CSV.replace(b"1,2\n1", b"1,1e39\n1"), "line 2, column y"),
    "frame 0.5": (CSV.replace(b"1,hand", b"0.5,hand"), "line 3, column frame"),
    "a joint twice": (CSV.replace(b"1,hand", b"0,hand"), "line 3: expected each joint once"),
    "far apart": (CSV.replace(b"1,hand", b"999999999,hand"), "column frame"),
    "wide, other joint": (b"frame,tail_x,tail_y\n0,1,2\n", "'tail_x'"),
    "wide, no y": (b"frame,hand_x\n0,1\n", "line 1"),
    "high confidence": (b"frame,joint,x,y,confidence\n0,0,1,2,3\n", "[0, 1]"),
    "an endless cell": (b'frame,joint,x,y\n0,hand,1,"2\n' + b"x" * 200_000, "field limit"),
}


@pytest.mark.parametrize(("data", "said"), BAD_CSV.values(), ids=BAD_CSV)
def test_what_is_wrong_with_a_csv_is_said(data, said):
    with pytest.raises(FormatError) as caught:
        parse_arrays_csv(data, "a.csv", ARM)
    assert "a.csv" in str(caught.value) and said in str(caught.value)


def test_a_member_of_the_npz_that_is_no_array():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("coords", b"no array")
    with pytest.raises(FormatError, match="member 'coords'"):
        parse_arrays_npz(file.getvalue(), "x.npz", "coco_17")
