"""Streams over a local socket, and a camera that is not there: results or errors, in time."""

import socket
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from gesta.errors import MediaError
from gesta.media import live, open_video

TIMEOUT = 0.5


@contextmanager
def served(data, *, then_close):
    """A server that sends some bytes to who connects, and then closes or says nothing more."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.sendall(data)
                if not then_close:
                    done.wait(30)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            done.set()
            thread.join(5)


@pytest.fixture
def data(drawn, tmp_path):
    return drawn.write(tmp_path / "a.ts", 60, g=10, bf=2).read_bytes()


def test_a_stream_gives_its_frames_once(drawn, data):
    with served(data, then_close=True) as url, open_video(url, timeout=5) as video:
        assert video.live and video.size == (64, 48)
        frames = list(video)
        assert [drawn.number_in(frame.image) for frame in frames] == list(range(60))
        assert [frame.index for frame in frames] == list(range(60))
        assert frames[-1].time == pytest.approx(59 / 25)
        assert list(video) == []
        with pytest.raises(MediaError, match="is live"):
            _ = video.times
        with pytest.raises(MediaError, match="iterate over it"):
            video.read([0])
        with pytest.raises(MediaError, match="is live"):
            video.index_at([0.0])


def test_iteration_goes_on_where_it_stopped(data):
    with served(data, then_close=True) as url, open_video(url, timeout=5) as video:
        first = next(iter(video))
        assert first.index == 0
        assert [frame.index for frame in video.frames(size=(8, 6))] == list(range(1, 60))


def test_a_stream_that_stops_ends_with_an_error(data):
    with served(data, then_close=False) as url:
        started = time.monotonic()
        with open_video(url, timeout=TIMEOUT) as video:
            seen = []
            with pytest.raises(MediaError, match="no data came for 0.5 seconds"):
                seen.extend(frame.index for frame in video)
        assert time.monotonic() - started < 20


@pytest.mark.parametrize("part", [0, 40, 376])
def test_a_stream_that_stops_at_once_ends_with_an_error(data, part):
    with served(data[:part], then_close=False) as url:
        started = time.monotonic()
        with pytest.raises(MediaError, match="no data came for 0.5 seconds"):
            open_video(url, timeout=TIMEOUT)
        assert time.monotonic() - started < 20


def test_a_stream_that_is_no_video():
    with (
        served(b"no video " * 50, then_close=True) as url,
        pytest.raises(MediaError, match="tcp://"),
    ):
        open_video(url, timeout=5)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(MediaError, match="cannot be read: connection refused"):
        open_video(f"tcp://127.0.0.1:{port}", timeout=TIMEOUT)


def test_passwords_stay_out_of_messages():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(MediaError) as caught:
        open_video(f"http://someone:secret@127.0.0.1:{port}/a.mp4", timeout=TIMEOUT)
    assert "secret" not in str(caught.value) and f"http://127.0.0.1:{port}/a.mp4" in str(
        caught.value
    )


@pytest.mark.parametrize("source", ["camera:77", "/dev/video77"])
def test_a_camera_that_is_not_there(source):
    with pytest.raises(MediaError, match=f"{source}: there is no camera"):
        open_video(source, timeout=TIMEOUT)


def test_a_camera(monkeypatch):
    # FFmpeg's drawn source is opened in the way of a camera.
    monkeypatch.setitem(live._CAMERAS, sys.platform, ("lavfi", "testsrc=size=32x{}8:rate=20"))
    with open_video("camera:4", timeout=5) as video:
        assert (video.live, video.size, video.frame_rate) == (True, (32, 48), 20)
        times = [frame.time for frame, _ in zip(video, range(5), strict=False)]
        assert times == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])


def test_a_build_without_cameras(monkeypatch):
    monkeypatch.setitem(live._CAMERAS, sys.platform, ("nothing", "{}"))
    with pytest.raises(MediaError, match=r"no support for cameras \(nothing\)"):
        open_video("camera:0")


def test_a_time_out_is_positive():
    with pytest.raises(MediaError, match="a time-out is positive"):
        open_video("tcp://127.0.0.1:9", timeout=0)
