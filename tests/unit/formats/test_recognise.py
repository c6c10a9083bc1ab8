import io
import json
import pickle

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats import FORMATS, format_of, read_clip, read_clips


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def mat(**variables) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables)
    return file.getvalue()


def ntu_text(frames: int) -> bytes:
    body = [
        "72057594037931101 0 1 1 1 1 0 0.02 0.05 2",
        "25",
        *["0.25 0.5 3 1 2 3 4 0 0 0 1 2"] * 25,
    ]
    return "\n".join([str(frames), *["1", *body] * frames, ""]).encode()


def uestc_text() -> bytes:
    return "\n".join(["#", *["0.1 0.2 3 0", "400 200 1", "200 100 2"] * 25, ""]).encode()


def sbu_text() -> bytes:
    return ",".join(["7", *["0.5"] * 90]).encode()


POSE = {"pose": [0.5] * 36, "score": [0.5] * 18}
KINETICS = {"data": [{"frame_index": 1, "skeleton": [POSE]}], "label": "a", "label_index": 3}
UCLA = {"file_name": "a01_s01_e00_v01", "skeletons": [[[1, 2, 3]] * 20], "label": 1}
JHMDB = {
    "name": np.array(["wave/a_wave_0"]),
    "label": np.array([0]),
    "class_names": np.array(["wave"]),
    "split": np.ones((1, 3), np.int8),
    "offset": np.array([0, 2]),
    "blaze_ok": np.ones(2, bool),
    "blaze_img": np.full((2, 33, 4), 0.5, np.float16),
}
PYSKL = {"frame_dir": "a", "label": 0, "total_frames": 2, "keypoint": np.ones((1, 2, 25, 3))}

SAMPLES = {
    "NTU RGB+D .skeleton": ntu_text(2),
    "Kinetics-Skeleton .json (data)": json.dumps(KINETICS).encode(),
    "SYSU sklWorld.mat (SW)": mat(SW=np.ones((20, 3, 4))),
    "UESTC .txt": uestc_text(),
    "UESTC .mat (skel)": mat(skel=np.ones((4, 25, 3))),
    "UTD-MHAD .mat (d_skel)": mat(d_skel=np.ones((20, 3, 4))),
    "J-HMDB joint_positions.mat (pos_img)": mat(pos_img=np.ones((2, 15, 4))),
    "J-HMDB .npz (blaze_img)": npz(**JHMDB),
    "arrays .npz (coords)": npz(coords=np.ones((4, 17, 3)), layout="coco_17"),
    "PYSKL / MMAction2 pickle": pickle.dumps([PYSKL]),
    "NW-UCLA .json (file_name, skeletons)": json.dumps(UCLA).encode(),
    "SBU skeleton_pos.txt": sbu_text(),
    "arrays .csv (frame, joint, x, y or frame, <joint>_x, ...)": b"frame,joint,x,y\n0,nose,1,2\n",
}


def test_every_format_has_a_sample():
    assert list(SAMPLES) == [known.name for known in FORMATS]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_format_is_told_by_content_and_by_one_test_only(tmp_path, name):
    assert format_of(SAMPLES[name], "file").name == name
    path = tmp_path / "no_ending"
    path.write_bytes(SAMPLES[name])
    clip = read_clip(path, "coco_17" if name.startswith("arrays .csv") else None)
    assert isinstance(clip, Clip) and clip.persons > 0


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=20)
@given(draws=st.data())
def test_a_file_that_is_cut_off_or_damaged_gives_clips_or_says_why(name, draws):
    data = SAMPLES[name]
    parse = format_of(data, "a.file").parse
    if draws.draw(st.booleans(), "cut"):
        data = data[: draws.draw(st.integers(0, len(data) - 1), "length")]
    else:
        at = draws.draw(st.integers(0, len(data) - 1), "at")
        data = data[:at] + draws.draw(st.binary(min_size=1, max_size=8), "bytes") + data[at + 1 :]
    try:
        clips = parse(data, "a.file", "coco_17")
    except FormatError as error:
        assert "a.file" in str(error)
    else:
        assert all(isinstance(clip, Clip) for clip in clips)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(data):
    try:
        known = format_of(data, "a.file")
        known.parse(data, "a.file", "coco_17")
    except FormatError as error:
        assert "a.file" in str(error)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\0\1\2", b"{}", b"PK\3\4", b"MATLAB 5.0 MAT-file"]
)
def test_what_fits_nothing_gets_the_list_of_formats(tmp_path, data):
    path = tmp_path / "a.file"
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        read_clip(path)
    assert all(known.name in str(caught.value) for known in FORMATS)


def test_a_file_of_many_clips_needs_read_clips(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([PYSKL, {**PYSKL, "frame_dir": "b"}]))
    with pytest.raises(FormatError, match="found 2; use read_clips"):
        read_clip(path)
    assert [clip.id for clip in read_clips(path)] == ["a", "b"]


@pytest.mark.parametrize("missing", ["nowhere.npz", "."])
def test_a_file_that_cannot_be_read(tmp_path, missing):
    with pytest.raises(FormatError, match="a file that can be read"):
        read_clip(tmp_path / missing)


def test_real_files(test_data):
    clips = [read_clip(path) for path in sorted((test_data / "ntu_samples").glob("*.skeleton"))]
    assert [clip.persons for clip in clips] == [1, 2, 1, 1] and clips[0].frames == 103
    many = read_clips(test_data / "jhmdb" / "jhmdb_blazepose_and_gt.npz")
    assert len(many) == 928 and sum(clip.persons == 0 for clip in many) == 32
