import io

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gesta.errors import FormatError
from gesta.formats import parse_utd_mat, read_utd_mat
from gesta.formats.utd_mat import JOINTS
from gesta.skeleton import get_layout

NAME = "Skeleton/a27_s8_t4_skeleton.mat"
METRES = st.floats(0.125, 8, width=32)


def mat(**variables) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables)
    return file.getvalue()


@given(arrays(np.float64, st.tuples(st.just(20), st.just(3), st.integers(1, 5)), elements=METRES))
def test_joints_come_back_by_name(d_skel):
    clip = parse_utd_mat(mat(d_skel=d_skel), NAME)
    assert clip.coords.shape == (1, d_skel.shape[2], 20, 3)
    for joint, name in enumerate(clip.layout.joints):
        np.testing.assert_array_equal(clip.coords[0, :, joint].T, d_skel[JOINTS.index(name)])


def test_file_order_names_every_joint_once():
    assert sorted(JOINTS) == sorted(get_layout("kinect_v1_20").joints)
    assert JOINTS[:4] == ("head", "shoulder_centre", "spine", "hip_centre")
    assert JOINTS[4:8] == ("left_shoulder", "left_elbow", "left_wrist", "left_hand")
    assert JOINTS[16:] == ("right_hip", "right_knee", "right_ankle", "right_foot")


def test_file_name_says_action_subject_and_trial():
    clip = parse_utd_mat(mat(d_skel=np.ones((20, 3, 2))), NAME)
    assert (clip.id, clip.label, clip.subject, clip.replication) == ("a27_s8_t4", 26, "8", 4)
    assert clip.frame_rate == 30 and clip.space == "camera_metres"
    other = parse_utd_mat(mat(d_skel=np.ones((20, 3, 2))), "mine.mat")
    assert (other.id, other.label, other.subject) == ("mine", None, None)


def test_zero_joints_are_missing():
    d_skel = np.ones((20, 3, 2))
    d_skel[JOINTS.index("head"), :, 1] = 0
    clip = parse_utd_mat(mat(d_skel=d_skel), NAME)
    missing = np.isnan(clip.coords[0]).all(axis=-1)
    assert missing.sum() == 1 and missing[1, clip.layout.index("head")]


BAD = {
    "another key": (mat(skel=np.ones((20, 3, 2))), NAME, "d_skel"),
    "25 joints": (mat(d_skel=np.ones((25, 3, 2))), NAME, "(25, 3, 2)"),
    "no frames": (mat(d_skel=np.ones((20, 3, 0))), NAME, "(20, 3, 0)"),
    "text": (mat(d_skel="hello"), NAME, "numbers"),
    "a struct": (mat(d_skel={"a": np.ones(3)}), NAME, "numbers"),
    "objects": (mat(d_skel=np.array([[1, "a"]], dtype=object)), NAME, "numbers"),
    "complex": (mat(d_skel=np.ones((20, 3, 2)) * 1j), NAME, "numbers"),
    "NaN": (mat(d_skel=np.full((20, 3, 2), np.nan)), NAME, "joint 0, channel 0, frame 0"),
    "infinite": (mat(d_skel=np.full((20, 3, 2), np.inf)), NAME, "finite"),
    "too large": (mat(d_skel=np.full((20, 3, 2), 1e300)), NAME, "finite"),
    "action 28": (mat(d_skel=np.ones((20, 3, 2))), "a28_s1_t1_skeleton.mat", "a28"),
    "action 0": (mat(d_skel=np.ones((20, 3, 2))), "a0_s1_t1_skeleton.mat", "a0"),
}


@pytest.mark.parametrize(("data", "name", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said(data, name, said):
    with pytest.raises(FormatError) as caught:
        parse_utd_mat(data, name)
    assert name in str(caught.value) and said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FormatError, match="found none"):
        read_utd_mat(tmp_path / "a1_s1_t1_skeleton.mat")
