"""Which clips a folder of videos holds, by names alone: no file here is a real video."""

import unicodedata
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.datasets import plan_videos
from gesta.datasets.split_files import add_split_file
from gesta.errors import FormatError, GestaError, ProtocolError


@pytest.fixture
def folder(tmp_path):
    """A function that makes empty files in a folder of videos, and gives the folder."""

    def make(*names):
        for name in names:
            path = tmp_path / "videos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "videos"

    return make


@pytest.fixture
def table(tmp_path):
    """A function that writes a CSV file of these lines."""

    def write(*lines, name="labels.csv"):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / name

    return write


def ids(plan):
    return [cut.id for cuts in plan.cuts.values() for cut in cuts]


def labels(plan):
    return [cut.label for cuts in plan.cuts.values() for cut in cuts]


def test_a_class_is_the_uppermost_folder_and_an_id_the_path(folder):
    videos = folder(
        *("walk/a.mp4", "walk/anna/a.mp4", "run/a.MP4", "run/my dög (1).v2.mkv"),
        *("run/notes.txt", "run/.hidden.mp4", ".trash/run/b.mp4", "__MACOSX/run/a.mp4"),
    )
    plan = plan_videos(videos)
    assert plan.classes == ("run", "walk") and plan.other == 1
    assert ids(plan) == ["run/a", "run/my dög (1).v2", "walk/a", "walk/anna/a"]
    assert labels(plan) == [0, 0, 1, 1] and plan.clips == 4
    assert [cut.recording["source"] for cuts in plan.cuts.values() for cut in cuts] == ids(plan)


def test_classes_that_are_numbers_come_by_size(folder):
    assert plan_videos(folder("10/a.avi", "9/a.avi", "1/a.avi")).classes == ("1", "9", "10")


def test_two_endings_of_one_name_stay_apart(folder):
    plan = plan_videos(folder("walk/a.mp4", "walk/a.avi", "walk/b.avi"))
    assert ids(plan) == ["walk/a.avi", "walk/a.mp4", "walk/b"]


def test_a_video_in_no_folder_has_no_class(folder):
    plan = plan_videos(folder("a.mp4", "walk/a.mp4"))
    assert labels(plan) == [None, 0] and plan.classes == ("walk",)


def test_names_that_an_archive_cannot_hold_are_told(folder):
    plan = plan_videos(folder("walk/a.mp4", "walk/b\udcff.mp4", "c:d.mp4"))
    assert ids(plan) == ["walk/a"] and plan.classes == ("walk",)
    assert set(plan.unusable) == {"walk/b\\udcff.mp4", "c:d.mp4"}
    assert "no valid Unicode" in plan.unusable["walk/b\\udcff.mp4"]


@pytest.mark.parametrize("names", [(), ("walk/readme.txt",)])
def test_a_folder_without_videos_is_refused(folder, tmp_path, names):
    (tmp_path / "videos").mkdir()
    with pytest.raises(GestaError, match=rf"expected videos.*\.mp4.*found {len(names)} files"):
        plan_videos(folder(*names))


def test_what_is_no_folder_is_refused(folder):
    videos = folder("a.mp4")
    for path, found in ((videos / "a.mp4", "a file"), (videos / "b", "nothing")):
        with pytest.raises(GestaError, match=f"expected a folder with videos in it, found {found}"):
            plan_videos(path)


def test_a_table_says_all_and_cuts_clips(folder, table):
    videos = folder("one.mp4", "two/b.mov", "two/c.mp4", "odd.dat", "readme.txt")
    plan = plan_videos(
        videos,
        labels=table(
            "file,label,subject,source,start,end,split",
            "one.mp4,wave,anna,tape,,,train",
            "two/b.mov,clap,ben,,1.5,3,test",
            "two/b.mov,wave,ben,,0,1,",
            "odd.dat,,,,2,,",
        ),
    )
    assert plan.classes == ("clap", "wave")
    assert ids(plan) == ["odd@2-", "one", "two/b@1.5-3", "two/b@0-1"]
    assert labels(plan) == [None, 1, 0, 1]
    assert (plan.unlisted, plan.other) == (1, 1)
    first, second = plan.cuts["two/b.mov"]
    assert (first.start, first.end, first.recording["source"]) == (1.5, 3, "two/b")
    assert [first.holds(time) for time in (1.4, 1.5, 2.9, 3.0)] == [False, True, True, False]
    assert second.recording["subject"] == "ben" and plan.cuts["one.mp4"][0].recording == {
        "subject": "anna",
        "source": "tape",
        "camera": None,
        "setup": None,
        "replication": None,
    }
    (given,) = plan.protocols
    assert (given.name, given.train_ids, given.test_ids) == ("given", ("one",), ("two/b@1.5-3",))


def test_the_table_may_lie_among_the_videos(folder):
    videos = folder("a.mp4")
    (videos / "labels.csv").write_text("file,label\na.mp4,wave\n")
    plan = plan_videos(videos, labels=videos / "labels.csv")
    assert (plan.other, len(plan.labels)) == (0, 64)


def test_accents_are_the_same_however_they_are_spelled(folder, table):
    composed, apart = (unicodedata.normalize(form, "pas à pas.mp4") for form in ("NFC", "NFD"))
    plan = plan_videos(folder(apart), labels=table("file,label", f"{composed},dance"))
    assert list(plan.cuts) == [apart]


BAD_TABLES = {
    "gone": (("file,label", "walk/aa.mp4,x"), "line 2, column file.*did you mean walk/a.mp4"),
    "far": (("file,label", "zzz,x"), "line 2, column file: expected a file in .*'zzz'"),
    "twice": (("file,label", "walk/a.mp4,x", "walk/a.mp4,y"), "line 3, column id"),
    "backwards": (("file,label,start,end", "walk/a.mp4,x,3,2"), r"after the start \(3\), found 2"),
    "words": (("file,label,start", "walk/a.mp4,x,soon"), "column start: expected seconds"),
    "before": (("file,label,start", "walk/a.mp4,x,-1"), "column start: expected seconds"),
    "never": (("file,label,end", "walk/a.mp4,x,inf"), "column end: expected seconds"),
}


@pytest.mark.parametrize(("lines", "said"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_wrong_line_of_the_table_is_told(folder, table, lines, said):
    with pytest.raises(FormatError, match=said):
        plan_videos(folder("walk/a.mp4"), labels=table(*lines))


def test_expressions_find_sources_and_subjects(folder):
    videos = folder("walk/P01_tape3_a.mp4", "walk/P02_tape3_b.mp4", "run/P01_tape9_a.mp4")
    plan = plan_videos(videos, source_from=r"tape(\d+)", subject_from=r"P\d+")
    recordings = [cut.recording for cuts in plan.cuts.values() for cut in cuts]
    assert [recording["source"] for recording in recordings] == ["9", "3", "3"]
    assert [recording["subject"] for recording in recordings] == ["P01", "P01", "P02"]
    two_groups = plan_videos(videos, source_from=r"^(\w+)/.*(tape\d)")
    assert two_groups.cuts["run/P01_tape9_a.mp4"][0].recording["source"] == "run/tape9"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "no regular expression"), ("anna", "not found in 2 of 2 paths.*'walk/a'"), ("", "not")],
)
def test_an_expression_that_does_not_fit_is_told(folder, pattern, said):
    with pytest.raises(GestaError, match=f"source from .*{said}"):
        plan_videos(folder("walk/a.mp4", "walk/b.mp4"), source_from=pattern)


WALK = "a.avi 1\nb.avi 2 \nnowhere.avi 1\nc.avi 0\n"


def test_split_files_in_a_folder_or_zip(folder, tmp_path):
    videos = folder("walk/a.mp4", "walk/b.mp4", "walk/c.mp4", "run/a.mp4", "run/b.mp4")
    splits = tmp_path / "splits"
    splits.mkdir()
    (splits / "walk_test_split1.txt").write_text(WALK)
    (splits / "run_test_split1.txt").write_text("a 2\n\nb.mkv 1\n")
    (splits / "run_test_split10.txt").write_text("a 1\nb 2\n")
    (splits / "run_test_split2.txt").write_text("a 1\nb 2\n")
    (splits / "readme.txt").write_text("not looked at")
    plan = plan_videos(videos, splits=splits)
    assert [protocol.name for protocol in plan.protocols] == ["split_1", "split_2", "split_10"]
    first = plan.protocols[0]
    assert first.train_ids == ("run/b", "walk/a") and first.test_ids == ("run/a", "walk/b")
    assert "names in them that are no videos here: 1" in first.note
    with zipfile.ZipFile(tmp_path / "splits.zip", "w") as archive:
        for path in splits.iterdir():
            archive.write(path, f"splits/{path.name}")
        archive.writestr("__MACOSX/splits/._walk_test_split1.txt", b"\0")
    assert plan_videos(videos, splits=tmp_path / "splits.zip").protocols == plan.protocols


def test_split_files_find_clips_of_a_class_that_lie_in_one_folder(folder, table, tmp_path):
    videos = folder("a.mp4", "b.mp4", "run/a.mp4")
    lines = ("file,label,start", "a.mp4,walk,", "b.mp4,walk,0", "b.mp4,walk,5", "run/a.mp4,run,")
    (tmp_path / "walk_test_split1.txt").write_text("a.avi 1\nb.avi 2\n")
    (split,) = plan_videos(videos, labels=table(*lines), splits=tmp_path).protocols
    assert (split.train_ids, split.test_ids) == (("a",), ("b@0-", "b@5-"))


def test_splits_as_a_table(folder, table):
    videos = folder("walk/a.mp4", "walk/b.mp4", "run/a.mp4", "run/c.mp4")
    lines = ("file,split", "walk/a.avi,train", "b,Test", "run/a,", "c.mov,train")
    plan = plan_videos(videos, splits=table(*lines, name="splits.csv"))
    (given,) = plan.protocols
    assert (given.name, given.test_ids) == ("given", ("walk/b",))
    assert given.train_ids == ("run/c", "walk/a")


BAD_SPLITS = {
    "which": (("file,split", "a,train", "walk/b,test"), ProtocolError, "'a' may be any of 2"),
    "none": (("file,split", "x,train", "y,test"), ProtocolError, "none .* said to train.*'x'"),
    "one side": (("file,split", "walk/a,test"), ProtocolError, "said to train, of 1 names"),
    "side": (("file,split", "walk/a,dev"), FormatError, "line 2, column split.*'dev'"),
    "both": (("file,split", "walk/a.avi,test", "walk/a,train"), FormatError, "in train and test"),
    "columns": (("file,part", "walk/a,test"), FormatError, "columns file,split, found file,part"),
}


@pytest.mark.parametrize(("lines", "error", "said"), BAD_SPLITS.values(), ids=BAD_SPLITS)
def test_splits_that_say_nothing_are_refused(folder, table, lines, error, said):
    videos = folder("walk/a.mp4", "walk/b.mp4", "run/a.mp4")
    with pytest.raises(error, match=said):
        plan_videos(videos, splits=table(*lines, name="splits.csv"))


@given(st.text(max_size=60))
def test_any_text_is_a_split_file_or_is_told(text):
    try:
        splits = {}
        add_split_file(splits, text.encode(errors="surrogatepass"), "walk_test_split1.txt")
    except FormatError as error:
        assert "walk_test_split1.txt: line" in str(error)
    else:
        train, test = splits["split_1"]
        assert not train & test and all(name.startswith("walk/") for name in train | test)


def test_a_folder_without_split_files_and_two_splits_at_once_are_refused(folder, table, tmp_path):
    videos = folder("walk/a.mp4", "walk/b.mp4")
    with pytest.raises(FormatError, match="_test_split.*found none; or give a CSV"):
        plan_videos(videos, splits=videos)
    named = table("file,label,split", "walk/a.mp4,x,train", "walk/b.mp4,x,test")
    splits = table("file,split", "walk/a.mp4,train", "walk/b.mp4,test", name="splits.csv")
    with pytest.raises(GestaError, match="has a column split, too"):
        plan_videos(videos, labels=named, splits=splits)


def test_jhmdb_goes_the_common_way(test_data):
    plan = plan_videos(
        test_data / "jhmdb" / "videos",
        splits=test_data / "jhmdb" / "splits.zip",
        source_from=r"^([^/]+)/(.+)_\1_",
    )
    sides = [(len(split.train_ids), len(split.test_ids)) for split in plan.protocols]
    assert sides == [(660, 268), (658, 270), (663, 265)]
    assert (plan.clips, len(plan.classes), plan.other, plan.unusable) == (928, 21, 0, {})
    assert len({cuts[0].recording["source"] for cuts in plan.cuts.values()}) == 410
