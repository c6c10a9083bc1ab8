import numpy as np
import pytest

from gesta.errors import FormatError, RunError, ShapeError
from gesta.evaluation import Scores, join, pool


def make(ids, classes=("a", "b"), labels=None, **provenance):
    rows = len(ids)
    values = np.arange(rows * len(classes), dtype=np.float32).reshape(rows, len(classes))
    labels = np.zeros(rows, np.int64) if labels is None else np.array(labels, np.int64)
    return Scores(tuple(ids), labels, -values, tuple(classes), provenance)


def test_a_file_gives_back_what_was_saved(tmp_path):
    scores = make(["ä b", "c\nd", ""], labels=[0, -1, 1], stream="bone", seed=3)
    scores.save(tmp_path / "s.safetensors")
    loaded = Scores.load(tmp_path / "s.safetensors")
    assert loaded.ids == scores.ids and loaded.classes == scores.classes
    assert loaded.provenance == {"stream": "bone", "seed": 3}
    np.testing.assert_array_equal(loaded.labels, scores.labels)
    np.testing.assert_array_equal(loaded.log_probs, scores.log_probs)
    assert [path.name for path in tmp_path.iterdir()] == ["s.safetensors"]


def test_scores_of_no_clip_can_be_saved(tmp_path):
    make([]).save(tmp_path / "s.safetensors")
    assert len(Scores.load(tmp_path / "s.safetensors")) == 0


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\x08\0\0\0\0\0\0\0{}      "])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "s.safetensors").write_bytes(content)
    with pytest.raises(FormatError, match="scores written by gesta"):
        Scores.load(tmp_path / "s.safetensors")


def test_a_missing_file_says_when_it_is_written(tmp_path):
    with pytest.raises(RunError, match="finished"):
        Scores.load(tmp_path / "s.safetensors")


def test_clips_stand_once_and_numbers_are_finite():
    with pytest.raises(ShapeError, match="'x' is there more than once"):
        make(["x", "y", "x"])
    with pytest.raises(ShapeError, match="clip 'y' are not finite"):
        Scores(("x", "y"), np.zeros(2, np.int64), np.array([[0.0], [np.nan]], np.float32), ("a",))
    with pytest.raises(ShapeError, match=r"labels lie in -1\.\.1"):
        make(["x"], labels=[2])
    with pytest.raises(ShapeError, match="labels of scores"):
        Scores(("x",), np.zeros(2, np.int64), np.zeros((1, 2), np.float32), ("a", "b"))


def test_joining_goes_by_id_and_not_by_place():
    first, second = make(["x", "y", "z"], labels=[0, 1, 0]), make(["z", "x", "y"], labels=[0, 0, 1])
    joined = join([first, second])[1]
    assert joined.ids == first.ids
    np.testing.assert_array_equal(joined.log_probs, second.log_probs[[1, 2, 0]])


def test_joining_refuses_other_clips_labels_and_classes():
    scores = make(["x", "y"])
    with pytest.raises(RunError, match="2 clips and"):
        join([scores, make(["x"])])
    with pytest.raises(RunError, match="no scores of 1 of 2 clips, such as 'y'"):
        join([scores, make(["x", "q"])])
    with pytest.raises(RunError, match="different labels"):
        join([scores, make(["x", "y"], labels=[0, 1])])
    with pytest.raises(RunError, match="different classes"):
        join([scores, make(["x", "y"], classes=("a", "c"))])


def test_pooling_takes_parts_that_share_no_clip():
    pooled = pool([make(["x"], labels=[1]), make(["y", "z"])])
    assert pooled.ids == ("x", "y", "z") and pooled.labels.tolist() == [1, 0, 0]
    assert pool([make(["x"]), make(["x"])]) is None
    assert pool([make(["x"]), make(["y"], classes=("a", "c"))]) is None


def test_unlabelled_clips_can_be_left_out():
    assert make(["x", "y"], labels=[-1, 1]).labelled().ids == ("y",)


def test_scores_are_shown_in_a_line():
    shown = repr(make([f"clip{n}" for n in range(500)], stream="bone"))
    assert shown == "Scores(500 clips, 2 classes, stream='bone')"
