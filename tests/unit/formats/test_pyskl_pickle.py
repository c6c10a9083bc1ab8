import io
import os
import pickle
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats import parse_annotations, parse_pyskl, read_pyskl, write_pyskl
from gesta.skeleton import get_layout

COCO, KINECT = get_layout("coco_17"), get_layout("kinect_v2_25")


def annotation(**changes) -> dict:
    entry = {
        "frame_dir": "clip_1",
        "total_frames": 3,
        "img_shape": (1080, 1920),
        "original_shape": (1080, 1920),
        "label": 5,
        "keypoint": np.full((2, 3, 17, 2), 100, np.float16),
        "keypoint_score": np.full((2, 3, 17), 0.5, np.float16),
    }
    return {key: value for key, value in {**entry, **changes}.items() if value is not None}


def bare(*entries, protocol: int = 4) -> bytes:
    return pickle.dumps(list(entries), protocol=protocol)


@st.composite
def clips(draw) -> Clip:
    flat = draw(st.booleans())
    layout = COCO if flat else KINECT
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 4)), len(layout), 2 if flat else 3)
    numbers = st.floats(0.125, 1024, width=32)
    coords = draw(arrays(np.float32, shape, elements=numbers))
    gone = draw(arrays(bool, shape[:3]))
    coords[gone] = np.nan
    confidence = draw(arrays(np.float32, shape[:3], elements=st.floats(0.125, 1, width=32)))
    return Clip(
        coords,
        layout,
        ("x", "y") if flat else ("x", "y", "z"),
        "pixels" if flat else "camera_metres",
        confidence=np.where(gone, np.float32(0), confidence) if flat else None,
        frame_size=(640, 480) if flat else None,
        id=draw(st.text(min_size=1, max_size=8)),
        label=draw(st.none() | st.integers(0, 200)),
    )


@settings(max_examples=25)
@given(st.lists(clips(), min_size=1, max_size=2))
def test_what_is_written_is_read_back(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("pyskl") / "a.pkl"
    splits = {"xsub_train": [written[0].id], "xsub_val": [clip.id for clip in written]}
    write_pyskl(path, written, splits)
    read = read_pyskl(path)
    for one, other in zip(written, read, strict=True):
        np.testing.assert_array_equal(one.coords, other.coords)
        np.testing.assert_array_equal(one.confidence, other.confidence)
        kept = ("id", "label", "layout", "channels", "space", "frame_size")
        assert [getattr(one, name) for name in kept] == [getattr(other, name) for name in kept]
    found = parse_annotations(path.read_bytes(), "a.pkl").splits
    assert found == {name: tuple(ids) for name, ids in splits.items()}


def test_half_precision_on_request(tmp_path):
    clip = Clip(np.full((1, 2, 17, 2), 2049, np.float32), COCO, ("x", "y"), "pixels",
                frame_size=(4000, 3000), id="a")  # fmt: skip
    write_pyskl(tmp_path / "a.pkl", [clip], half=True)
    entry = pickle.loads((tmp_path / "a.pkl").read_bytes())["annotations"][0]
    assert entry["keypoint"].dtype == np.float16 and entry["img_shape"] == (3000, 4000)
    assert read_pyskl(tmp_path / "a.pkl")[0].coords.max() == 2048


def test_unit_frame_is_written_as_pixels(tmp_path):
    coords = np.full((1, 2, 17, 2), 0.5, np.float32)
    clip = Clip(coords, COCO, ("x", "y"), "unit_frame", frame_size=(640, 480), id="a")
    write_pyskl(tmp_path / "a.pkl", [clip])
    read = read_pyskl(tmp_path / "a.pkl")[0]
    assert read.space == "pixels" and (read.coords == [320, 240]).all()
    assert (read.confidence == 1).all()


def test_writing_needs_the_size_of_the_frame_and_leaves_nothing_behind(tmp_path):
    clip = Clip(np.ones((1, 2, 17, 2), np.float32), COCO, ("x", "y"), "pixels", id="a")
    with pytest.raises(FormatError, match="clip 'a': expected frame_size"):
        write_pyskl(tmp_path / "a.pkl", [clip])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol_and_a_bare_list(protocol):
    clip = parse_pyskl(bare(annotation(label=np.int64(5)), protocol=protocol), "a.pkl")[0]
    assert (clip.id, clip.label, clip.layout.name) == ("clip_1", 5, "coco_17")
    assert clip.frame_size == (1920, 1080) and clip.coords.dtype == np.float32
    assert (clip.confidence == 0.5).all()


@pytest.mark.parametrize("package", [b"numpy.core.", b"numpy._core."])
def test_files_of_numpy_1_and_2(package):
    data = bare(annotation(label=np.int64(3)), protocol=2)
    here = b"numpy._core." if b"numpy._core." in data else b"numpy.core."
    # In protocol 2 names of modules are lines, so that another length does no harm.
    assert parse_pyskl(data.replace(here, package), "a.pkl")[0].label == 3


def test_absent_joints_are_zeros_without_a_score():
    keypoint = np.full((2, 3, 17, 2), 100, np.float16)
    score = np.full((2, 3, 17), 0.5, np.float16)
    keypoint[1] = score[1] = 0
    keypoint[0, 0, 3] = 0  # in the corner, but seen
    clip = parse_pyskl(bare(annotation(keypoint=keypoint, keypoint_score=score)), "a.pkl")[0]
    assert np.isnan(clip.coords[1]).all() and not np.isnan(clip.coords[0]).any()


def test_scores_above_one_count_as_one():
    score = np.full((2, 3, 17), 1.125, np.float16)
    clip = parse_pyskl(bare(annotation(keypoint_score=score)), "a.pkl")[0]
    assert (clip.confidence == 1).all()


def test_three_dimensions_are_metres():
    keypoint = np.full((1, 3, 25, 3), 0.5, np.float16)
    keypoint[0, 1, 4] = 0
    entry = annotation(keypoint=keypoint, keypoint_score=None, img_shape=None)
    clip = parse_pyskl(bare(entry), "a.pkl")[0]
    assert clip.layout.name == "kinect_v2_25" and clip.space == "camera_metres"
    assert clip.confidence is None and clip.frame_size is None
    assert np.argwhere(np.isnan(clip.coords[..., 0])).tolist() == [[0, 1, 4]]


def test_fifteen_joints_need_a_layout():
    entry = annotation(keypoint=np.ones((1, 3, 15, 2)), keypoint_score=None)
    with pytest.raises(FormatError, match="say which layout"):
        parse_pyskl(bare(entry), "a.pkl")
    assert parse_pyskl(bare(entry), "a.pkl", "jhmdb_15")[0].layout.name == "jhmdb_15"


class Runs:
    """Pickled, it asks for a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_runs_no_code(tmp_path, protocol):
    mark = tmp_path / "ran"
    attacks = {
        "posix.mkdir": Runs(os.mkdir, str(mark)),
        "builtins.eval": Runs(eval, f"__import__('os').mkdir({str(mark)!r})"),
        "builtins.getattr": Runs(getattr, 1, "real"),
    }
    for named, attack in attacks.items():
        data = pickle.dumps([annotation(label=attack)], protocol=protocol)
        with pytest.raises(FormatError, match="was not run") as caught:
            parse_pyskl(data, "a.pkl")
        # Protocols up to 2 call builtins by their name in Python 2.
        assert named.rpartition(".")[2] in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    "admitted", [b"numpy.core.multiarray\n_reconstruct", b"numpy\nndarray", b"_codecs\nencode"]
)
def test_admitted_names_lead_no_further(tmp_path, admitted):
    # A dotted name would reach what the module imports, if it were looked up.
    dotted = admitted.replace(b"\n", b"\nsys.modules.")
    for name in (dotted, admitted + b".__globals__"):
        with pytest.raises(FormatError):
            parse_pyskl(b"\x80\x04c" + name + b"\n.", "a.pkl")


OTHERS = {
    "Fraction": Fraction(1, 2),
    "Counter": Counter(),
    "BytesIO": io.BytesIO(b"1"),
    "ValueError": ValueError,
}


@pytest.mark.parametrize(("named", "value"), OTHERS.items(), ids=OTHERS)
def test_other_classes_are_refused_by_name(named, value):
    with pytest.raises(FormatError, match=named):
        parse_pyskl(bare(annotation(label=value)), "a.pkl")


def test_codecs_encode_is_for_bytes_only():
    data = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R."
    with pytest.raises(FormatError, match="rot13"):
        parse_pyskl(data, "a.pkl")


LIST = np.ones((1, 3, 17, 2)).tolist()
NANS, INFINITE = np.full((1, 3, 17, 2), np.nan), np.full((1, 3, 17, 2), np.inf)
BAD = {
    "empty": (b"", "nothing (0 bytes)"),
    "no pickle": (b"hello", "damage"),
    "cut off": (bare(annotation())[:-20], "damage"),
    "no annotations": (pickle.dumps({"split": {}}), "annotations"),
    "an empty list": (bare(), "list of 0"),
    "a number": (pickle.dumps(3), "int"),
    "split is a list": (pickle.dumps({"split": [], "annotations": [annotation()]}), "'split'"),
    "split of a number": (pickle.dumps({"split": {"a": 3}, "annotations": [1]}), "split 'a'"),
    "no dict": (bare(annotation(), 7), "annotation 1"),
    "no name": (bare(annotation(frame_dir=None)), "frame_dir"),
    "keypoints in a list": (bare(annotation(keypoint=LIST)), "an array of numbers"),
    "three axes": (bare(annotation(keypoint=np.ones((3, 17, 2)))), "(3, 17, 2)"),
    "four channels": (bare(annotation(keypoint=np.ones((1, 3, 17, 4)))), "(1, 3, 17, 4)"),
    "other frames": (bare(annotation(total_frames=4)), "4 frames (total_frames)"),
    "NaN": (bare(annotation(keypoint=NANS)), "clip_1"),
    "infinite": (bare(annotation(keypoint=INFINITE)), "finite numbers, found inf"),
    "other scores": (bare(annotation(keypoint_score=np.ones((1, 3, 17)))), "keypoint_score"),
    "26 joints": (
        bare(annotation(keypoint=np.ones((2, 3, 26, 2)), keypoint_score=None)),
        "found 26",
    ),
    "negative label": (bare(annotation(label=-2)), "label: expected a class index"),
    "label in words": (bare(annotation(label="wave")), "'wave'"),
    "odd frame": (bare(annotation(img_shape=(1080,))), "img_shape"),
    "no frame": (bare(annotation(img_shape=(0, 5))), "img_shape"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said(data, said):
    with pytest.raises(FormatError) as caught:
        parse_pyskl(data, "a.pkl")
    assert "a.pkl" in str(caught.value) and said in str(caught.value)
