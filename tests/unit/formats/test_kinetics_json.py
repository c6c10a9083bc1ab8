"""Kinetics-Skeleton JSON: who is kept, what is missing, what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.errors import FormatError, GestaError
from gesta.formats.kinetics_json import BODIES, parse_kinetics_json

NAME = "kinetics_val/--07WQ2iBlw.json"


def person(score=0.5, seed=0):
    pose = np.random.default_rng(seed).uniform(0.01, 1, 36).round(3).tolist()
    scores = [score] * 18 if isinstance(score, float) else list(score)
    return {"pose": pose, "score": scores}


def document(*frames, first=1, **more):
    data = [{"frame_index": first + t, "skeleton": list(people)} for t, people in enumerate(frames)]
    return json.dumps({"data": data, "label": "tai chi", "label_index": 3, **more}).encode()


def pose_of(item):
    return np.array(item["pose"], np.float32).reshape(18, 2)


FINE = document([person(0.5, 1), person(0.25, 2)], [], [person(0.75, 3)])


@given(st.lists(st.integers(0, 3), max_size=4))
def test_all_people_come_back_as_they_were_written(sizes):
    frames = [[person(0.25 + i / 8, 7 * t + i) for i in range(n)] for t, n in enumerate(sizes)]
    clip = parse_kinetics_json(document(*frames), NAME, "all")
    assert clip.coords.shape == (max(sizes, default=0), len(sizes), 18, 2)
    for t, people in enumerate(frames):
        for m in range(clip.persons):
            if m < len(people):
                np.testing.assert_array_equal(clip.coords[m, t], pose_of(people[m]))
                assert (clip.confidence[m, t] == 0.25 + m / 8).all()
            else:
                assert np.isnan(clip.coords[m, t]).all() and not clip.confidence[m, t].any()


def test_it_says_what_it_holds():
    clip = parse_kinetics_json(FINE, NAME)
    assert (clip.id, clip.label, clip.layout.name) == ("--07WQ2iBlw", 3, "openpose_18")
    assert (clip.space, clip.channels) == ("unit_frame", ("x", "y"))
    assert (clip.frame_size, clip.frame_rate) == ((340, 256), 30)


def test_the_two_of_highest_score_are_taken_frame_by_frame():
    people = [person(score, i) for i, score in enumerate([0.25, 0.5, 0.75, 0.125])]
    clip = parse_kinetics_json(document(people, people[:1]), NAME, "highest_score")
    assert clip.coords.shape == (2, 2, 18, 2)
    np.testing.assert_array_equal(clip.coords[0, 0], pose_of(people[2]))
    np.testing.assert_array_equal(clip.coords[1, 0], pose_of(people[1]))
    np.testing.assert_array_equal(clip.coords[0, 1], pose_of(people[0]))
    assert np.isnan(clip.coords[1, 1]).all()


def test_only_five_people_of_a_frame_are_considered():
    people = [person(0.25, i) for i in range(5)] + [person(1.0, 9)]
    assert (parse_kinetics_json(document(people), NAME).confidence == 0.25).all()
    assert parse_kinetics_json(document(people), NAME, "all").persons == 6


def test_joints_without_score_are_missing():
    scores = [0.0] * 4 + [0.5] * 14
    clip = parse_kinetics_json(document([person(scores)]), NAME)
    assert np.isnan(clip.coords[0, 0, :4]).all() and np.isfinite(clip.coords[0, 0, 4:]).all()
    assert (clip.confidence[0, 0, :4] == 0).all()


@pytest.mark.parametrize("frames", [(), ([], []), ([person(0.0)],)])
def test_a_file_that_shows_nobody_is_an_empty_clip(frames):
    clip = parse_kinetics_json(document(*frames), NAME)
    assert clip.coords.shape == (0, len(frames), 18, 2) and clip.label == 3


def test_frames_count_from_one_or_from_zero_and_may_be_left_out():
    assert parse_kinetics_json(document([person()], first=4), NAME).frames == 4
    assert parse_kinetics_json(document([person()], [person()], first=0), NAME).frames == 2


def test_scores_a_little_above_one_count_as_one():
    assert (parse_kinetics_json(document([person(1.05)]), NAME).confidence == 1).all()


def test_an_unlabelled_file_has_no_label():
    assert parse_kinetics_json(document([person()], label_index=-1), NAME).label is None


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "file"),
        (b"\x80\x04binary", "byte 0"),
        (b"[]", "file"),
        (b'{"data": {}}', "file"),
        (b'{"data": [3]}', r"data\[0\]"),
        (b'{"data": [{"frame_index": -1, "skeleton": []}]}', r"data\[0\]"),
        (b'{"data": [{"frame_index": 1e9, "skeleton": []}]}', r"data\[0\]"),
        (b'{"data": [{"frame_index": 1000000000, "skeleton": []}]}', r"data\[0\]"),
        (b'{"data": [{"frame_index": 1}]}', r"data\[0\]"),
        (document([person()]).replace(b'"frame_index": 1', b'"frame_index": true'), r"data\[0\]"),
        (document([person([0.5] * 17)]), r"data\[0\] person 0: expected a list of 18"),
        (document([person()], [person([-0.5] * 18)]), r"data\[1\]: expected scores"),
        (document([person([float("nan")] * 18)]), r"data\[0\] person 0: expected 18 finite"),
        (document([person([float("inf")] * 18)]), r"data\[0\] person 0: expected 18 finite"),
        (document([person(["a"] * 18)]), r"data\[0\] person 0: expected 18 finite"),
        (document([3]), r"data\[0\] person 0"),
        (document([], []).replace(b'"frame_index": 2', b'"frame_index": 1'), "data: .* once"),
    ],
)
def test_what_is_no_such_file_is_named_with_its_place(data, place):
    with pytest.raises(FormatError, match=f"{NAME}: {place}"):
        parse_kinetics_json(data, NAME)


@given(st.integers(0, len(FINE) - 1), st.sampled_from(BODIES))
def test_a_file_cut_anywhere_is_told(stop, bodies):
    with pytest.raises(FormatError):
        parse_kinetics_json(FINE[:stop], NAME, bodies)


@given(st.integers(0, len(FINE) - 1), st.binary(min_size=1, max_size=3))
def test_damage_in_the_middle_is_told_or_harmless(place, junk):
    try:
        parse_kinetics_json(FINE[:place] + junk + FINE[place + len(junk) :], NAME)
    except FormatError as error:
        assert str(error).startswith(NAME)


def test_an_unknown_selection_lists_those_there_are():
    with pytest.raises(GestaError, match="highest_score, all"):
        parse_kinetics_json(FINE, NAME, "energy")
