"""RGB videos are found by the names that data sets give them, and linked frame by frame."""

import json

import av
import numpy as np
import pytest
from PIL import Image

from gesta.archive import open_archive
from gesta.cli import main
from gesta.clip import Clip
from gesta.datasets import VideoLinks, get_dataset, prepare
from gesta.errors import GestaError
from gesta.skeleton import get_layout

RATE = 25


def write_video(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            image = np.full((48, 64, 3), number % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def make_clip(name, frames, layout="kinect_v2_25", **changes):
    return Clip(
        np.ones((1, frames, len(get_layout(layout)), 3), np.float32),
        get_layout(layout),
        id=name,
        **changes,
    )


def skeleton_text(frames):
    joint = "0.1 0.2 3.0 200 200 900.5 500.5 0 0 0 0 2"
    body = ["1", "72 0 0 0 0 0 0 0.0 0.0 2", "25", *[joint] * 25]
    return "\n".join([str(frames), *body * frames]) + "\n"


def links_of(folder, dataset):
    return VideoLinks(folder, get_dataset(dataset).videos)


@pytest.mark.parametrize(
    ("dataset", "path", "clip"),
    [
        ("ntu60", "nturgb+d_rgb/S001C002P003R001A013_rgb", "S001C002P003R001A013"),
        ("ntu120", "S018C001P008R001A061", "S018C001P008R001A061"),
        ("ntu60", "S001C002P003R001A013_ir", None),
        ("uestc", "RGBvideo/a0_d1_p001_c1_color", "a0_d1_p001_c1"),
        ("uestc", "RGBvideo/intro", None),
        ("sysu", "3DvideoNorm/7/video12/rgb", "7_video12"),
        ("sysu", "7/video12", "7_video12"),
        ("sysu", "video12", None),
        ("kinetics", "train/air drumming/--3ouPhoy2A_000020_000030", "--3ouPhoy2A"),
        ("kinetics_motion", "--3ouPhoy2A", "--3ouPhoy2A"),
        ("kinetics", "--3ouPhoy2A_20", None),
    ],
)
def test_published_names(dataset, path, clip):
    assert get_dataset(dataset).videos.clip(path) == clip


@pytest.mark.parametrize("more", [0, 1, -1])
def test_frames_of_a_video_and_of_its_skeleton(tmp_path, more):
    write_video(tmp_path / "rgb" / "S001C001P001R001A001_rgb.avi", 6)
    links = links_of(tmp_path, "ntu60")
    clip = links.link(make_clip("S001C001P001R001A001", 6 + more, frame_size=(1920, 1080)))
    assert clip.video.path == "rgb/S001C001P001R001A001_rgb.avi"
    wanted = np.minimum(np.arange(6 + more), 5) / RATE
    np.testing.assert_allclose(clip.video.times, wanted, atol=1e-3)
    assert clip.frame_size == (1920, 1080)
    assert (links.linked, links.uneven) == (1, abs(more))


def test_a_video_that_cannot_be_the_clips(tmp_path):
    write_video(tmp_path / "S001C001P001R001A001_rgb.avi", 6)
    (tmp_path / "S001C001P001R001A002_rgb.avi").write_bytes(b"")
    links = links_of(tmp_path, "ntu60")
    for clip in (make_clip("S001C001P001R001A001", 4), make_clip("S001C001P001R001A002", 4)):
        assert links.link(clip).video is None
    (first, reason), (second, _) = links.problems
    assert (first, second) == ("S001C001P001R001A001", "S001C001P001R001A002")
    assert "6 frames and the skeleton 4" in reason
    assert (links.linked, links.missing) == (0, 0)


def test_kinetics_skeletons_are_at_their_own_rate(tmp_path):
    write_video(tmp_path / "abseiling" / "--3ouPhoy2A_000020_000030.mp4", 10)
    clip = make_clip("train/--3ouPhoy2A", 15, "openpose_18", frame_rate=30.0)
    links = links_of(tmp_path, "kinetics")
    times = links.link(clip).video.times
    np.testing.assert_allclose(times, np.minimum(np.arange(15) / 30, 9 / RATE), atol=1e-3)
    assert links.link(clip.replace(id="train/--4-0ihtnBU")).video is None and links.missing == 1


def test_a_whole_youtube_video_is_not_the_clip(tmp_path):
    write_video(tmp_path / "--3ouPhoy2A.mp4", 13 * RATE)
    links = links_of(tmp_path, "kinetics")
    assert links.link(make_clip("--3ouPhoy2A", 300, frame_rate=30.0)).video is None
    assert "cut out the part" in links.problems[0][1]


def test_colour_frames_beside_a_sysu_skeleton(tmp_path):
    for kind in ("depth", "rgb"):
        folder = tmp_path / "3DvideoNorm" / "7" / "video3" / kind
        folder.mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (64, 48)).save(folder / f"{number:04d}.png")
    links = links_of(tmp_path, "sysu")
    clip = links.link(make_clip("7_video3", 4, "kinect_v1_20"))
    assert clip.video.path == "3DvideoNorm/7/video3/rgb"
    assert clip.frame_size == (64, 48) and len(clip.video.times) == 4
    assert (np.diff(clip.video.times) > 0).all()
    assert links.doubles == 0


def test_one_video_of_several_is_taken_and_the_rest_counted(tmp_path):
    write_video(tmp_path / "big" / "S001C001P001R001A001_rgb.avi", 3)
    write_video(tmp_path / "small" / "S001C001P001R001A001.mp4", 3)
    links = links_of(tmp_path, "ntu60")
    assert links.link(make_clip("S001C001P001R001A001", 3)).video.path.startswith("big/")
    assert links.doubles == 1


def test_folders_without_videos_are_told(tmp_path):
    with pytest.raises(GestaError, match="expected the folder of videos, found none"):
        links_of(tmp_path / "no", "ntu60")
    with pytest.raises(GestaError, match=r"looked for a0_d1_p001_c1_color\.avi"):
        links_of(tmp_path, "uestc")
    with pytest.raises(GestaError, match="gesta extract"):
        prepare("jhmdb", tmp_path, tmp_path / "out", videos=tmp_path)


def test_prepare_links_and_tells(tmp_path, capsys):
    source, videos, out = tmp_path / "skeletons", tmp_path / "videos", tmp_path / "archives" / "ntu"
    source.mkdir()
    for action, frames in ((1, 5), (2, 6), (3, 9), (4, 5)):
        path = source / f"S001C001P001R001A{action:03d}.skeleton"
        path.write_text(skeleton_text(frames))
    for action in (1, 2, 3):
        write_video(videos / f"S001C001P001R001A{action:03d}_rgb.avi", 5)
    arguments = ["prepare", "ntu60", str(source), "--out", str(out), "--videos", str(videos)]
    assert main([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)["videos"]
    assert {key: found[key] for key in ("linked", "without", "uneven", "doubles")} == {
        **{"linked": 2, "without": 2, "uneven": 1, "doubles": 0}
    }
    assert [problem["name"] for problem in found["problems"]] == ["S001C001P001R001A003"]
    assert "2 clips linked to their videos, 2 without" in printed.err
    archive = open_archive(out)
    assert archive.provenance["videos"] == "../../videos"
    assert archive.with_video.tolist() == [True, True, False, False]
    clip = archive.read(1)
    assert archive.video_path(clip) == (videos / "S001C001P001R001A002_rgb.avi").resolve()
    assert clip.video.times[-1] == clip.video.times[-2] == pytest.approx(4 / RATE)
