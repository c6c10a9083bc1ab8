import io

import numpy as np
import pytest
import scipy.io

from gesta.errors import FormatError
from gesta.formats import parse_jhmdb_mat, parse_jhmdb_npz
from gesta.formats.jhmdb import source_of
from gesta.skeleton import get_layout

ROWS = (3, 2, 4)


def tables(**changes) -> dict:
    """Three clips of 3, 2 and 4 frames: one whole, one without a person, one with a gap."""
    random = np.random.default_rng(0)
    rows = sum(ROWS)
    found = np.ones(rows, bool)
    found[3:5] = found[6] = False
    whole = {
        "name": np.array(["wave/Film_wave_a_0", "wave/Film_wave_a_1", "golf/Film_golf_b_0"]),
        "label": np.array([1, 1, 0]),
        "class_names": np.array(["golf", "wave"]),
        "split": np.ones((3, 3), np.int8),
        "offset": np.cumsum([0, *ROWS]),
        "blaze_ok": found,
        "blaze_img": random.uniform(0, 1, (rows, 33, 4)).astype(np.float16),
    }
    return {**whole, **changes}


def npz(arrays: dict) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{key: value for key, value in arrays.items() if value is not None})
    return file.getvalue()


def test_landmarks_become_coco_joints_in_pixels():
    arrays = tables()
    clips = parse_jhmdb_npz(npz(arrays), "x.npz")
    landmarks = get_layout("mediapipe_33")
    clip = clips[0]
    assert clip.coords.shape == (1, 3, 17, 2) and clip.frame_size == (320, 240)
    for joint, name in enumerate(clip.layout.joints):
        raw = arrays["blaze_img"][:3, landmarks.index(name)].astype(np.float32)
        np.testing.assert_array_equal(clip.coords[0, :, joint], raw[:, :2] * [320, 240])
        np.testing.assert_array_equal(clip.confidence[0, :, joint], raw[:, 3])


def test_labels_are_those_of_the_data_set_whatever_the_file_numbers():
    labels = [clip.label for clip in parse_jhmdb_npz(npz(tables()), "x.npz")]
    assert labels == [20, 20, 4]  # wave and golf among the 21


def test_frames_and_clips_without_a_person():
    whole, nobody, gap = parse_jhmdb_npz(npz(tables()), "x.npz")
    assert not np.isnan(whole.coords).any()
    assert (nobody.persons, nobody.frames) == (0, 2)
    assert np.isnan(gap.coords[0]).all(axis=(1, 2)).tolist() == [False, True, False, False]
    assert (gap.confidence[0, 1] == 0).all()


def test_a_source_is_a_video_within_its_class():
    clips = parse_jhmdb_npz(npz(tables()), "x.npz")
    assert [clip.source for clip in clips] == ["wave/Film", "wave/Film", "golf/Film"]
    assert source_of("wave/a_wave_b_wave_u_0") == "wave/a_wave_b"
    assert source_of("wave/unmarked") == "wave/unmarked"


INFINITE = tables()["blaze_img"]
INFINITE[0, 0, 0] = np.inf
BAD = {
    "empty": (b"", "nothing (0 bytes)"),
    "no npz": (b"PK\x03\x04 but no more", "npz"),
    "cut off": (npz(tables())[:-50], "npz"),
    "no poses": (npz(tables(blaze_img=None)), "blaze_img"),
    "no names": (npz(tables(name=None)), "name"),
    "32 landmarks": (npz(tables(blaze_img=INFINITE[:, 1:])), "(9, 33, 4)"),
    "a row less": (npz(tables(blaze_ok=np.ones(8, bool))), "blaze_ok"),
    "a label less": (npz(tables(label=np.array([1, 1]))), "'label'"),
    "offsets beyond": (npz(tables(offset=np.array([0, 3, 5, 10]))), "'offset'"),
    "offsets back": (npz(tables(offset=np.array([0, 5, 3, 9]))), "'offset'"),
    "infinite": (npz(tables(blaze_img=INFINITE)), "row 0, joint 0"),
    "unknown class": (npz(tables(class_names=np.array(["golf", "ski"]))), "'ski'"),
    "unknown label": (npz(tables(label=np.array([1, 1, 2]))), "label 1 to 2"),
    "label of another class": (npz(tables(label=np.array([1, 0, 0]))), "wave/Film_wave_a_1"),
    "objects": (npz(tables(name=np.array([{}, 1, 2], dtype=object))), "plain arrays"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_an_npz_is_said(data, said):
    with pytest.raises(FormatError) as caught:
        parse_jhmdb_npz(data, "x.npz")
    assert "x.npz" in str(caught.value) and said in str(caught.value)


def mat(pos_img: np.ndarray, key: str = "pos_img") -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, {key: pos_img, "viewpoint": "BACK"})
    return file.getvalue()


def test_annotations_of_the_release():
    pos_img = np.random.default_rng(0).uniform(1, 240, (2, 15, 6))
    clip = parse_jhmdb_mat(mat(pos_img), "joint_positions/wave/Film_wave_a_0/joint_positions.mat")
    assert clip.layout.name == "jhmdb_15" and clip.frames == 6
    np.testing.assert_allclose(clip.coords[0], pos_img.transpose(2, 1, 0), rtol=1e-6)
    assert (clip.id, clip.label, clip.source) == ("wave/Film_wave_a_0", 20, "wave/Film")


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (mat(np.ones((2, 14, 6))), "x.mat", "(2, 14, 6)"),
        (mat(np.full((2, 15, 6), np.nan)), "x.mat", "finite"),
        (mat(np.ones((2, 15, 6)), key="pos"), "x.mat", "pos_img"),
        (mat(np.ones((2, 15, 6)))[:60], "x.mat", "x.mat"),
        (mat(np.ones((2, 15, 6))), "ski/clip/joint_positions.mat", "ski"),
    ],
)
def test_what_is_wrong_with_annotations_is_said(data, name, said):
    with pytest.raises(FormatError) as caught:
        parse_jhmdb_mat(data, name)
    assert said in str(caught.value)
