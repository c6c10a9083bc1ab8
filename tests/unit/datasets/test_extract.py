"""From videos to an archive, with an estimator that finds a bright spot."""

from fractions import Fraction

import av
import numpy as np
import pytest

from gesta.archive import open_archive
from gesta.datasets import extract, plan_videos
from gesta.errors import ArchiveError, GestaError, MediaError, PoseError
from gesta.pose import Detections
from gesta.skeleton import get_layout

SIZE, RATE = (64, 48), 20
FRONT = {"movflags": "faststart"}  # the table of frames at the front: the rest may be cut off


class Spot:
    """A person stands where the picture is bright, its joints in a row through it."""

    name = "spot"

    def __init__(self, *, spread=8.0, missing=False):
        if missing:
            raise PoseError("spot: not installed")
        self.layout = get_layout("coco_17")
        self.offsets = np.linspace(-spread, spread, 34, dtype=np.float32).reshape(17, 2)

    def input_size(self, frame_size):
        return None

    def __call__(self, image):
        rows, columns = np.nonzero(image.mean(-1) > 128)
        persons = int(len(rows) > 0)
        middle = np.array([columns.mean(), rows.mean()], np.float32) if persons else np.zeros(2)
        joints = (middle + self.offsets).astype(np.float32)[None][:persons]
        boxes = np.concatenate([joints.min(1), joints.max(1)], -1)
        ones = np.ones((persons, 17), np.float32)
        return Detections(joints, ones, boxes, ones[:, 0])


def write_video(path, frames, dark=False):
    """A spot that goes right by a pixel a frame, from 10; nothing where ``dark``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4", options=FRONT) as container:
        stream = container.add_stream("h264", rate=RATE, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        for number in range(frames):
            image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
            if not dark:
                image[20:29, 6 + number : 15 + number] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two classes; of five videos one shows nobody, one is empty, one no video at all."""
    folder = tmp_path_factory.mktemp("own") / "my videos"
    write_video(folder / "clap" / "a b.mp4", 12)
    write_video(folder / "clap" / "dark.mp4", 7, dark=True)
    write_video(folder / "wave" / "à.MOV", 20)
    (folder / "wave" / "none.mp4").touch()
    (folder / "wave" / "text.avi").write_text("I am no video, whatever I am called.")
    (folder / "wave" / "notes.txt").write_text("")
    return folder


def only(plan, *names):
    return type(plan)(plan.folder, plan.classes, {name: plan.cuts[name] for name in names})


def test_all_that_reads_is_kept_and_the_rest_is_listed(videos, tmp_path):
    seen = []
    archive = extract(
        plan_videos(videos),
        tmp_path / "out",
        estimator=Spot,
        options={"spread": 6.0},
        processes=1,
        progress=lambda *step: seen.append(step),
    )
    assert archive.ids == ["clap/a b", "clap/dark", "wave/à"]
    assert archive.classes == ("clap", "wave") and archive.labels.tolist() == [0, 0, 1]
    assert archive.persons.tolist() == [1, 0, 1] and archive.frames.tolist() == [12, 7, 20]
    skipped = {entry["name"]: entry["reason"] for entry in archive.skipped}
    assert set(skipped) == {"wave/none.mp4", "wave/text.avi"}
    assert skipped["wave/none.mp4"] == "is empty (0 bytes)", "the name stands beside it"
    assert seen == [(done, 5) for done in range(6)]
    assert (archive.dataset, archive.space) == ("my videos", "pixels")
    provenance = archive.provenance
    assert (provenance["estimator"], provenance["options"]) == ("spot", {"spread": 6.0})


def test_a_clip_knows_its_video_and_where_its_joints_are_in_it(videos, tmp_path):
    plan = plan_videos(videos)
    archive = extract(only(plan, "wave/à.MOV"), tmp_path / "out", estimator=Spot)
    clip = archive.read(0)
    assert (clip.frame_size, clip.frame_rate, clip.source) == (SIZE, RATE, "wave/à")
    np.testing.assert_allclose(clip.video.times, np.arange(20) / RATE, atol=1e-6)
    assert archive.video_path(clip) == videos / "wave" / "à.MOV"
    np.testing.assert_array_equal(clip.pixels, clip.coords)
    middle = clip.pixels[0].mean(axis=1)
    np.testing.assert_allclose(middle[:, 0], 10 + np.arange(20), atol=0.6)
    np.testing.assert_allclose(middle[:, 1], 24, atol=0.6)


def test_a_video_without_people_has_the_times_of_its_frames(videos, tmp_path):
    plan = only(plan_videos(videos), "clap/a b.mp4", "clap/dark.mp4")
    clip = extract(plan, tmp_path / "out", estimator=Spot, processes=1).read(1)
    assert (clip.persons, clip.frames, clip.label, clip.video.path) == (0, 7, 0, "clap/dark.mp4")
    np.testing.assert_allclose(clip.video.times, np.arange(7) / RATE, atol=1e-6)


def test_several_clips_of_a_video(videos, tmp_path):
    table = tmp_path / "labels.csv"
    rows = ["wave/à.MOV,up,0.25,0.5", "wave/à.MOV,down,,0.3", "wave/à.MOV,up,7,8"]
    table.write_text("\n".join(["file,label,start,end", *rows]), encoding="utf-8")
    archive = extract(plan_videos(videos, labels=table), tmp_path / "out", estimator=Spot)
    assert archive.ids == ["wave/à@0.25-0.5", "wave/à@0-0.3"]
    first, second = archive.clips
    np.testing.assert_allclose(first.video.times, np.arange(5, 10) / RATE, atol=1e-6)
    np.testing.assert_allclose(first.pixels[0, 0].mean(axis=0)[0], 15, atol=0.6)
    assert second.frames == 6 and archive.classes == ("down", "up")
    assert archive.table.source == ["wave/à", "wave/à"]
    ((entry),) = archive.skipped
    assert "frames from 7 s to 8 s, found none" in entry["reason"]


@pytest.mark.parametrize(("most", "kept"), [(5, [0, 4, 8]), (15, [0, 1, 3, 4, 5]), (30, range(12))])
def test_frames_are_left_out_where_there_are_more_than_asked_for(videos, tmp_path, most, kept):
    plan = only(plan_videos(videos), "clap/a b.mp4")
    clip = extract(plan, tmp_path / "out", estimator=Spot, frames_per_second=most).read(0)
    frames = np.round(clip.video.times * RATE).astype(int)
    assert frames[: len(kept)].tolist() == list(kept)
    assert clip.frame_rate == min(most, RATE)


def test_smoothing_is_passed_on(videos, tmp_path):
    plan = only(plan_videos(videos), "clap/a b.mp4")
    rough = extract(plan, tmp_path / "rough", estimator=Spot).read(0)
    smooth = extract(plan, tmp_path / "smooth", estimator=Spot, smooth=0.15).read(0)
    assert not np.array_equal(rough.coords, smooth.coords)
    np.testing.assert_allclose(rough.coords, smooth.coords, atol=3)


def test_a_cut_off_video_gives_what_can_be_read_and_is_listed(tmp_path):
    path = tmp_path / "videos" / "clap" / "cut.mp4"
    write_video(path, 40)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    plan = plan_videos(tmp_path / "videos")
    archive = extract(plan, tmp_path / "out", estimator=Spot)
    assert archive.ids == ["clap/cut"] and 3 < archive.frames[0] < 40
    ((entry),) = archive.skipped
    assert entry["name"] == "clap/cut.mp4" and "what can be read is kept" in entry["reason"]
    with pytest.raises(MediaError, match="is kept"):
        extract(plan, tmp_path / "two", estimator=Spot, strict=True)


def test_strict_stops_at_the_first_that_cannot_be_read(videos, tmp_path):
    with pytest.raises(MediaError, match=r"none\.mp4"):
        extract(plan_videos(videos), tmp_path / "out", estimator=Spot, strict=True, processes=1)
    assert not (tmp_path / "out").exists()


def test_broken_off_it_goes_on_and_gives_the_same(videos, tmp_path):
    plan = plan_videos(videos)
    whole = extract(plan, tmp_path / "whole", estimator=Spot, processes=1)

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(plan, tmp_path / "out", estimator=Spot, processes=1, progress=stop)
    assert not (tmp_path / "out").exists()
    made = []

    class Counted(Spot):
        def __call__(self, image):
            made.append(image.shape)
            return super().__call__(image)

    archive = extract(plan, tmp_path / "out", estimator=Counted, processes=1)
    assert len(made) == 7 + 20  # the second was not yet known to be whole
    assert archive.ids == whole.ids and archive.skipped == whole.skipped
    for ours, theirs in zip(archive.clips, whole.clips, strict=True):
        np.testing.assert_array_equal(ours.coords, theirs.coords)


def test_other_options_do_not_go_on_from_a_broken_archive(videos, tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    plan = plan_videos(videos)
    with pytest.raises(KeyboardInterrupt):
        extract(plan, tmp_path / "out", estimator=Spot, processes=1, progress=stop)
    with pytest.raises(ArchiveError, match="out"):
        extract(plan, tmp_path / "out", estimator=Spot, processes=1, smooth=0.2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"persons": 0}, "persons is a number from 1; found 0"),
        ({"processes": 0}, "processes is a number from 1; found 0"),
        ({"smooth": -1.0}, "smooth is a time in seconds"),
        ({"smooth": float("nan")}, "smooth is a time in seconds"),
        ({"frames_per_second": 0.0}, "frames_per_second is a number over 0; found 0"),
        ({"estimator": "movnet"}, "did you mean 'movenet'"),
        ({"options": {"missing": True}}, "spot: not installed"),
    ],
)
def test_bad_options_are_refused_before_any_work(videos, tmp_path, options, said):
    with pytest.raises(GestaError, match=said):
        extract(plan_videos(videos), tmp_path / "out", **({"estimator": Spot} | options))
    assert not list(tmp_path.iterdir())


def test_a_worker_that_nobody_waits_for_ends_within_a_frame(videos, tmp_path, monkeypatch):
    frames = iter([False, False, True])
    monkeypatch.setattr("gesta.datasets.video_frames.stopping", lambda: next(frames))
    plan = only(plan_videos(videos), "wave/à.MOV")
    with pytest.raises(GestaError, match=r"stopped at 0\.10 s"):
        extract(plan, tmp_path / "out", estimator=Spot, processes=1)


def test_where_no_video_can_be_read_there_is_no_archive(videos, tmp_path):
    plan = only(plan_videos(videos), "wave/none.mp4", "wave/text.avi")
    with pytest.raises(GestaError, match=r"none of the 2 videos could be read, the first: .*none"):
        extract(plan, tmp_path / "out", estimator=Spot, processes=1)
    assert not list(tmp_path.iterdir())


def test_protocols_hold_for_the_clips_that_could_be_read(videos, tmp_path):
    table = tmp_path / "splits.csv"
    table.write_text("file,split\nclap/a b,train\nnone,train\ndark,test\nà,test\n", "utf-8")
    plan = plan_videos(videos, splits=table)
    archive = extract(plan, tmp_path / "out", estimator=Spot, processes=1)
    split = archive.protocols["given"]
    assert (split.train_ids, split.test_ids) == (("clap/a b",), ("clap/dark", "wave/à"))
    assert archive.protocols["random"].separates == ("source",)


def test_subjects_give_folds(tmp_path):
    for number in range(5):
        write_video(tmp_path / "videos" / f"{'ab'[number % 2]}" / f"s{number}.mp4", 3)
    plan = plan_videos(tmp_path / "videos", subject_from=r"s\d")
    archive = extract(plan, tmp_path / "out", estimator=Spot, processes=1)
    assert archive.protocol_names("folds") == [f"fold_{number}" for number in range(1, 6)]
    assert archive.protocols["random"].separates == ("subject",)
    assert open_archive(tmp_path / "out").table.subject == ["s0", "s2", "s4", "s1", "s3"]
