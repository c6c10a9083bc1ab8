"""A cache of small frames: what was decoded, whole after a broken build, the same by two."""

import json
import os
import pickle

import numpy as np
import pytest

from gesta.clip import VideoReference
from gesta.errors import MediaError
from gesta.media import FrameCache, VideoFile, open_video


@pytest.fixture
def clips(drawn, tmp_path):
    """Clips of three videos: two of a size, one of another, one in an order of its own."""
    paths = [
        drawn.write(tmp_path / "a.mp4", 12),
        drawn.write(tmp_path / "b.mp4", 9, turn=(90, False, False)),
        drawn.write(tmp_path / "c.mkv", 40),
    ]
    times = [np.arange(12) / 25, np.arange(9) / 25, np.array([39, 3, 3, 20]) / 25]
    return [VideoReference(str(p), t) for p, t in zip(paths, times, strict=True)]


NUMBERS = [list(range(12)), list(range(9)), [39, 3, 3, 20]]


def numbers_of(cache, drawn):
    return [[drawn.number_in(image) for image in cache.frames(n)] for n in range(len(cache))]


def test_frames_are_those_of_the_videos_made_small(drawn, clips, tmp_path):
    cache = FrameCache.build(tmp_path / "cache", clips, side=24)
    assert len(cache) == 3 and not cache.problems
    assert numbers_of(cache, drawn) == NUMBERS
    assert [cache.frames(n).shape[1:] for n in range(3)] == [(24, 32, 3), (32, 24, 3), (24, 32, 3)]
    assert cache.sizes.tolist() == [[64, 48], [48, 64], [64, 48]]
    assert cache.group[0] == cache.group[2] != cache.group[1]
    assert cache.length.tolist() == [12, 9, 4]
    for n, group in enumerate(cache.group):
        rows = cache.groups[group][cache.start[n] : cache.start[n] + cache.length[n]]
        assert np.array_equal(rows, cache.frames(n)) and np.shares_memory(rows, cache.frames(n))
    assert np.array_equal(cache.frames(0), open_video(clips[0].path).read(range(12), size=(32, 24)))
    with pytest.raises(ValueError, match="read-only"):
        cache.frames(0)[0, 0, 0] = 1


def test_small_videos_stay_as_they_are(drawn, clips, tmp_path):
    cache = FrameCache.build(tmp_path / "cache", clips[:1], side=100)
    assert np.array_equal(cache.frames(0), open_video(clips[0].path).read(range(12)))


def test_it_goes_to_other_processes_by_name(drawn, clips, tmp_path):
    cache = FrameCache.build(tmp_path / "cache", clips, side=24)
    assert cache.groups
    sent = pickle.dumps(cache)
    assert len(sent) < 1000 and numbers_of(pickle.loads(sent), drawn) == NUMBERS


def test_what_cannot_be_read_is_noted_and_tried_again(drawn, clips, tmp_path):
    broken = VideoReference(str(tmp_path / "late.mp4"), np.arange(3) / 25)
    some = [None, broken, *clips[:1]]
    cache = FrameCache.build(tmp_path / "cache", some, side=24)
    assert list(cache.problems) == [0, 1] and cache.length.tolist() == [0, 0, 12]
    with pytest.raises(MediaError, match="clip 0 has no frames: it has no video"):
        cache.frames(0)
    with pytest.raises(MediaError, match=r"clip 1 has no frames: .*late\.mp4: there is no such"):
        cache.frames(1)
    drawn.write(tmp_path / "late.mp4", 3)
    cache = FrameCache.build(tmp_path / "cache", some, side=24)
    assert list(cache.problems) == [0]
    assert [drawn.number_in(image) for image in cache.frames(1)] == [0, 1, 2]


@pytest.fixture
def decoded(monkeypatch):
    """The names of the videos whose frames are read, in order, chunks counted once."""
    names, read = [], VideoFile.read

    def watched(self, *args, **options):
        if names[-1:] != [self.name]:
            names.append(self.name)
        return read(self, *args, **options)

    monkeypatch.setattr(VideoFile, "read", watched)
    return names


def test_only_what_is_new_is_decoded(drawn, clips, tmp_path, decoded):
    said = []
    FrameCache.build(tmp_path / "cache", clips[:2], side=24)
    assert decoded == ["a.mp4", "b.mp4"]
    decoded.clear()
    cache = FrameCache.build(
        tmp_path / "cache", clips[::-1], side=24, progress=lambda *args: said.append(args)
    )
    assert decoded == ["c.mkv"] and said == [(3, 3)]
    assert numbers_of(cache, drawn) == NUMBERS[::-1]
    decoded.clear()
    drawn.write(tmp_path / "a.mp4", 30)
    os.utime(tmp_path / "a.mp4", ns=(1, 1))
    assert numbers_of(FrameCache.build(tmp_path / "cache", clips, side=24), drawn) == NUMBERS
    assert decoded == ["a.mp4"]


def test_a_broken_build_goes_on(drawn, clips, tmp_path, decoded):
    def stop(done, of):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FrameCache.build(tmp_path / "cache", clips, side=24, progress=stop)
    with pytest.raises(MediaError, match="is no finished cache of frames"):
        FrameCache(tmp_path / "cache")
    # What a process leaves that dies while it writes: frames of no clip, half a record.
    with open(tmp_path / "cache" / "32x24.rgb", "ab") as file:
        file.write(bytes(1000))
    with open(tmp_path / "cache" / "journal.jsonl", "ab") as file:
        file.write(b'12345678 {"key": "hal')
    (tmp_path / "cache" / "5x5.rgb").write_bytes(bytes(10))
    decoded.clear()
    cache = FrameCache.build(tmp_path / "cache", clips, side=24)
    assert decoded == ["c.mkv"] and numbers_of(cache, drawn) == NUMBERS
    assert (tmp_path / "cache" / "32x24.rgb").stat().st_size == 16 * 32 * 24 * 3
    assert not (tmp_path / "cache" / "5x5.rgb").exists()
    decoded.clear()
    FrameCache.build(tmp_path / "cache", clips, side=24)
    assert not decoded


def test_frames_that_never_reached_the_disk_are_made_again(drawn, clips, tmp_path, decoded):
    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FrameCache.build(tmp_path / "cache", clips, side=24, progress=stop)
    with open(tmp_path / "cache" / "32x24.rgb", "r+b") as file:
        file.seek(5000)
        file.write(bytes(3000))
    decoded.clear()
    cache = FrameCache.build(tmp_path / "cache", clips, side=24)
    assert decoded == ["a.mp4", "b.mp4", "c.mkv"] and numbers_of(cache, drawn) == NUMBERS


@pytest.mark.slow
def test_several_processes_fill_it(drawn, tmp_path):
    videos = [drawn.write(tmp_path / f"{n}.mp4", 5 + n) for n in range(8)]
    clips = [VideoReference(str(p), np.arange(5 + n) / 25) for n, p in enumerate(videos)]
    cache = FrameCache.build(tmp_path / "cache", clips, side=24, processes=2)
    assert numbers_of(cache, drawn) == [list(range(5 + n)) for n in range(8)]
    spans = sorted(zip(cache.start.tolist(), cache.length.tolist(), strict=True))
    assert all(a + n <= b for (a, n), (b, _) in zip(spans, spans[1:], strict=False))


def test_the_same_clip_twice_is_kept_once(drawn, clips, tmp_path, decoded):
    cache = FrameCache.build(tmp_path / "cache", [clips[0], clips[0]], side=24)
    assert decoded == ["a.mp4"] and cache.start.tolist() == [0, 0]
    assert numbers_of(cache, drawn) == [NUMBERS[0]] * 2


def test_one_process_at_a_time(clips, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "cache").mkdir()
    with open(tmp_path / "cache" / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(MediaError, match="another process is filling this cache"):
            FrameCache.build(tmp_path / "cache", clips, side=24)


def test_folders_that_are_no_place_for_it(clips, tmp_path):
    with pytest.raises(MediaError, match="with other things"):
        FrameCache.build(tmp_path, clips)
    with pytest.raises(MediaError, match="at least 1"):
        FrameCache.build(tmp_path / "cache", clips, side=0)
    FrameCache.build(tmp_path / "cache", clips, side=24)
    with pytest.raises(MediaError, match="'side': 24.*'side': 32"):
        FrameCache.build(tmp_path / "cache", clips, side=32)


def test_damage_is_told(clips, tmp_path):
    with pytest.raises(MediaError, match="is no finished cache"):
        FrameCache(tmp_path / "none")
    FrameCache.build(tmp_path / "cache", clips, side=24)
    (tmp_path / "cache" / "32x24.rgb").write_bytes(bytes(100))
    with pytest.raises(MediaError, match=r"32x24\.rgb: cannot be mapped"):
        FrameCache(tmp_path / "cache").frames(0)
    index = json.loads((tmp_path / "cache" / "index.json").read_text())
    (tmp_path / "cache" / "index.json").write_text(json.dumps({**index, "version": 2}))
    with pytest.raises(MediaError, match="version 2"):
        FrameCache(tmp_path / "cache")
    (tmp_path / "cache" / "index.json").write_text("[]")
    with pytest.raises(MediaError, match="is no finished cache"):
        FrameCache(tmp_path / "cache")
