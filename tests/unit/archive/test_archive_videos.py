"""Videos are referred to, found again, and missed with words that say what to do."""

import json
import pickle
import shutil

import numpy as np
import pytest

from gesta.archive import VIDEOS, open_archive, videos_provenance, write_archive
from gesta.clip import VideoReference
from gesta.errors import ArchiveError


@pytest.fixture
def seen(make_clip):
    """A clip that was seen in a video, with everything that fusion models need of it."""
    clip = make_clip(0, frames=6)
    pixels = 100 * clip.coords[..., :2]
    pixels[0, 2, 3] = np.nan
    times = np.arange(6) / 30
    video = VideoReference("wave/first.mp4", times)
    return clip.replace(pixels=pixels, frame_size=(640, 480), frame_rate=29.97, video=video)


@pytest.fixture
def pair(tmp_path, seen, make_clip):
    """A folder that holds an archive and, beside it, the videos."""
    home = tmp_path / "home"
    (home / "videos" / "wave").mkdir(parents=True)
    (home / "videos" / "wave" / "first.mp4").write_bytes(b"moving")
    provenance = {VIDEOS: videos_provenance(home / "archive", home / "videos")}
    write_archive(home / "archive", [seen, make_clip(1)], ["a", "b"], provenance=provenance)
    return home


def test_joints_in_the_frame_and_the_video_come_back(pair, seen):
    archive = open_archive(pair / "archive")
    found = archive.read(0)
    np.testing.assert_array_equal(found.pixels, seen.pixels)
    np.testing.assert_array_equal(found.video.times, seen.video.times)
    assert (found.frame_size, found.frame_rate) == ((640, 480), 29.97)
    assert found.video.path == "wave/first.mp4"
    assert archive.video_path(found) == (pair / "videos/wave/first.mp4").resolve()
    assert archive.video_path(archive.read(1)) is None


def test_the_folder_is_noted_relative_to_the_archive(pair):
    assert open_archive(pair / "archive").provenance[VIDEOS] == "../videos"


def test_archive_and_videos_move_together(pair, tmp_path):
    pair.rename(tmp_path / "elsewhere")
    archive = open_archive(tmp_path / "elsewhere/archive")
    assert archive.video_path(archive.read(0)).read_bytes() == b"moving"


def test_an_archive_behind_a_link(pair, tmp_path):
    (tmp_path / "deep" / "down").mkdir(parents=True)
    (tmp_path / "deep" / "down" / "link").symlink_to(pair / "archive")
    archive = open_archive(tmp_path / "deep/down/link")
    assert archive.video_path(archive.read(0)).read_bytes() == b"moving"


def test_videos_that_moved_alone_are_found_as_the_message_says(pair):
    shutil.move(pair / "videos", pair / "elsewhere")
    archive = open_archive(pair / "archive")
    with pytest.raises(ArchiveError, match=r"archive\.json, 'videos' under 'provenance'"):
        archive.video_path(archive.read(0))
    path = pair / "archive/archive.json"
    table = json.loads(path.read_text())
    table["provenance"]["videos"] = "../elsewhere"
    path.write_text(json.dumps(table))
    archive = open_archive(pair / "archive")
    assert archive.video_path(archive.read(0)) == pair / "elsewhere/wave/first.mp4"


def test_another_folder_of_videos_travels_to_other_processes(pair, tmp_path):
    shutil.move(pair / "videos", tmp_path / "moved")
    archive = open_archive(pair / "archive", videos=tmp_path / "moved")
    for one in (archive, pickle.loads(pickle.dumps(archive))):
        assert one.video_path(one.read(0)) == tmp_path / "moved/wave/first.mp4"


def test_what_is_missing_is_named(pair, seen, tmp_path):
    archive = open_archive(pair / "archive")
    (pair / "videos/wave/first.mp4").unlink()
    with pytest.raises(ArchiveError, match=r"wave/first\.mp4: expected the video of clip"):
        archive.video_path(archive.read(0))
    shutil.rmtree(pair / "videos")
    with pytest.raises(ArchiveError, match="was moved: say where the folder of videos is"):
        archive.video_path(archive.read(0))
    nowhere = write_archive(tmp_path / "nowhere", [seen], ["a"])
    with pytest.raises(ArchiveError, match="does not say in which folder"):
        nowhere.video_path(nowhere.read(0))
