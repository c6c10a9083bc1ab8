import pickle

import numpy as np
import pytest

from gesta.datasets import Source, prepare
from gesta.errors import FormatError, GestaError
from gesta.formats import write_pyskl

SPLITS = {
    "xsub_train": ["c0", "c1", "c2"],
    "xsub_val": ["c3", "c4", "nowhere"],
    "train": ["c0", "c1"],
    "val": ["c2"],
    "test": ["c3"],
    "train1": ["c0", "c3"],
    "test1": ["c1"],
    "everything": ["c0"],
}


def annotation(number: int) -> dict:
    keypoint = np.random.default_rng(number).uniform(1, 99, (1, 4, 17, 2))
    return {
        "frame_dir": f"c{number}",
        "total_frames": 4,
        "img_shape": (100, 100),
        "label": number % 2,
        "keypoint": keypoint.astype(np.float16),
        "keypoint_score": np.full((1, 4, 17), 0.5, np.float16),
    }


def write(path, annotations, splits=SPLITS) -> None:
    path.write_bytes(pickle.dumps({"split": splits, "annotations": annotations}))


def test_one_pickle_is_a_source_and_its_splits_are_protocols(tmp_path):
    write(tmp_path / "a.pkl", [annotation(number) for number in range(5)])
    archive = prepare("pyskl", tmp_path / "a.pkl", tmp_path / "out")
    assert (len(archive), archive.classes, archive.space) == (5, ("0", "1"), "pixels")
    names = {name: protocol for name, protocol in archive.protocols.items() if name != "random"}
    assert {name: (p.train_ids, p.test_ids) for name, p in names.items()} == {
        "xsub": (("c0", "c1", "c2"), ("c3", "c4")),
        "given": (("c0", "c1"), ("c3",)),
        "split_1": (("c0", "c3"), ("c1",)),
    }


def test_class_names_stand_beside_the_pickle(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write(source / "a.pkl", [annotation(number) for number in range(2)])
    (source / "label_map_x.txt").write_text("clap\nwave\nwalk\n")
    assert prepare("pyskl", source, tmp_path / "out").classes == ("clap", "wave", "walk")
    (source / "label_map_x.txt").write_text("clap\n")
    with pytest.raises(FormatError, match="at least 2 class names, found 1"):
        prepare("pyskl", source, tmp_path / "other")


def test_what_is_wrong_with_one_annotation_costs_one_clip(tmp_path):
    entries = [annotation(number) for number in range(4)]
    entries[1]["keypoint"][0, 2, 5] = np.inf
    entries[2]["label"] = -7
    write(tmp_path / "a.pkl", entries)
    archive = prepare("pyskl", tmp_path / "a.pkl", tmp_path / "out")
    assert archive.ids == ["c0", "c3"]
    reasons = [entry["reason"] for entry in archive.skipped]
    assert "annotation 1 (c1)" in reasons[0] and "frame 2, joint 5" in reasons[0]
    assert "annotation 2 (c2): label" in reasons[1]
    with pytest.raises(FormatError, match="annotation 1"):
        prepare("pyskl", tmp_path / "a.pkl", tmp_path / "strict", strict=True)


def test_a_hostile_pickle_is_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(GestaError, match="none could be read.*system, which was not run"):
        prepare("pyskl", tmp_path / "a.pkl", tmp_path / "out")
    with pytest.raises(FormatError, match=r"system, which was not run"):
        prepare("pyskl", tmp_path / "a.pkl", tmp_path / "out", strict=True)


def test_two_pickles_must_agree_on_a_split(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write(source / "a.pkl", [annotation(0)], {"train": ["c0"]})
    write(source / "b.pkl", [annotation(1)], {"train": ["c1"]})
    with pytest.raises(FormatError, match="split 'train'"):
        prepare("pyskl", source, tmp_path / "out")


def test_an_archive_goes_out_and_comes_back(tmp_path):
    write(tmp_path / "a.pkl", [annotation(number) for number in range(5)])
    archive = prepare("pyskl", tmp_path / "a.pkl", tmp_path / "out")
    write_pyskl(tmp_path / "b.pkl", archive.clips, SPLITS)
    again = prepare("pyskl", tmp_path / "b.pkl", tmp_path / "again")
    assert again.ids == archive.ids and dict(again.protocols) == dict(archive.protocols)
    np.testing.assert_array_equal(again.table.digests, archive.table.digests)


def test_a_single_file_is_its_only_member(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"123")
    source = Source(tmp_path / "a.pkl")
    assert list(source.members(lambda name: True)) == [("a.pkl", b"123")]
    assert source.names(lambda name: name.endswith(".npz")) == []
