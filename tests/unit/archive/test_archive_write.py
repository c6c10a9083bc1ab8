"""Writing: what does not fit is refused, what is broken off is taken up, nothing is left half."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from gesta.archive import ArchiveWriter, Protocol, durable, open_archive, write_archive
from gesta.clip import VideoReference
from gesta.errors import ArchiveError
from gesta.skeleton import get_layout

CLASSES = ("wave", "walk", "sit")
CLIP_BYTES = 6 * 15 * 3 * 4


class Broken(Exception):
    """Stands for whatever stops a program."""


def write_until(path, clips, stop, **options):
    """Write clips, three a shard, and break off before number `stop`."""
    options = {"classes": CLASSES, "shard_bytes": 3 * CLIP_BYTES} | options
    with pytest.raises(Broken), ArchiveWriter(path, **options) as writer:
        for number, clip in enumerate(clips):
            if number == stop:
                raise Broken
            writer.add(clip)


@pytest.fixture
def singles(make_clip):
    return [make_clip(i) for i in range(20)]


def partial_of(path):
    return path.with_name(path.name + ".partial")


def resume(path, clips, **options):
    options = {"classes": CLASSES, "shard_bytes": 3 * CLIP_BYTES} | options
    with ArchiveWriter(path, **options) as writer:
        done = set(writer.done)
        for clip in clips:
            if clip.id not in writer.done:
                writer.add(clip)
        damage = writer.damage
    return done, damage


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_resumed_archive_is_the_same_as_one_that_was_not_broken(tmp_path, singles):
    path = tmp_path / "a"
    write_until(path, singles, 11)
    assert not path.exists()
    with pytest.raises(ArchiveError, match="not finished"):
        open_archive(path)
    done, damage = resume(path, singles)
    # Three shards, and the two clips at hand; the last one's source might have had more.
    assert done == {clip.id for clip in singles[:10]}
    assert damage == []
    assert [clip.id for clip in open_archive(path).clips] == [clip.id for clip in singles]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]
    assert "journal.jsonl" not in bytes_of(path)


def test_whole_shards_do_not_depend_on_a_break(tmp_path, singles):
    write_until(tmp_path / "a", singles, 9)
    resume(tmp_path / "a", singles)
    resume(tmp_path / "b", singles)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


@pytest.mark.parametrize("damage", ["cut", "flip", "header", "gone"])
def test_a_damaged_journal_is_noticed_and_its_clips_redone(tmp_path, singles, damage):
    path = tmp_path / "a"
    write_until(path, singles, 11)
    journal = partial_of(path) / "journal.jsonl"
    data = bytearray(journal.read_bytes())
    if damage == "gone":
        journal.unlink()
    elif damage == "cut":
        journal.write_bytes(data[:-20])
    else:
        data[len(data) // 2 if damage == "flip" else 30] ^= 1
        journal.write_bytes(data)
    done, told = resume(path, singles)
    assert len(done) < 10
    assert len(told) == 1 and "journal.jsonl" in told[0]
    assert [clip.id for clip in open_archive(path).clips] == [clip.id for clip in singles]
    for found, wanted in zip(open_archive(path).clips, singles, strict=True):
        np.testing.assert_array_equal(found.coords, wanted.coords)


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_shard_of_a_broken_archive_is_redone(tmp_path, singles, damage):
    path = tmp_path / "a"
    write_until(path, singles, 11)
    shard = partial_of(path) / "shard-00001.safetensors"
    data = bytearray(shard.read_bytes())
    data[-5] ^= 1
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(data if damage == "flip" else data[:100])
    done, told = resume(path, singles)
    assert done == {clip.id for clip in singles[:3]}
    assert len(told) == 1 and "shard-00001" in told[0]
    assert [clip.id for clip in open_archive(path).clips] == [clip.id for clip in singles]


def test_a_broken_archive_goes_on_with_the_same_settings_only(tmp_path, singles, make_clip):
    path = tmp_path / "a"
    write_until(path, singles, 5, provenance={"bodies": "energy"})
    with pytest.raises(ArchiveError, match="another provenance"):
        ArchiveWriter(path, classes=CLASSES, provenance={"bodies": "denoised"})
    with ArchiveWriter(path, classes=CLASSES, provenance={"bodies": "energy"}) as writer:
        assert writer.done
        open_key = singles[4].replace(coords=singles[4].coords + 1)
        with pytest.raises(ArchiveError, match="differs from what the broken run wrote"):
            writer.add(open_key)
    resume(path, singles, resume=False, overwrite=True)
    assert len(open_archive(path)) == 20


def test_a_source_of_many_clips_is_done_when_all_are_there(tmp_path, singles):
    path = tmp_path / "a"
    with pytest.raises(Broken), ArchiveWriter(path, classes=CLASSES, shard_bytes=1) as writer:
        for clip in singles[:5]:
            writer.add(clip, key="first")
        for clip in singles[5:10]:
            writer.add(clip, key="second")
        raise Broken
    with ArchiveWriter(path, classes=CLASSES) as writer:
        assert writer.done == {"first"}
        for clip in singles[5:]:
            writer.add(clip, key="second")
    assert [clip.id for clip in open_archive(path).clips] == [clip.id for clip in singles]


def test_what_was_skipped_is_told_and_tried_again(tmp_path, singles):
    path = tmp_path / "a"
    with pytest.raises(Broken), ArchiveWriter(path, classes=CLASSES) as writer:
        writer.add(singles[0])
        writer.skip("b.txt", "is empty")
        writer.add(singles[1])
        raise Broken
    with ArchiveWriter(path, classes=CLASSES) as writer:
        assert "b.txt" not in writer.done
        writer.skip("b.txt", "still is")
    archive = open_archive(path)
    assert archive.skipped == [{"name": "b.txt", "reason": "still is"}]
    assert archive.counts["skipped"] == 1
    assert archive.ids == [clip.id for clip in singles[:2]]


def test_shards_close_by_time(tmp_path, singles):
    now = [0.0]
    options = {"classes": CLASSES, "shard_seconds": 60, "clock": lambda: now[0]}
    with ArchiveWriter(tmp_path / "a", **options) as writer:
        for clip in singles:
            writer.add(clip)
            now[0] += 10
    assert [s.entry.clips for s in open_archive(tmp_path / "a").shards] == [7, 7, 6]


FILL = """
import resource, sys
import numpy as np
from gesta.archive import ArchiveWriter
from gesta.clip import Clip
from gesta.errors import ArchiveError
from gesta.skeleton import get_layout
path, most = sys.argv[1:]
layout = get_layout("sbu_15")
def clips():
    for i in range(9):
        frames = 400 if i == 8 else 10
        yield Clip(np.full((1, frames, 15, 3), i, np.float32), layout, id=str(i), label=0)
if int(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
try:
    with ArchiveWriter(path, classes=["a"], shard_bytes=8000) as writer:
        print(sorted(writer.done))
        for clip in clips():
            if clip.id not in writer.done:
                writer.add(clip)
except ArchiveError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files by setrlimit")
def test_a_write_that_the_system_refuses(tmp_path):
    path = tmp_path / "a"
    run = [sys.executable, "-c", FILL, str(path)]
    first = subprocess.run([*run, "30000"], capture_output=True, text=True)
    assert first.returncode == 1
    assert "cannot write a shard: File too large" in first.stderr
    assert "run the same command again" in first.stderr and "Traceback" not in first.stderr
    assert not path.exists()
    assert not list(partial_of(path).glob("*.tmp"))
    second = subprocess.run([*run, "0"], capture_output=True, text=True)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.split() == str([str(i) for i in range(8)]).split()
    assert open_archive(path).ids == [str(i) for i in range(9)]


@pytest.mark.parametrize("at", range(4, 30))
def test_a_full_disk_at_any_moment(tmp_path, singles, monkeypatch, at):
    path = tmp_path / "a"
    calls, sync = [], os.fsync

    def full(handle):
        calls.append(handle)
        if len(calls) >= at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(durable.os, "fsync", full)
    try:
        resume(path, singles[:9])
        assert at > 10, "the disk was full, and nobody noticed"
    except ArchiveError as error:
        assert "No space left" in str(error) and "again to go on" in str(error)
        if path.exists():
            # Only the name of the whole archive was not yet forced to disk.
            assert len(open_archive(path)) == 9
        else:
            assert partial_of(path).is_dir()
    monkeypatch.setattr(durable.os, "fsync", sync)
    if not path.exists():
        resume(path, singles[:9])
    assert open_archive(path).ids == [clip.id for clip in singles[:9]]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_where_a_file_can_be_written_is_known_before(tmp_path):
    (tmp_path / "file").touch()
    for possible in ("new", "file", "a/b/new"):
        durable.check_place(tmp_path / possible)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for impossible in ("", "file/new", "file/a/b", "x" * 300):
        with pytest.raises(OSError):
            durable.check_place(tmp_path / impossible)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="everything is permitted")
def test_a_folder_that_cannot_be_written_in_is_known_before(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="locked"):
        durable.check_place(tmp_path / "locked" / "new")


def test_write_archive_leaves_nothing_behind(tmp_path, singles):
    def clips():
        yield from singles[:5]
        raise Broken

    with pytest.raises(Broken):
        write_archive(tmp_path / "a", clips(), CLASSES)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_target(tmp_path, singles):
    path = tmp_path / "a"
    path.mkdir()
    write_archive(path, singles[:3], CLASSES)
    with pytest.raises(ArchiveError, match="something already"):
        write_archive(path, singles, CLASSES)
    assert len(open_archive(path)) == 3
    assert len(write_archive(path, singles, CLASSES, overwrite=True)) == 20
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    with pytest.raises(ArchiveError, match="no archive"):
        write_archive(home, singles, CLASSES, overwrite=True)
    assert (home / "letter.txt").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "home"]


def test_two_writers_at_once(tmp_path, singles):
    pytest.importorskip("fcntl")
    with ArchiveWriter(tmp_path / "a", classes=CLASSES) as writer:
        with pytest.raises(ArchiveError, match="another process"):
            ArchiveWriter(tmp_path / "a", classes=CLASSES)
        writer.add(singles[0])


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    folder = tmp_path / "a.partial"
    folder.mkdir()
    (folder / "thesis.tex").write_text("...")
    with pytest.raises(ArchiveError, match=r"found 'thesis\.tex'"):
        ArchiveWriter(tmp_path / "a", classes=CLASSES)
    assert (folder / "thesis.tex").exists()


def refused(tmp_path, clips, match, classes=CLASSES, **options):
    with pytest.raises(ArchiveError, match=match):
        write_archive(tmp_path / "a", clips, classes, **options)
    assert list(tmp_path.iterdir()) == []


def test_clips_that_do_not_fit_together(tmp_path, make_clip):
    clip = make_clip(0)
    kinect = make_clip(1, layout=get_layout("kinect_v1_20"))
    refused(tmp_path, [clip, kinect], "has layout kinect_v1_20, the archive's is sbu_15")
    refused(tmp_path, [clip, make_clip(1, space="pixels")], "has space pixels")
    flat = make_clip(1, coords=clip.coords[..., :2], channels=("x", "y"))
    refused(tmp_path, [clip, flat], "has channels")
    refused(tmp_path, [clip, make_clip(1, id=clip.id)], "comes again|two clips have the id")
    refused(tmp_path, [make_clip(0, id="")], "no id")
    refused(tmp_path, [make_clip(0, label=3)], "label 3, and there are 3 classes")
    refused(tmp_path, [make_clip(0, label=2)], "label 2, and there are 0 classes", classes=())
    refused(tmp_path, [make_clip(0, camera=2**40)], "32-bit")
    refused(tmp_path, [make_clip(0, subject="\ud800")], "no valid Unicode")
    refused(tmp_path, [], "no clip was added")
    refused(tmp_path, [clip], "class names repeat", classes=["a", "a"])
    refused(tmp_path, [clip], "plain JSON", provenance={"array": np.zeros(3)})
    twice = [Protocol("p", test_ids=("a",)), Protocol("p", test_ids=("b",))]
    refused(tmp_path, [clip], "same name", protocols=twice)


@pytest.mark.parametrize("path", ["/home/me/a.mp4", "../a.mp4", "C:\\a.mp4", "a/../../b.mp4"])
def test_videos_are_referred_to_by_relative_path(tmp_path, make_clip, path):
    clip = make_clip(0, video=VideoReference(path, np.zeros(6)))
    refused(tmp_path, [clip], "relative to the folder of videos")


def test_two_clips_of_one_source_with_one_id(tmp_path, make_clip):
    with ArchiveWriter(tmp_path / "a", classes=CLASSES) as writer:
        writer.add(make_clip(0), key="s")
        with pytest.raises(ArchiveError, match="two clips have the id"):
            writer.add(make_clip(0), key="s")


def test_protocols_and_classes_may_follow_from_the_clips(tmp_path, singles):
    writer = ArchiveWriter(tmp_path / "a")
    for clip in singles:
        writer.add(clip)
    archive = writer.close(
        classes=CLASSES,
        protocols=lambda table: [Protocol("first", test_ids=tuple(table.ids[:4]))],
    )
    assert archive.split("first")["test"].tolist() == [0, 1, 2, 3]
    with pytest.raises(ArchiveError, match="closed"):
        writer.add(singles[0])
    with pytest.raises(ArchiveError, match="closed"):
        writer.close()


def test_a_writer_without_a_usable_clip_leaves_nothing(tmp_path):
    with pytest.raises(ArchiveError, match=r"no clip was added; .*: is empty"):
        with ArchiveWriter(tmp_path / "a") as writer:
            writer.skip("a.txt", "is empty")
    assert list(tmp_path.iterdir()) == []
