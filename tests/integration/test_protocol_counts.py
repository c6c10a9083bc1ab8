"""Real data sets, prepared whole: the published counts, and what is known of the files."""

import re
import tarfile
from collections import Counter

import numpy as np
import pytest

from gesta.archive import Archive, diagnose, train_and_test
from gesta.datasets import prepare

SOURCES = {
    "utd_mhad": "utd_mhad/Skeleton.tar.xz",
    "nw_ucla": "nw_ucla/all_sqe.tar.xz",
    "sbu": "sbu_kinect/SBU_skeleton_pos_txt.tar.xz",
    "jhmdb": "jhmdb",
}
CLIPS = {"utd_mhad": 861, "nw_ucla": 1484, "sbu": 282, "jhmdb": 928}
COUNTS = {
    ("utd_mhad", "cross_subject"): (431, 430),
    ("nw_ucla", "cross_view"): (1020, 464),
    ("nw_ucla", "cross_view_clean"): (1020, 369),
    ("jhmdb", "split_1"): (660, 268),
    ("jhmdb", "split_2"): (658, 270),
    ("jhmdb", "split_3"): (663, 265),
}


@pytest.fixture(scope="module")
def archives(test_data, tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("archives"), {}

    def archive(name: str) -> Archive:
        if name not in made:
            made[name] = prepare(name, test_data / SOURCES[name], folder / name, processes=1)
        return made[name]

    return archive


def sides(archive: Archive, protocol: str):
    return train_and_test(archive.protocols[protocol], archive.table)


@pytest.mark.parametrize("name", SOURCES)
def test_every_file_is_read(archives, name):
    archive = archives(name)
    assert (len(archive), archive.skipped) == (CLIPS[name], [])
    assert sorted(set(archive.labels.tolist())) == list(range(len(archive.classes)))


@pytest.mark.parametrize(("name", "protocol"), COUNTS)
def test_counts_are_the_published_ones(archives, name, protocol):
    train, test = sides(archives(name), protocol)
    assert (len(train), len(test)) == COUNTS[name, protocol]


@pytest.mark.parametrize("name", SOURCES)
def test_doctor_finds_no_error(archives, name):
    assert diagnose(archives(name)).errors == []


def test_ninety_five_test_clips_of_nw_ucla_are_training_clips(archives):
    archive = archives("nw_ucla")
    train, test = sides(archive, "cross_view")
    seen = {archive.read(i).coords.tobytes(): i for i in train}
    copies = [i for i in test if archive.read(i).coords.tobytes() in seen]
    assert len(copies) == 95 and archive.protocols["cross_view"].known_duplicates == 95
    for i in copies:
        other = seen[archive.read(i).coords.tobytes()]
        assert archive.labels[i] == archive.labels[other]
        assert archive.ids[i][:-1] == archive.ids[other][:-1]  # another view of one execution
    _, clean = sides(archive, "cross_view_clean")
    assert set(clean) == set(test) - set(copies)


def test_nw_ucla_quirks(archives):
    archive = archives("nw_ucla")
    assert sorted(archive.ids[i] for i in np.flatnonzero(archive.frames == 1)) == [
        "a02_s09_e04_v02",
        "a02_s09_e04_v03",
    ]
    missing = {clip.id: int(np.isnan(clip.coords[..., 0]).sum()) for clip in archive.clips}
    assert {k: v for k, v in missing.items() if v} == {"a04_s01_e01_v01": 6, "a04_s04_e02_v01": 6}
    folds = [sides(archive, name)[1] for name in archive.protocol_names("folds")]
    assert len(folds) == 10 and sorted(np.concatenate(folds)) == list(range(1484))


def test_labels_of_nw_ucla_that_are_corrected_are_wrong(archives):
    """Subject 4 in view 2 stands up where the other views of an execution sit down."""
    archive = archives("nw_ucla")
    published = {"a05": "sit_down", "a06": "stand_up"}
    corrected, rises = [], {"sit_down": [], "stand_up": []}
    for i, name in enumerate(archive.ids):
        label = archive.classes[archive.labels[i]]
        if label != published.get(name[:3], label):
            corrected.append(name)
        if re.fullmatch(r"a0[56]_s04_e.._v0[123]", name):
            height = archive.read(i).coords[0, :, 0, 1]  # of the hips, up
            fifth = len(height) // 5
            rises[label].append(np.median(height[-fifth:]) - np.median(height[:fifth]))
    assert sorted(corrected) == archive.provenance["corrected_labels"] and len(corrected) == 11
    assert all(name.endswith("_v02") for name in corrected)  # none in the test part
    # One clip in view 2 sits down and leans back up: it ends a little above where it began.
    assert sorted(rises["sit_down"])[-2] < -0.05 and max(rises["sit_down"]) < 0.1
    assert min(rises["stand_up"]) > 0.15


def test_sbu_folds_divide_the_pairs(archives):
    archive = archives("sbu")
    names = archive.protocol_names("folds")
    assert names == [f"fold_{number}" for number in range(1, 6)]
    assert sorted(np.concatenate([sides(archive, name)[1] for name in names])) == list(range(282))
    pairs = sorted(set(archive.table.source))
    assert len(pairs) == 21
    for name, places in zip(names, ([1, 9, 15, 19], [5, 7, 10, 16], [2, 3, 20, 21]), strict=False):
        test = {archive.table.source[i] for i in sides(archive, name)[1]}
        assert test == {pairs[place - 1] for place in places}


def test_sbu_bodies_are_of_human_size_and_stand_upright(archives):
    archive = archives("sbu")
    at = archive.layout.index
    coords = np.concatenate([clip.coords.reshape(-1, 15, 3) for clip in archive.clips])
    thigh = np.linalg.norm(coords[:, at("left_knee")] - coords[:, at("left_hip")], axis=-1)
    assert 0.4 < np.median(thigh) < 0.46  # metres
    height = coords[:, at("head"), 1] - coords[:, at("left_foot"), 1]
    assert 1.3 < np.median(height) < 1.6  # y is up
    # The two face each other: what is left of a body is on the left of its line of sight.
    facing = np.concatenate([left_of_the_other(clip, at) for clip in archive.clips])
    assert (facing > 0).mean() > 0.8


def left_of_the_other(clip, at):
    """(2,) > 0 where a person's left shoulder is to the left of where the other one is."""
    torso = clip.coords[:, :, at("torso")]
    towards = torso[::-1] - torso
    shoulders = clip.coords[:, :, at("left_shoulder")] - clip.coords[:, :, at("right_shoulder")]
    left = np.cross([0.0, 1.0, 0.0], towards)
    return np.median((left * shoulders).sum(axis=-1), axis=1)


def test_utd_mhad_joints_stand_where_they_are_called(archives):
    archive = archives("utd_mhad")
    mean = np.mean([clip.coords.mean(axis=(0, 1)) for clip in archive.clips], axis=0)
    x, y = ({j: mean[i, c] for i, j in enumerate(archive.layout.joints)} for c in (0, 1))
    column = ("head", "shoulder_centre", "spine", "hip_centre", "left_knee", "left_foot")
    assert [y[joint] for joint in column] == sorted((y[joint] for joint in column), reverse=True)
    # A subject who faces the camera has the left side at smaller x, as Kinect counts.
    for part in ("shoulder", "elbow", "hip", "knee", "foot"):
        assert x[f"left_{part}"] < x[f"right_{part}"]
    assert Counter(archive.table.subject).keys() == {str(number) for number in range(1, 9)}


def test_jhmdb_clips_without_a_person_and_sources(archives):
    archive = archives("jhmdb")
    assert (archive.persons == 0).sum() == 32 and archive.layout.name == "coco_17"
    assert set(archive.frames.tolist()) == set(range(15, 41)) & set(archive.frames.tolist())
    assert len(set(archive.table.source)) == 410
    for name in ("split_1", "split_2", "split_3"):
        parts = archive.split(name)
        sources = [{archive.table.source[i] for i in part} for part in parts.values()]
        assert not (sources[0] & sources[1] or sources[0] & sources[2] or sources[1] & sources[2])


def test_the_npz_says_the_same_splits_as_the_text_files(archives, test_data, tmp_path):
    alone = prepare("jhmdb", test_data / "jhmdb" / "jhmdb_blazepose_and_gt.npz", tmp_path / "a")
    whole = archives("jhmdb")
    assert {k: v for k, v in alone.protocols.items()} == dict(whole.protocols)


def test_a_part_of_a_data_set_is_fine(test_data, tmp_path):
    with tarfile.open(test_data / SOURCES["sbu"]) as source:
        for member in source:
            if re.search(r"s01s0[23]/0[12]/", member.name) and member.isfile():
                source.extract(member, tmp_path / "part", filter="data")
    archive = prepare("sbu", tmp_path / "part", tmp_path / "archive")
    assert set(archive.table.source) == {"s01s02", "s01s03"} and len(archive.classes) == 8
    _, test = sides(archive, "fold_1")
    assert {archive.table.source[i] for i in test} == {"s01s02"}
