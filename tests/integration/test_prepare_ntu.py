"""A small NTU folder, by the command line, with one process and with several."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from gesta.archive import open_archive
from gesta.cli import main
from gesta.datasets import prepare

EMPTY = "S001C002P002R001A005.skeleton"
DAMAGED = "S001C002P002R001A006.skeleton"


def clip_text(random, frames=12):
    lines = [str(frames)]
    for _ in range(frames):
        lines += ["1", "72057594037931101 0 1 1 1 1 0 0.02 0.05 2", "25"]
        for x, y, z in random.normal(size=(25, 3)).round(6).tolist():
            lines.append(f"{x} {y} {z} 277.4 191.8 960.5 540.5 -0.2 0.05 0.9 -0.1 2")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two actions by four performers before three cameras, one clip empty and one damaged."""
    folder = tmp_path_factory.mktemp("ntu") / "nturgb+d_skeletons"
    folder.mkdir()
    random = np.random.default_rng(0)
    for performer in (1, 2, 3, 4):
        for camera in (1, 2, 3):
            for action in (5, 6):
                name = f"S001C{camera:03d}P{performer:03d}R001A{action:03d}.skeleton"
                (folder / name).write_text(clip_text(random))
    (folder / EMPTY).write_text("2\n0\n0\n")
    (folder / DAMAGED).write_text("2\n1\n")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "S001C001P001R001A070.skeleton").write_text("not of the first 60 actions")
    return folder


def test_the_command_line_prepares_an_archive(source, tmp_path, capsys):
    status = main(["prepare", "ntu60", str(source), "--out", str(tmp_path / "ntu"), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (document["clips"], document["empty"], document["layout"]) == (23, 1, "kinect_v2_25")
    (skipped,) = document["skipped"]
    assert skipped["name"] == DAMAGED and "line 4" in skipped["reason"]
    archive = open_archive(tmp_path / "ntu")
    assert archive.ids == sorted(archive.ids) and len(archive.classes) == 60
    assert archive.read(0).pixels.shape == (1, 12, 25, 2)
    parts = archive.split("cross_subject")
    assert sum(map(len, parts.values())) == 22
    assert {archive.table.subject[index] for index in parts["test"]} == {"3"}
    assert sum(map(len, archive.split("cross_subject_all").values())) == 23
    views = archive.split("cross_view")
    assert {archive.table.camera[index] for index in views["test"]} == {1}
    assert archive.protocol_names("cross_view") == ["cross_view"]


def test_strict_stops_with_the_file_and_its_line(source, tmp_path, capsys):
    out = tmp_path / "ntu"
    assert main(["prepare", "ntu60", str(source), "--out", str(out), "--strict"]) == 1
    message = capsys.readouterr().err
    assert f"gesta: error: {DAMAGED}: line 4" in message and not out.exists()


def test_several_processes_and_a_zip_give_the_same_archive(source, tmp_path):
    shutil.make_archive(str(tmp_path / "ntu"), "zip", source.parent, source.name)
    assert zipfile.is_zipfile(tmp_path / "ntu.zip")
    options = {"bodies": "denoised", "persons": 1}
    one = prepare("ntu60", source, tmp_path / "one", processes=1, **options)
    two = prepare("ntu60", tmp_path / "ntu.zip", tmp_path / "two", processes=2, **options)
    assert one.ids == two.ids and one.labels.tolist() == two.labels.tolist()
    for ours, theirs in zip(one.clips, two.clips, strict=True):
        np.testing.assert_array_equal(ours.coords, theirs.coords)
    assert [entry["reason"].split(": ", 1)[1] for entry in two.skipped] == [
        entry["reason"].split(": ", 1)[1] for entry in one.skipped
    ]


def test_several_processes_broken_off_go_on(source, tmp_path):
    def stop(done, total):
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("ntu60", source, tmp_path / "out", processes=2, progress=stop)
    assert (tmp_path / "out.partial").exists() and not (tmp_path / "out").exists()
    done = []
    archive = prepare("ntu60", source, tmp_path / "out", progress=lambda n, of: done.append(n))
    assert 5 < done[0] <= 10 and done[-1] == 24 and len(archive) == 23


def test_unknown_names_are_told(source, tmp_path, capsys):
    assert main(["prepare", "ntu61", str(source), "--out", str(tmp_path / "ntu")]) == 1
    assert "did you mean ntu60" in capsys.readouterr().err
    assert main(["prepare", "ntu60", str(source / "no"), "--out", str(tmp_path / "ntu")]) == 1
    assert "no such file or folder" in capsys.readouterr().err


def test_data_sets_are_listed(capsys):
    assert main(["datasets", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert len(found["ntu120"]["classes"]) == 120
    assert found["uestc"]["protocols"] == ["cross_subject", "cross_view_2"]
    assert main(["datasets"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in found)
