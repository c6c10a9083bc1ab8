"""What is written comes back, one clip at a time and all at once."""

import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.archive import ArchiveWriter, ClipTable, open_archive, write_archive
from gesta.clip import Clip, VideoReference
from gesta.errors import ArchiveError
from gesta.skeleton import Layout, get_layout

SCALARS = ("id", "label", "subject", "camera", "setup", "replication", "source", "frame_rate")


def assert_same(found, wanted):
    for name in (*SCALARS, "frame_size", "layout", "channels", "space"):
        assert getattr(found, name) == getattr(wanted, name), name
    for name in ("coords", "confidence", "pixels"):
        a, b = getattr(found, name), getattr(wanted, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    assert (found.video is None) == (wanted.video is None)
    if found.video is not None:
        assert found.video.path == wanted.video.path
        np.testing.assert_array_equal(found.video.times, wanted.video.times)


@st.composite
def any_clip(draw):
    layout = get_layout("sbu_15")
    persons, frames = draw(st.integers(0, 3)), draw(st.integers(0, 5))
    drawn = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (persons, frames, len(layout))
    coords = drawn.normal(size=(*shape, 3)).astype(np.float32)
    coords[drawn.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
    video = VideoReference("clips/a b ü.mp4", np.arange(frames) / 30)
    text, number = st.none() | st.text(max_size=4), st.none() | st.integers(-5, 2**31 - 1)
    return Clip(
        coords,
        layout,
        confidence=drawn.random(shape, dtype=np.float32) if draw(st.booleans()) else None,
        pixels=drawn.random((*shape, 2), dtype=np.float32) if draw(st.booleans()) else None,
        frame_rate=draw(st.none() | st.floats(1e-3, 240)),
        frame_size=draw(st.none() | st.just((640, 480))),
        video=draw(st.none() | st.just(video)),
        label=draw(st.none() | st.integers(0, 2)),
        subject=draw(text.filter(lambda t: t is None or t.isprintable())),
        source=draw(text.filter(lambda t: t is None or t.isprintable())),
        camera=draw(number),
        setup=draw(number),
        replication=draw(number),
    )


@settings(max_examples=12)
@given(st.lists(any_clip(), min_size=1, max_size=4), st.sampled_from([1, 2000, 2**20]))
def test_any_clips_come_back_as_they_were(tmp_path_factory, drawn, shard_bytes):
    clips = [clip.replace(id=f"é{i}") for i, clip in enumerate(drawn)]
    path = tmp_path_factory.mktemp("archives") / "any"
    with ArchiveWriter(path, classes="abc", shard_bytes=shard_bytes) as writer:
        for clip in clips:
            writer.add(clip)
    archive = open_archive(path)
    assert len(archive) == len(clips)
    for found, wanted in zip(archive.clips, clips, strict=True):
        assert_same(found, wanted)
    assert archive.counts["without_rows"] == sum(c.persons * c.frames == 0 for c in clips)
    table, wanted = archive.table, ClipTable.from_clips(clips)
    for name in ("ids", "subject", "source", "camera", "setup", "replication"):
        assert getattr(table, name) == getattr(wanted, name)
    np.testing.assert_array_equal(table.labels, wanted.labels)
    np.testing.assert_array_equal(table.digests, wanted.digests)
    check_flat(archive, clips, None)
    check_flat(archive, clips, list(range(len(clips)))[::-2])


def check_flat(archive, clips, indices):
    flat = archive.flat(indices)
    chosen = clips if indices is None else [clips[i] for i in indices]
    np.testing.assert_array_equal(flat.persons, [c.persons for c in chosen])
    np.testing.assert_array_equal(flat.frames, [c.frames for c in chosen])
    joints = len(archive.layout)
    rows = [c.coords.reshape(c.persons * c.frames, joints, 3) for c in chosen]
    np.testing.assert_array_equal(flat.coords, np.concatenate(rows))
    np.testing.assert_array_equal(flat.offsets, np.cumsum([0, *(len(r) for r in rows)]))
    if all(c.confidence is None for c in clips):
        assert flat.confidence is None
    else:
        wanted = [
            ~np.isnan(c.coords[..., 0]) if c.confidence is None else c.confidence for c in chosen
        ]
        rows = [w.astype(np.float32).reshape(-1, joints) for w in wanted]
        np.testing.assert_array_equal(flat.confidence, np.concatenate(rows))


def test_clips_are_a_sequence(archive, clips):
    assert len(archive.clips) == 30
    assert archive.clips[-1].id == clips[-1].id
    assert [clip.id for clip in archive.clips[5:9:2]] == [clips[5].id, clips[7].id]
    with pytest.raises(IndexError):
        archive.clips[30]
    with pytest.raises(IndexError, match="no number -1"):
        archive.read(-1)
    with pytest.raises(IndexError):
        archive.flat([30])


def test_an_archive_travels_to_other_processes(archive, clips):
    assert_same(pickle.loads(pickle.dumps(archive)).read(7), clips[7])


def test_a_layout_of_ones_own(tmp_path):
    own = Layout("worm", ("tail", "middle", "head"), ((1, 0), (2, 1)), 1, (1,))
    clip = Clip(np.zeros((1, 2, 3, 2), np.float32), own, ("x", "y"), "pixels", id="a", label=0)
    assert write_archive(tmp_path / "worms", [clip], ["crawl"]).layout == own
    assert_same(open_archive(tmp_path / "worms").read(0), clip)


def test_no_archive(tmp_path):
    with pytest.raises(ArchiveError, match="expected an archive"):
        open_archive(tmp_path / "nothing")


MEASURE = """
import sys, time
from pathlib import Path
from gesta.archive import open_archive
def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
before, began = held(), time.perf_counter()
archive = open_archive(sys.argv[1])
print(len(archive), time.perf_counter() - began, (held() - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_opening_an_archive_of_ntu120s_size(tmp_path):
    """As many clips as NTU RGB+D 120, of two frames each: joints are not looked at."""
    layout = get_layout("kinect_v2_25")
    coords = np.zeros((1, 2, 25, 3), np.float32)
    writer = ArchiveWriter(tmp_path / "big", classes=["a"], shard_bytes=2**20)
    with writer:
        for i in range(114_480):
            writer.add(Clip(coords, layout, id=f"S001C001P{i:06d}", label=0, subject=str(i % 106)))
    run = [sys.executable, "-c", MEASURE, str(tmp_path / "big")]
    clips, seconds, megabytes = (float(n) for n in subprocess.check_output(run).split())
    assert clips == 114_480
    assert seconds < 1
    assert megabytes < 64


def test_reading_a_clip_takes_little(archive):
    began = time.perf_counter()
    for _ in range(50):
        archive.read(3)
    assert (time.perf_counter() - began) / 50 < 0.005
