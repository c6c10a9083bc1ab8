import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gesta.errors import FormatError
from gesta.formats import parse_ucla_json
from gesta.formats.ucla_json import ACTIONS

METRES = st.floats(0.125, 8, width=32)


def document(skeletons=None, name="a08_s10_e03_v02", label=7, **more) -> bytes:
    if skeletons is None:
        skeletons = [[[1.0, 2.0, 3.0]] * 20] * 2
    return json.dumps({"file_name": name, "skeletons": skeletons, "label": label, **more}).encode()


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.just(20), st.just(3)), elements=METRES))
def test_coordinates_come_back(skeletons):
    clip = parse_ucla_json(document(skeletons.tolist()), "x.json")
    np.testing.assert_array_equal(clip.coords[0], skeletons)


def test_the_name_inside_says_who_and_where():
    clip = parse_ucla_json(document(), "folder/whatever.json")
    assert (clip.id, clip.label, clip.subject) == ("a08_s10_e03_v02", 6, "10")
    assert (clip.camera, clip.replication, clip.frames) == (2, 3, 2)


@pytest.mark.parametrize(("label", "action"), list(enumerate(ACTIONS)))
def test_actions_are_numbered_with_gaps(label, action):
    clip = parse_ucla_json(document(name=f"a{action:02}_s01_e00_v01", label=label + 1), "x.json")
    assert clip.label == label


def test_zero_joints_are_missing():
    skeletons = np.ones((2, 20, 3))
    skeletons[1, 4] = 0
    clip = parse_ucla_json(document(skeletons.tolist()), "x.json")
    assert np.argwhere(np.isnan(clip.coords[0, ..., 0])).tolist() == [[1, 4]]


POINT, FRAME = [1.0, 2.0, 3.0], [[1.0, 2.0, 3.0]] * 20
BAD = {
    "empty": (b"", "nothing (0 bytes)"),
    "cut off": (document()[:-40], "JSON"),
    "binary": (b"\xff\x00\x81", "binary data"),
    "a list": (b"[]", "keys file_name"),
    "other keys": (b'{"data": []}', "keys data"),
    "no frames": (document([]), "a list of 0"),
    "19 joints": (document([FRAME, FRAME[:19]]), "frame 1: expected 20 joints"),
    "two numbers": (document([FRAME, [*FRAME[:5], POINT[:2], *FRAME[6:]]]), "frame 1, joint 5"),
    "a word": (document([[*FRAME[:7], [1, "two", 3], *FRAME[8:]]]), "frame 0, joint 7"),
    "null": (document([[*FRAME[:7], [1, None, 3], *FRAME[8:]]]), "frame 0, joint 7"),
    "NaN": (document([[*FRAME[:7], [1, float("nan"), 3], *FRAME[8:]]]), "joint 7"),
    "infinite": (document([[*FRAME[:7], [1, float("inf"), 3], *FRAME[8:]]]), "joint 7"),
    "too large": (document([[*FRAME[:7], [1, 10**400, 3], *FRAME[8:]]]), "numbers too large"),
    "not a list": (document("skeletons"), "key 'skeletons'"),
    "unknown action": (document(name="a07_s01_e00_v01"), "action 7"),
    "another label": (document(label=8), "action 8 with label 8"),
    "another name": (document(name="clip"), "'clip'"),
    "nested": (b"[" * 200_000, "nested"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said(data, said):
    with pytest.raises(FormatError) as caught:
        parse_ucla_json(data, "x.json")
    assert "x.json" in str(caught.value) and said in str(caught.value)
