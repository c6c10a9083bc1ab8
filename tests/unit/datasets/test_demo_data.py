"""The poses that come with the package, and the script that makes them of an archive."""

import runpy
import sys

import numpy as np
import pytest

from gesta.archive import Archive, Protocol, diagnose, train_and_test, write_archive
from gesta.clip import Clip
from gesta.datasets.demo import DEMO_FILE, write_demo_archive
from gesta.errors import ArchiveError, FormatError
from gesta.skeleton import get_layout

SCRIPT = DEMO_FILE.parents[4] / "scripts" / "make_demo_data.py"
COUNTS = {"split_1": (660, 268), "split_2": (658, 270), "split_3": (663, 265)}
CLASSES = ["golf", "wave"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Archive:
    return write_demo_archive(tmp_path_factory.mktemp("demo") / "archive")


def test_all_clips_and_splits_are_there(shipped):
    assert (len(shipped), len(shipped.classes), len(set(shipped.table.source))) == (928, 21, 410)
    assert (shipped.dataset, shipped.layout.name, shipped.space) == ("jhmdb", "coco_17", "pixels")
    sides = {name: train_and_test(shipped.protocols[name], shipped.table) for name in COUNTS}
    assert {name: (len(train), len(test)) for name, (train, test) in sides.items()} == COUNTS
    for clip_id, label in zip(shipped.ids, shipped.labels, strict=True):
        assert clip_id.startswith(f"{shipped.classes[label]}/")


def test_doctor_finds_no_error(shipped):
    assert diagnose(shipped).errors == []


def test_the_poses_are_people_in_their_frames(shipped):
    clips = list(shipped.clips)
    assert sum(clip.persons == 0 for clip in clips) < 10
    assert {clip.frame_size for clip in clips} == {(320, 240)}
    assert all(15 <= clip.frames <= 40 and 25 < clip.frame_rate <= 30 for clip in clips)
    flat = shipped.flat()
    inside = (flat.coords >= -16) & (flat.coords <= [336, 256])
    assert np.isfinite(flat.confidence).all() and (inside | np.isnan(flat.coords)).all()
    nose, ankle = (shipped.layout.index(joint) for joint in ("nose", "left_ankle"))
    below = flat.coords[:, ankle, 1] - flat.coords[:, nose, 1]
    assert (below[~np.isnan(below)] > 0).mean() > 0.8  # y is down


def test_it_is_small_and_says_where_it_comes_from(shipped):
    assert DEMO_FILE.stat().st_size < 3e6
    notice = (DEMO_FILE.parent / "README.md").read_text("utf-8")
    assert all(word in notice for word in ("J-HMDB", "HMDB51", "CC BY 4.0", "MoveNet"))
    assert shipped.provenance["estimator"] == "movenet" and "videos" not in shipped.provenance
    assert shipped.provenance["licence"].startswith("CC BY 4.0")


def extracted(path, frame_sizes=((320, 240),) * 4) -> Archive:
    """Clips of two, no and one person, with a gap, as `gesta extract` writes them."""
    random, clips = np.random.default_rng(0), []
    for number, (persons, frames) in enumerate([(2, 5), (0, 4), (1, 3), (1, 6)]):
        coords = random.uniform(0, 320, (persons, frames, 17, 2)).astype(np.float32)
        confidence = random.uniform(0, 1, (persons, frames, 17)).astype(np.float32)
        coords[-1:, 1], confidence[-1:, 1] = np.nan, 0
        action = CLASSES[number % 2]
        clips.append(
            Clip(
                coords,
                get_layout("coco_17"),
                ("x", "y"),
                "pixels",
                confidence=confidence,
                pixels=coords,
                frame_rate=25 + number / 7,
                frame_size=frame_sizes[number],
                id=f"{action}/{number}",
                label=number % 2,
                source=f"{action}/film {number}",
            )
        )
    ids = [clip.id for clip in clips]
    parts = [Protocol(f"split_{n}", train_ids=ids[:n], test_ids=ids[n:3]) for n in (1, 2)]
    about = {"videos": "../elsewhere", "estimator": "movenet", "options": {"size": 256}}
    return write_archive(path, clips, CLASSES, dataset="x", protocols=parts, provenance=about)


def make(monkeypatch, archive: Archive, out):
    monkeypatch.setattr(sys, "argv", ["make_demo_data.py", str(archive.path), "--out", str(out)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    return out


def test_what_the_script_writes_is_read_back(tmp_path, monkeypatch, capsys):
    archive = extracted(tmp_path / "archive")
    file = make(monkeypatch, archive, tmp_path / "new" / "demo.npz")
    assert "4 clips" in capsys.readouterr().out
    demo = write_demo_archive(tmp_path / "out", demo=file)
    assert (demo.ids, demo.classes, demo.dataset) == (archive.ids, archive.classes, "jhmdb")
    for clip, original in zip(demo.clips, archive.clips, strict=True):
        for field in ("label", "source", "frame_rate", "frame_size", "persons", "frames"):
            assert getattr(clip, field) == getattr(original, field)
        np.testing.assert_allclose(clip.coords, original.coords, atol=0.125)
        np.testing.assert_allclose(clip.confidence, original.confidence, atol=1e-3)
    for name in ("split_1", "split_2"):
        for ours, theirs in zip(
            train_and_test(demo.protocols[name], demo.table),
            train_and_test(archive.protocols[name], archive.table),
            strict=True,
        ):
            assert ours.tolist() == theirs.tolist()
    again = make(monkeypatch, archive, tmp_path / "again.npz")
    assert again.read_bytes() == file.read_bytes()


def test_frames_of_several_sizes_are_refused(tmp_path, monkeypatch):
    sizes = ((320, 240), (320, 240), (640, 480), (320, 240))
    archive = extracted(tmp_path / "archive", sizes)
    with pytest.raises(SystemExit, match="one size"):
        make(monkeypatch, archive, tmp_path / "demo.npz")


def test_what_cannot_be_read_or_written_is_said(tmp_path, shipped):
    damaged = tmp_path / "demo.npz"
    damaged.write_bytes(DEMO_FILE.read_bytes()[:-100])
    with pytest.raises(FormatError, match=r"demo\.npz"):
        write_demo_archive(tmp_path / "out", demo=damaged)
    with pytest.raises(ArchiveError, match="already"):
        write_demo_archive(shipped.path)
