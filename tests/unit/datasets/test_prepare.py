"""From files to an archive: order, what is skipped, what is refused, going on after a break."""

import dataclasses
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from gesta.archive import open_archive
from gesta.clip import Clip, map_to_layout
from gesta.datasets import (
    DataSet,
    ParseOptions,
    get_dataset,
    list_datasets,
    prepare,
    register_dataset,
)
from gesta.errors import ArchiveError, FormatError, GestaError
from gesta.media import Camera, project
from gesta.skeleton import get_layout


def parse(name, data, options):
    """A made-up format: JSON with label, persons and bodies; "several" gives several clips."""
    if not data.startswith(b"{"):
        raise FormatError(name, "byte 0", "an object", repr(data[:8].decode()))
    content = json.loads(data)
    layout = options.layout or get_layout("kinect_v1_20")
    persons = content.get("persons", 1)
    coords = np.arange(persons * 2 * len(layout) * 3, dtype=np.float32)
    clip = Clip(
        coords.reshape(persons, 2, len(layout), 3) + content["label"] + 1,
        layout,
        id=name.removesuffix(".json"),
        label=content["label"],
        subject=options.bodies,
        source=options.side,
    )
    several = range(content.get("several", 1))
    return [clip.replace(id=f"{clip.id}{i or ''}") for i in several]


def selects(name):
    return name.endswith(".json")


TOY = DataSet(
    name="toy",
    title="Toys",
    expects="*.json",
    selects=selects,
    parse=parse,
    layout="kinect_v1_20",
    classes=("zero", "one", "two"),
    bodies=("all", "best"),
)
FREE = dataclasses.replace(TOY, name="free", layout=None, classes=())


@pytest.fixture
def folder(tmp_path):
    """Ten files, of which number 3 is damaged, 5 is empty and 7 holds two clips."""
    path = tmp_path / "files"
    path.mkdir()
    for number in range(10):
        content = {"label": number % 3, "persons": 0 if number == 5 else 3}
        content["several"] = 2 if number == 7 else 1
        (path / f"{number}.json").write_text("?!" if number == 3 else json.dumps(content))
    (path / "notes.txt").write_text("not selected")
    return path


OURS = ["ntu60", "ntu120", "kinetics", "kinetics_motion", "sysu", "uestc"]
IDS = ["0", "1", "2", "4", "5", "6", "7", "71", "8", "9"]


def test_all_that_reads_is_kept_and_the_rest_is_listed(folder, tmp_path):
    seen = []
    archive = prepare(TOY, folder, tmp_path / "out", progress=lambda *step: seen.append(step))
    assert archive.ids == IDS and archive.classes == TOY.classes
    assert archive.labels.tolist() == [0, 1, 2, 1, 2, 0, 1, 1, 2, 0]
    assert archive.persons.tolist() == [3, 3, 3, 3, 0, 3, 3, 3, 3, 3]
    assert [entry["name"] for entry in archive.skipped] == ["3.json"]
    assert archive.skipped[0]["reason"] == "byte 0: expected an object, found '?!'"
    assert seen == [(done, 10) for done in range(11)]
    assert archive.dataset == "toy" and archive.provenance["source"] == "files"
    assert not (tmp_path / "out.partial").exists()


def test_two_files_of_one_clip_are_both_named(tmp_path):
    (tmp_path / "uestc").mkdir()
    stem = "uestc/a0_d1_p001_c1_skeleton"
    frame = "\n".join(["#", *(["1 2 3 0", "4 5 1", "6 7 2"] * 25)])
    (tmp_path / f"{stem}.txt").write_text(frame)
    savemat(tmp_path / f"{stem}.mat", {"skel": np.ones((1, 25, 3))})
    named = rf"{Path(stem).name}.mat and {Path(stem).name}.txt: both have the clip 'a0_d1_p001_c1'"
    with pytest.raises(ArchiveError, match=named):
        prepare("uestc", tmp_path / "uestc", tmp_path / "out")
    (tmp_path / f"{stem}.txt").unlink()
    assert prepare("uestc", tmp_path / "uestc", tmp_path / "out").ids == ["a0_d1_p001_c1"]


def test_labels_known_to_be_wrong_are_corrected_unless_the_published_are_asked_for(
    folder, tmp_path
):
    toy = dataclasses.replace(TOY, corrections={"1": 2, "71": 0})
    corrected = prepare(toy, folder, tmp_path / "corrected")
    assert corrected.labels.tolist() == [0, 2, 2, 1, 2, 0, 1, 0, 2, 0]
    assert corrected.provenance["corrected_labels"] == ["1", "71"]
    published = prepare(toy, folder, tmp_path / "published", published_labels=True)
    assert published.labels.tolist() == [0, 1, 2, 1, 2, 0, 1, 1, 2, 0]
    assert published.provenance["corrected_labels"] == []


def test_a_camera_gives_joints_in_metres_their_pixels(folder, tmp_path):
    camera = Camera(500.0, 400.0, 320.0, 240.0, (640, 480))
    archive = prepare(TOY, folder, tmp_path / "out", camera=camera)
    clip = archive.read(0)
    np.testing.assert_allclose(clip.pixels, project(clip.coords, camera), rtol=1e-3)
    assert clip.frame_size == (640, 480) and np.isfinite(clip.pixels).any()
    assert archive.provenance["camera"]["fx"] == 500.0


def test_a_camera_is_refused_for_joints_that_are_pixels_already(folder, tmp_path):
    toy = dataclasses.replace(TOY, space="pixels", channels=("x", "y"))
    with pytest.raises(GestaError, match="in metres; those of toy are in pixels: leave it out"):
        prepare(toy, folder, tmp_path / "out", camera=Camera(500.0, 500.0, 320.0, 240.0))


def test_a_stream_keeps_its_order(folder, tmp_path):
    order = [9, 0, 4, 1]
    with tarfile.open(tmp_path / "files.tar.gz", "w:gz") as stream:
        for number in order:
            stream.add(folder / f"{number}.json", f"{number}.json")
    seen = []
    archive = prepare(
        TOY, tmp_path / "files.tar.gz", tmp_path / "out", progress=lambda *step: seen.append(step)
    )
    assert archive.ids == [str(number) for number in order]
    assert seen == [(done, None) for done in range(5)]


def test_strict_stops_at_the_first_damaged_file(folder, tmp_path):
    with pytest.raises(FormatError, match=r"3\.json: byte 0"):
        prepare(TOY, folder, tmp_path / "out", strict=True)
    assert not (tmp_path / "out").exists()


def test_broken_off_it_goes_on_where_it_was(folder, tmp_path):
    whole = prepare(TOY, folder, tmp_path / "whole")

    def stop(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(TOY, folder, tmp_path / "out", progress=stop)
    assert not (tmp_path / "out").exists() and (tmp_path / "out.partial").exists()
    parsed = []
    again = dataclasses.replace(TOY, parse=lambda *given: parsed.append(given[0]) or parse(*given))
    seen = []
    archive = prepare(again, folder, tmp_path / "out", progress=lambda *step: seen.append(step))
    # What was skipped is tried again, and of the rest only what had not come to an end.
    assert parsed[0] == "3.json" and parsed[1] in ("5.json", "6.json")
    assert seen[-1] == (10, 10)
    assert archive.ids == whole.ids and archive.skipped == whole.skipped
    for one, other in zip(archive.clips, whole.clips, strict=True):
        np.testing.assert_array_equal(one.coords, other.coords)


def test_broken_off_with_other_options_it_does_not_mix(folder, tmp_path):
    def stop(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(TOY, folder, tmp_path / "out", progress=stop)
    with pytest.raises(ArchiveError, match=r"out\.partial"):
        prepare(TOY, folder, tmp_path / "out", bodies="best")


def test_bodies_and_side_reach_the_parser(folder, tmp_path):
    dataset = dataclasses.replace(TOY, side=lambda source: source.path.name)
    archive = prepare(dataset, folder, tmp_path / "out", bodies="best")
    assert set(archive.table.subject) == {"best"} and set(archive.table.source) == {"files"}
    assert archive.provenance["bodies"] == "best"
    default = prepare(TOY, folder, tmp_path / "default")
    assert set(default.table.subject) == {"all"}


def test_persons_are_limited_to_the_first(folder, tmp_path):
    archive = prepare(TOY, folder, tmp_path / "out", persons=2)
    assert archive.persons.max() == 2 and archive.persons.min() == 0
    whole = prepare(TOY, folder, tmp_path / "whole")
    np.testing.assert_array_equal(archive.read(0).coords, whole.read(0).coords[:2])


def test_joints_are_mapped_where_the_files_have_a_layout(folder, tmp_path):
    archive = prepare(TOY, folder, tmp_path / "out", layout="kinect_v2_25")
    assert archive.layout.name == "kinect_v2_25"
    (clip,) = parse("0.json", (folder / "0.json").read_bytes(), ParseOptions())
    mapped = map_to_layout(clip, get_layout("kinect_v2_25"))
    np.testing.assert_array_equal(archive.read(0).coords, mapped.coords)


def test_the_layout_asked_for_is_that_of_files_without(folder, tmp_path):
    archive = prepare(FREE, folder, tmp_path / "out", layout="coco_17")
    assert archive.layout.name == "coco_17" and not np.isnan(archive.read(0).coords).any()
    assert prepare(FREE, folder, tmp_path / "first").layout.name == "kinect_v1_20"


def test_classes_may_be_named_when_all_is_read(folder, tmp_path):
    assert prepare(FREE, folder, tmp_path / "out").classes == ("0", "1", "2")
    named = dataclasses.replace(FREE, class_names=lambda table, side: ("a", "b", "c", "d"))
    assert prepare(named, folder, tmp_path / "named").classes == ("a", "b", "c", "d")


def test_a_source_without_such_files_says_what_was_looked_for(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("text")
    with pytest.raises(GestaError, match=r"looked for \*\.json; no file there"):
        prepare(TOY, tmp_path / "files", tmp_path / "out")
    (tmp_path / "files" / "a.json").write_text("text")
    with pytest.raises(GestaError, match=r"of 1 such files none.* a\.json: byte 0"):
        prepare(TOY, tmp_path / "files", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files"]


def test_a_file_that_may_not_be_read_is_skipped(folder, tmp_path):
    (folder / "1.json").unlink()
    (folder / "1.json").mkdir()  # selected by its name, and no file
    (folder / "2.json").unlink()
    (folder / "2.json").symlink_to(folder / "nowhere.json")
    archive = prepare(TOY, folder, tmp_path / "out")
    assert [entry["name"] for entry in archive.skipped] == ["2.json", "3.json"]
    assert "expected a file that can be read" in archive.skipped[0]["reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bodies": "most"}, "offers the bodies all, best; found 'most'"),
        ({"persons": 0}, "persons is a number from 1; found 0"),
        ({"processes": 0}, "processes is a number from 1; found 0"),
        ({"layout": "octopus"}, "unknown layout 'octopus'"),
    ],
)
def test_wrong_options_are_told_and_leave_nothing(folder, tmp_path, options, message):
    with pytest.raises(GestaError, match=message):
        prepare(TOY, folder, tmp_path / "out", **options)
    assert not list(tmp_path.glob("out*"))


def test_an_archive_that_is_there_stays_unless_told_otherwise(folder, tmp_path):
    prepare(TOY, folder, tmp_path / "out")
    with pytest.raises(ArchiveError, match="already"):
        prepare(TOY, folder, tmp_path / "out", persons=1)
    archive = prepare(TOY, folder, tmp_path / "out", persons=1, overwrite=True)
    assert archive.persons.max() == 1 == open_archive(tmp_path / "out").persons.max()


def test_an_error_in_a_program_is_no_damaged_file(folder, tmp_path):
    def broken(name, data, options):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        prepare(dataclasses.replace(TOY, parse=broken), folder, tmp_path / "out")


def test_data_sets_are_found_by_name():
    assert set(OURS) <= set(list_datasets())
    with pytest.raises(GestaError, match="unknown data set 'ntu6'.*; did you mean ntu60"):
        get_dataset("ntu6")
    with pytest.raises(ValueError, match="registered already"):
        register_dataset(dataclasses.replace(TOY, name="ntu60"))


@pytest.mark.parametrize(
    "name", ["ntu60", "ntu120", "kinetics", "kinetics_motion", "sysu", "uestc"]
)
def test_every_data_set_tells_what_it_is(name):
    dataset = get_dataset(name)
    assert dataset.title and dataset.expects and dataset.licence and dataset.citation
    assert dataset.protocol_names and len(set(dataset.classes)) == len(dataset.classes)
    assert get_layout(dataset.layout)


def test_junk_that_is_called_like_a_clip_is_skipped_by_every_data_set(tmp_path):
    names = {
        "ntu60": "S001C001P001R001A001.skeleton",
        "ntu120": "S018C001P001R001A061.skeleton",
        "kinetics": "kinetics_train/a.json",
        "kinetics_motion": "kinetics_train/a.json",
        "sysu": "3DvideoNorm/s1/video1/sklWorld.mat",
        "uestc": "a0_d1_p001_c1_skeleton.txt",
    }
    for dataset, name in names.items():
        with tarfile.open(tmp_path / f"{dataset}.tar", "w") as stream:
            entry = tarfile.TarInfo(name)
            entry.size = 4
            stream.addfile(entry, io.BytesIO(b"\x00\xffab"))
        with pytest.raises(GestaError, match="of 1 such files none could be read"):
            prepare(dataset, tmp_path / f"{dataset}.tar", tmp_path / "out")
