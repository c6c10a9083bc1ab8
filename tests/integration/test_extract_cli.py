"""``gesta extract`` on real videos: J-HMDB goes the way that everybody's do."""

import json
import shutil

import numpy as np
import pytest

from gesta.archive import open_archive
from gesta.datasets import extract, plan_videos
from gesta.pose import Detections
from gesta.skeleton import get_layout

SOURCE = r"^([^/]+)/(.+)_\1_"  # class/video of class/video_class_...


class Nobody:
    """An estimator that never finds anybody, so that only reading and writing take time."""

    name, layout = "nobody", get_layout("coco_17")

    def input_size(self, frame_size):
        return 32, 24

    def __call__(self, image):
        shapes = ((0, 17, 2), (0, 17), (0, 4), (0,))
        return Detections(*(np.zeros(shape, np.float32) for shape in shapes))


@pytest.fixture
def few(test_data, tmp_path):
    """The two shortest clips each of two classes, and what is no video."""
    folder = tmp_path / "few"
    for action in ("golf", "wave"):
        (folder / action).mkdir(parents=True)
        clips = sorted((test_data / "jhmdb" / "videos" / action).glob("*.mp4"))
        for clip in sorted(clips, key=lambda path: path.stat().st_size)[:2]:
            shutil.copy(clip, folder / action)
    (folder / "wave" / "broken.mp4").write_bytes(b"\0" * 100)
    (folder / "readme.txt").touch()
    return folder


def test_real_videos_become_an_archive(few, gesta, test_data):
    words = ["--splits", test_data / "jhmdb" / "splits.zip", "--size", 128, "--processes", 1]
    words += ["--estimator-option", "min_score=0.15", "--estimator-option", "threads=1"]
    status, text, said = gesta("extract", few, "--out", "out", *words, "--json")
    document = json.loads(text)
    assert status == 0 and "since no videos by their names: 1" in said
    assert document["per_class"] == [
        {"class": "golf", "clips": 2, "empty": 0, "skipped": 0},
        {"class": "wave", "clips": 2, "empty": 0, "skipped": 1},
    ]
    assert [entry["name"] for entry in document["skipped"]] == ["wave/broken.mp4"]
    archive = open_archive("out")
    options = {"long_side": 128, "min_score": 0.15, "threads": 1}
    assert archive.provenance["options"] == options
    assert (archive.dataset, archive.layout.name, archive.space) == ("few", "coco_17", "pixels")
    for clip in archive.clips:
        assert clip.frame_size == (320, 240) and clip.frames == len(clip.video.times) >= 15
        assert np.isfinite(clip.coords[0]).mean() > 0.9
        assert archive.video_path(clip).is_file()
    status, text, _ = gesta("doctor", "out", "--protocol", "random")
    assert "4 clips" in text


def test_a_dry_run_says_what_would_be_done(few, gesta):
    status, text, _ = gesta("extract", few, "--out", "out", "--source-from", "^[a-z]+", "--dry-run")
    assert status == 0 and "5 clips of 2 classes in 5 videos" in text
    status, text, _ = gesta("extract", few, "--out", "out", "--dry-run", "--json")
    clips = json.loads(text)["clips"]
    assert [clip["class"] for clip in clips] == ["golf"] * 2 + ["wave"] * 3
    assert clips[-1]["file"] == "wave/broken.mp4" and clips[-1]["id"] == "wave/broken"
    assert not list(few.parent.glob("out*"))


def test_one_folder_too_deep_is_told(few, gesta):
    _, text, _ = gesta("extract", few.parent, "--out", "out", "--dry-run")
    assert "all labelled clips are of the class few; give the folder that holds" in text
    _, text, _ = gesta("extract", few / "golf", "--out", "out", "--dry-run")
    assert "2 of 2 clips have no class, and take part in no protocol" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--labels", "none.csv"), "none.csv"),
        (("--splits", "none.zip"), "none.zip"),
        (("--source-from", "("), "no regular expression"),
        (("--estimator", "openpose"), "unknown pose estimator 'openpose'"),
        (("--size", "100"), "expected a multiple of 32"),
        (("--estimator-option", "min_score"), "expected NAME=VALUE, found 'min_score'"),
        (("--estimator-option", "min_score=7"), "min_score: expected 0 to 1, found 7"),
        (("--estimator-option", "mood=good"), "movenet has no option 'mood'"),
        (("--strict", "--processes", "1", "--size", "64"), "broken.mp4"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(few, refused, words, said):
    assert said in refused("extract", few, "--out", "out", *words)
    assert not list(few.parent.glob("out"))


@pytest.mark.slow
def test_two_processes_give_what_one_gives(few, tmp_path):
    plan = plan_videos(few)
    options = {"options": {"long_side": 128}}
    one = extract(plan, tmp_path / "one", processes=1, **options)
    two = extract(plan, tmp_path / "two", processes=2, **options)
    assert one.ids == two.ids and one.skipped == two.skipped
    for ours, theirs in zip(one.clips, two.clips, strict=True):
        np.testing.assert_array_equal(ours.coords, theirs.coords)
        np.testing.assert_array_equal(ours.video.times, theirs.video.times)


@pytest.mark.slow
def test_all_of_jhmdb_with_its_splits(test_data, tmp_path):
    data = test_data / "jhmdb"
    plan = plan_videos(data / "videos", splits=data / "splits.zip", source_from=SOURCE)
    archive = extract(plan, tmp_path / "out", estimator=Nobody, processes=1)
    assert len(archive) == 928 and not archive.skipped and len(archive.classes) == 21
    assert archive.frames.min() == 15 and archive.frames.max() == 40
    for name, sizes in zip(
        ("split_1", "split_2", "split_3"), ((660, 268), (658, 270), (663, 265)), strict=True
    ):
        parts = archive.split(name)
        assert (len(parts["train"]) + len(parts["validation"]), len(parts["test"])) == sizes
    with np.load(data / "jhmdb_blazepose_and_gt.npz") as poses:
        frames = dict(zip(poses["name"].tolist(), np.diff(poses["offset"]).tolist(), strict=True))
    assert dict(zip(archive.ids, archive.frames.tolist(), strict=True)) == frames
