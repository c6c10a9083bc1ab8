"""``gesta predict`` on videos: files good and bad, folders, streams, and the run that ships."""

import csv
import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest
import torch

from gesta.media import VideoWriter, open_video
from gesta.skeleton import get_layout
from gesta.training import Card, Run
from gesta.training.card import save_model
from gesta.transforms import InputOptions

FRAMES, RATE = 32, 28.0


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder for everything."""
    return tmp_path_factory.mktemp("predict")


@pytest.fixture(scope="module")
def film(work, test_data):
    """The first seconds of a real video of people."""
    path = work / "films" / "film.mp4"
    path.parent.mkdir()
    with open_video(test_data / "videos" / "demo.mp4") as video:
        with VideoWriter(path, video.size, RATE) as writer:
            for frame in video:
                if frame.index == FRAMES:
                    break
                writer.write(frame.image)
    return path


def write_run(path, **changes):
    """A weights file of a tiny model that has learnt nothing."""
    table = {
        "model": "st_gcn", "options": {"width": 4, "blocks": 9, "temporal_kernel": 3},
        "layout": get_layout("coco_17"), "classes": ("still", "far"), "channels": ("x", "y"),
        "space": "pixels", "stream": "joint", "input": InputOptions(frames=8, persons=1),
        "frames": 8, "persons": 1, "scene": False, "dataset": "d", "protocol": "p",
        "final": False, "seed": 0, "clip_seconds": (0.5, 0.6, 0.8),
    }  # fmt: skip
    card = Card(**table | changes)
    save_model(path, card.make_model(torch.Generator().manual_seed(0)).state_dict(), card)
    return path


@pytest.fixture(scope="module")
def trained(work):
    """A run of COCO's joints in pixels."""
    return write_run(work / "model.safetensors")


@pytest.fixture
def predicted(gesta):
    """A function that predicts and gives exit status, document and what else was said."""

    def call(*words):
        status, text, error = gesta("predict", *words, "--json")
        assert "Traceback" not in error
        return status, json.loads(text), error

    return call


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_who_does_what_when(trained, film, predicted, gesta, tmp_path):
    overlay, table = tmp_path / "seen.mp4", tmp_path / "seen.csv"
    words = (trained, film, "--threshold", "0", "--window", "0.6")
    status, (document,), _ = predicted(*words, "--overlay", overlay, "--csv", table)
    assert status == 0 and document["input"] == str(film)
    assert document["fps"] == pytest.approx(RATE)
    assert document["persons"], "there are people in this video"
    for person in document["persons"]:
        ends = [0.0]
        for segment in person["segments"]:
            assert ends[-1] <= segment["start"] < segment["end"] <= FRAMES / RATE + 0.01
            assert segment["label"] in ("still", "far") and len(segment["top5"]) == 2
            ends.append(segment["end"])
    rows = read_rows(table)
    assert len(rows) == sum(len(person["segments"]) for person in document["persons"])
    assert {row["unit"] for row in rows} == {"seconds"}
    with av.open(str(overlay)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
    _, text, _ = gesta("predict", *words)
    assert "still" in text or "far" in text


@pytest.mark.slow
def test_a_threshold_that_nothing_reaches_leaves_all_unknown(trained, film, predicted):
    _, (document,), _ = predicted(trained, film, "--threshold", "1")
    labels = {one["label"] for person in document["persons"] for one in person["segments"]}
    assert labels == {"unknown"}


def test_what_fails_does_not_stop_the_others(trained, film, predicted, tmp_path):
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("this is no video")
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:3000])
    with av.open(str(tmp_path / "audio.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        silence.rate = 44100
        for packet in [*stream.encode(silence), *stream.encode(None)]:
            container.mux(packet)
    bad = ["zero.mp4", "text.mp4", "cut.mp4", "audio.mp4", "missing.mp4", "nowhere.npz"]
    status, document, error = predicted(trained, *bad, film, "--persons", "1")
    assert status == 1
    assert [one["input"] for one in document] == [*bad, str(film)]
    assert all("error" in one for one in document[:-1])
    assert len(document[-1]["persons"]) == 1
    for name in bad:
        assert sum(name in line for line in error.splitlines()) == 1


@pytest.mark.parametrize("name", ["zero.mp4", "missing.mp4", "empty"])
def test_a_single_input_that_fails(trained, refused, tmp_path, name):
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    assert name in refused("predict", trained, name)


def test_a_folder_of_videos_of_any_shape(trained, predicted, tmp_path):
    sizes = {"b/tall.mp4": (90, 160), "a/one.avi.mkv": (160, 120)}
    for name, size in sizes.items():
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(tmp_path / "films" / name, size, 25.0) as writer:
            for _ in range(1 if "one" in name else 12):
                writer.write(np.full((size[1], size[0], 3), 99, np.uint8))
    status, document, _ = predicted(trained, "films", "--overlay", "seen")
    assert status == 0
    assert [one["input"] for one in document] == ["films/a/one.avi.mkv", "films/b/tall.mp4"]
    assert all(one["persons"] == [] for one in document), "nobody is there"
    assert len(list((tmp_path / "seen").iterdir())) == 2


def test_a_run_of_metres_says_why_it_cannot(work, film, refused):
    run = write_run(work / "m.safetensors", channels=("x", "y", "z"), space="camera_metres")
    line = refused("predict", run, film)
    assert "trained on camera_metres, the clip is in pixels" in line


def test_bad_arguments(trained, film, refused):
    assert "window" in refused("predict", trained, film, "--window", "0")
    assert "stride" in refused("predict", trained, film, "--window", "1", "--stride", "2")
    assert "unknown pose estimator" in refused("predict", trained, film, "--estimator", "movnet")
    assert "long_side" in refused("predict", trained, film, "--size", "100")
    assert "give it alone" in refused("predict", trained, film, "camera:0")
    assert "overlay.txt" in refused("predict", trained, film, "--overlay", "overlay.txt")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture
def served(film, tmp_path):
    """The URL of a server of the film, in a container that can be read while it comes."""
    folder = tmp_path / "served"
    folder.mkdir()
    with open_video(film) as video, VideoWriter(folder / "film.mkv", video.size, RATE) as writer:
        for frame in video:
            writer.write(frame.image)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stream_is_told_as_it_comes(trained, served, predicted, gesta, tmp_path):
    url = f"{served}/film.mkv"
    words = (trained, url, "--window", "0.6", "--overlay", tmp_path / "seen.mp4")
    status, (document,), said = predicted(*words, "--csv", "seen.csv")
    assert status == 0 and document["input"] == url
    segments = [one for person in document["persons"] for one in person["segments"]]
    assert segments and max(one["end"] for one in segments) <= FRAMES / RATE + 0.01
    assert "Ctrl-C" in said and len(read_rows("seen.csv")) == len(segments)
    with av.open(str(tmp_path / "seen.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_ctrl_c_ends_a_stream_cleanly(trained, served, predicted, monkeypatch, tmp_path):
    from gesta.inference.live import Follower

    update, seen = Follower.update, []

    def interrupted(self, sighting):
        seen.append(sighting)
        if len(seen) == 25:
            raise KeyboardInterrupt
        return update(self, sighting)

    monkeypatch.setattr(Follower, "update", interrupted)
    words = (trained, f"{served}/film.mkv", "--window", "0.4", "--overlay", tmp_path / "seen.mp4")
    status, (document,), said = predicted(*words)
    assert status == 0 and "stopped" in said
    assert document["persons"], "what was seen until then is told"
    with av.open(str(tmp_path / "seen.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 24


@pytest.mark.slow
def test_a_stream_that_breaks_off(trained, served, predicted, monkeypatch):
    from gesta.errors import MediaError
    from gesta.media.live import LiveVideo

    frames = LiveVideo.frames

    def broken(self, **how):
        for frame in frames(self, **how):
            if frame.index == 25:
                raise MediaError(f"{self.name}: sent nothing for 10 s")
            yield frame

    monkeypatch.setattr(LiveVideo, "frames", broken)
    status, (document,), said = predicted(trained, f"{served}/film.mkv", "--window", "0.4")
    assert status == 1 and "sent nothing" in document["error"] and "sent nothing" in said
    assert document["persons"]


def test_a_stream_that_is_not_there(trained, refused, served):
    assert "nothing.mp4" in refused("predict", trained, f"{served}/nothing.mp4")


def test_the_run_that_ships_says_what_it_is():
    run = Run.open("demo")
    card = run.card
    assert card.model == "st_gcn" and card.layout.name == "coco_17" and card.space == "pixels"
    assert "CC BY 4.0" in card.licence and 0 < card.unknown_below <= 1
    assert card.clip_seconds[1] == pytest.approx(40 / 25.5, abs=0.05)  # frames, a second
    assert card.poses["estimator"] == "movenet" and run.recipe.data == ""
    splits, mean = card.metrics["splits"], card.metrics["mean"]
    assert list(splits) == ["split_1", "split_2", "split_3"]
    assert [one["clips"] for one in splits.values()] == [268, 270, 265]
    for measured in splits.values():
        assert measured["top1"] > 50 and 0 <= measured["expected_calibration_error"] < 0.15
    assert mean["top1"] == pytest.approx(sum(one["top1"] for one in splits.values()) / 3)
    assert run.model_path.stat().st_size < 3_000_000


def test_demo_works_right_after_installation(film, predicted, gesta, tmp_path):
    status, (document,), _ = predicted("demo", film)
    assert status == 0 and document["persons"]
    names = {name for p in document["persons"] for s in p["segments"] for name, _ in s["top5"]}
    assert names <= set(Run.open("demo").card.classes)
