"""Files of any container: exact frames, in order and at any place."""

from fractions import Fraction
from itertools import product

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.errors import MediaError, ShapeError
from gesta.media import open_video
from gesta.media.decoding import Pass

KINDS = {
    "mp4": ("a.mp4", {"bf": 3, "g": 8}),
    "mp4 without B-frames": ("a.mp4", {"bf": 0, "g": 8}),
    "mp4 of one key frame": ("a.mp4", {"bf": 2, "g": 300}),
    "mp4 with open groups": ("a.mp4", {"bf": 3, "g": 8, "x264-params": "open-gop=1:b-adapt=0"}),
    "mp4 without key frames": ("a.mp4", {"x264-params": "intra-refresh=1:keyint=8"}),
    "mp4 of HEVC": (
        "a.mp4",
        {"codec": "libx265", "x265-params": "keyint=8:open-gop=1:log-level=0"},
    ),
    "fragments": ("a.mp4", {"g": 8, "muxer": {"movflags": "frag_keyframe+empty_moov"}}),
    "mov": ("a.mov", {"g": 8}),
    "matroska": ("a.mkv", {"bf": 3, "g": 8}),
    "matroska without cues": ("a.mkv", {"g": 8, "muxer": {"live": "1"}}),
    "transport stream": ("a.ts", {"bf": 3, "g": 8}),
    "flash": ("a.flv", {"bf": 3, "g": 8}),
    "avi": ("a.avi", {"codec": "mpeg4", "bf": 0, "g": 8}),
    "avi with B-frames": ("a.avi", {"codec": "mpeg4", "bf": 2, "g": 8}),
    "avi of H.264": ("a.avi", {"bf": 3, "g": 8}),
    "avi of pictures": ("a.avi", {"codec": "mjpeg", "pixels": "yuvj420p"}),
    "program stream": ("a.mpg", {"codec": "mpeg2video", "bf": 2, "g": 8}),
    "raw H.264": ("a.h264", {"bf": 3, "g": 8}),
    "webm of VP8": ("a.webm", {"codec": "libvpx", "g": 8, "auto-alt-ref": 1, "lag-in-frames": 8}),
    "webm of VP9": ("a.webm", {"codec": "libvpx-vp9", "g": 8, "cpu-used": 8}),
    "windows media": ("a.wmv", {"codec": "wmv2", "g": 8}),
    "lossless": ("a.mkv", {"codec": "ffv1"}),
}


@pytest.fixture(params=KINDS, scope="module")
def video(request, drawn, tmp_path_factory):
    name, options = KINDS[request.param]
    if options.get("codec", "libx264") not in av.codecs_available:
        pytest.skip(f"this PyAV has no {options['codec']}")
    with open_video(drawn.write(tmp_path_factory.mktemp("v") / name, **options)) as video:
        yield video


def test_frames_come_in_the_order_of_showing(video, drawn):
    frames = list(video)
    assert [drawn.number_in(frame.image) for frame in frames] == list(range(30))
    assert [frame.index for frame in frames] == list(range(30))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(30) / 25, atol=0.002)
    assert video.times.tolist() == [frame.time for frame in frames]
    assert (video.size, video.live, video.problems) == ((64, 48), False, [])
    assert video.frame_rate == pytest.approx(25)


@settings(max_examples=12)
@given(places=st.lists(st.integers(0, 29), max_size=6))
def test_frames_at_any_places(video, drawn, places):
    assert [drawn.number_in(image) for image in video.read(places)] == places


def test_any_frame_is_the_one_that_comes_in_order(video):
    frames = [frame.image for frame in video]
    assert all(np.array_equal(video.read([n])[0], frames[n]) for n in (29, 0, 7, 8, 9, 15, 16))


@pytest.mark.parametrize("turn", list(product((0, 90, 180, 270), (False, True), (False, True))))
def test_turned_videos_are_shown_upright(drawn, tmp_path, turn):
    video = open_video(drawn.write(tmp_path / "a.mp4", 6, turn=turn))
    assert video.size == ((48, 64) if turn[0] % 180 else (64, 48))
    assert [drawn.number_in(image) for image in video.read([5, 2])] == [5, 2]
    small = next(iter(video.frames(size=(video.size[0] * 2, video.size[1]))))
    assert small.image.shape == (video.size[1], video.size[0] * 2, 3)
    assert drawn.number_in(small.image) == 0


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_variable_frame_rate(drawn, tmp_path, ending):
    pts = np.cumsum(np.random.default_rng(1).integers(1, 400, 30)).tolist()
    path = drawn.write(tmp_path / f"a.{ending}", pts=pts, base=Fraction(1, 1000), bf=3, g=10)
    video = open_video(path)
    wanted = (np.array(pts) - pts[0]) / 1000
    np.testing.assert_allclose(video.times, wanted, atol=1e-4)
    assert video.times.tolist() == [frame.time for frame in video]
    order = [29, 3, 17, 17, 0]
    assert [drawn.number_in(image) for image in video.read(order)] == order
    assert video.index_at(wanted[order]).tolist() == order
    assert video.index_at([-5.0, 1e6]).tolist() == [0, 29]


def test_index_at_takes_the_nearer_frame(drawn, tmp_path):
    video = open_video(drawn.write(tmp_path / "a.mp4", 5))
    assert video.index_at([0.019, 0.021, 0.1, 0.17]).tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_first_key_frame_is_not_at_the_start(drawn, tmp_path, ending):
    path = drawn.write(tmp_path / f"a.{ending}", bf=2, g=10, keep=lambda place, packet: place >= 4)
    video = open_video(path)
    frames = list(video)
    assert [drawn.number_in(frame.image) for frame in frames] == list(range(10, 30))
    assert [frame.index for frame in frames] == list(range(20))
    assert frames[0].time == 0 and frames[-1].time == pytest.approx(19 / 25, abs=0.002)
    assert video.times.tolist() == [frame.time for frame in frames]
    assert [drawn.number_in(image) for image in video.read([19, 0, 10])] == [29, 10, 20]


def test_times_may_start_below_zero(drawn, tmp_path):
    path = drawn.write(
        tmp_path / "a.mp4", pts=range(-12, 18), bf=2, g=8, muxer={"avoid_negative_ts": "disabled"}
    )
    with av.open(str(path)) as container:
        assert min(packet.pts for packet in container.demux() if packet.size) < 0
    # What lies below zero is not shown: players start at zero.
    video = open_video(path)
    assert [drawn.number_in(frame.image) for frame in video] == list(range(12, 30))
    assert video.times[0] == 0 and len(video.times) == 18 and not video.problems
    assert [drawn.number_in(image) for image in video.read([3, 17, 0])] == [15, 29, 12]


def test_edit_lists_leave_frames_out(drawn, tmp_path):
    path = drawn.write(tmp_path / "a.mp4", bf=2, g=12)
    data = bytearray(path.read_bytes())
    # Version, flags, one entry, its length, then where in the media it starts.
    start = data.index(b"elst") + 16
    step = av.open(str(path)).streams.video[0].duration // 30
    data[start : start + 4] = (int.from_bytes(data[start : start + 4]) + 7 * step).to_bytes(4)
    path.write_bytes(data)
    video = open_video(path)
    assert [drawn.number_in(frame.image) for frame in video] == list(range(7, 30))
    assert [frame.index for frame in video] == list(range(23))
    assert video.times.tolist() == [frame.time for frame in video]
    assert [drawn.number_in(image) for image in video.read([22, 0, 4])] == [29, 7, 11]


def test_times_that_jump_back_are_counted_on(drawn, tmp_path):
    one = drawn.write(tmp_path / "a.ts", 10, pts=range(500, 510)).read_bytes()
    other = drawn.write(tmp_path / "b.ts", 20).read_bytes()
    (tmp_path / "c.ts").write_bytes(one + other)
    video = open_video(tmp_path / "c.ts")
    frames = list(video)
    assert [drawn.number_in(f.image) for f in frames] == [*range(10), *range(20)]
    assert video.times.tolist() == [frame.time for frame in frames]
    assert (np.diff(video.times) > 0).all()
    assert [drawn.number_in(image) for image in video.read([25, 2])] == [15, 2]


@pytest.mark.parametrize("size", [(33, 17), (1, 1), (2, 131)])
def test_odd_sizes(drawn, tmp_path, size):
    path = drawn.write(tmp_path / "a.mkv", 2, codec="ffv1", size=size, pixels="bgr0")
    video = open_video(path)
    assert video.size == size and video.read([1]).shape == (1, size[1], size[0], 3)
    assert np.array_equal(video.read([1])[0], drawn.draw(1, *size))


def test_one_frame(drawn, tmp_path):
    video = open_video(drawn.write(tmp_path / "a.mp4", 1))
    assert [frame.time for frame in video] == [0] and video.times.tolist() == [0]
    assert drawn.number_in(video.read([0, 0])[1]) == 0
    assert video.index_at([0.0, 3.0]).tolist() == [0, 0]


@pytest.fixture(scope="module")
def wide(drawn, tmp_path_factory):
    path = drawn.write(tmp_path_factory.mktemp("w") / "a.mp4", 12, size=(96, 64), turn=(90, 0, 0))
    with open_video(path) as video:
        yield video


BOXES = st.tuples(*[st.integers(-20, 100)] * 4).filter(lambda b: b[0] < b[2] and b[1] < b[3])


@given(box=BOXES)
def test_boxes_are_cut_from_the_shown_frame(wide, box):
    x0, y0, x1, y1 = box
    whole = np.zeros((220, 220, 3), np.uint8)
    whole[60:156, 60:124] = wide.read([7])[0]
    cut = wide.read([7], box=box)[0]
    wanted = whole[60 + y0 : 60 + y1, 60 + x0 : 60 + x1]
    assert cut.shape == wanted.shape
    # At its edge the filter that spreads colours has other neighbours.
    assert np.abs(cut.astype(int) - wanted).mean() < 12
    inner = np.abs(cut.astype(int) - wanted)[4:-4, 4:-4]
    assert inner.max(initial=0) <= 4


@pytest.mark.parametrize("box", [(10, 8, 54, 80), (11, 7, 54, 79), (-10, -6, 70, 90)])
def test_boxes_are_scaled(wide, box):
    size = (30, 22)
    scaled = wide.read([3, 4], box=box, size=size).astype(int)
    cut = wide.read([3, 4], box=box)
    assert scaled.shape == (2, 22, 30, 3)
    for one, image in zip(scaled, cut, strict=True):
        frame = av.VideoFrame.from_ndarray(image, "rgb24")
        plain = frame.reformat(*size, "rgb24", interpolation="BILINEAR").to_ndarray()
        assert np.abs(one - plain).mean() < 4
    frames = [frame.image for frame in wide.frames(box=box, size=size)]
    assert np.array_equal(frames[3], scaled[0])


def test_scaling_shows_the_same_picture(wide, drawn):
    for frame in wide.frames(size=(40, 60)):
        assert frame.image.shape == (60, 40, 3) and drawn.number_in(frame.image) == frame.index


def test_colours_come_back(drawn, tmp_path):
    image = drawn.draw(5).astype(int)
    decoded = open_video(drawn.write(tmp_path / "a.mp4", 6, crf=10)).read([5])[0]
    assert np.abs(decoded[30:, 4:28] - image[30:, 4:28]).max() < 12


def count_decoded(monkeypatch):
    frames, count = Pass.frames, []

    def counted(self, packets=None):
        for frame in frames(self, packets):
            count.append(frame.pts)
            yield frame

    monkeypatch.setattr(Pass, "frames", counted)
    return count


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi", "flv"])
def test_a_few_frames_do_not_cost_a_file(drawn, tmp_path, monkeypatch, ending):
    codec = {"codec": "mpeg4"} if ending == "avi" else {}
    bf = 0 if ending == "avi" else 2
    video = open_video(drawn.write(tmp_path / f"a.{ending}", 200, g=10, bf=bf, **codec))
    count = count_decoded(monkeypatch)
    assert [drawn.number_in(image) for image in video.read([150, 15])] == [150, 15]
    assert len(count) <= 24
    count.clear()
    assert len(video.times) == 200 and not count


def test_going_on_costs_only_what_comes(drawn, tmp_path, monkeypatch):
    video = open_video(drawn.write(tmp_path / "a.mp4", 60, g=100, sc_threshold=0))
    video.read([10])
    count = count_decoded(monkeypatch)
    for place in range(11, 60):
        assert drawn.number_in(video.read([place])[0]) == place
    assert not count


def test_passes_do_not_disturb_each_other(drawn, tmp_path):
    video = open_video(drawn.write(tmp_path / "a.mp4", 20, g=5))
    seen = []
    for one, other in zip(video, video, strict=True):
        assert drawn.number_in(video.read([19 - one.index])[0]) == 19 - one.index
        seen.append((drawn.number_in(one.image), drawn.number_in(other.image)))
    assert seen == [(n, n) for n in range(20)]


def test_closing_twice_and_reading_after(drawn, tmp_path):
    with open_video(drawn.write(tmp_path / "a.mp4", 4)) as video:
        video.read([0])
    video.close()
    assert [drawn.number_in(frame.image) for frame in video] == [0, 1, 2, 3]
    video.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"indices": [4]}, "has frames 0 to 3; asked for 4"),
        ({"indices": [-1]}, "asked for -1"),
        ({"indices": [0.5]}, "whole numbers"),
        ({"indices": 2}, "whole numbers"),
        ({"indices": [0], "box": (0, 0, 0, 9)}, "x0 < x1"),
        ({"indices": [0], "box": (0, 0, 4.5, 9)}, "four whole pixels"),
        ({"indices": [0], "box": (0, 9)}, "four whole pixels"),
        ({"indices": [0], "size": (0, 5)}, "a size is positive"),
        ({"indices": [0], "size": 5}, "whole pixels, width, height"),
    ],
)
def test_places_boxes_and_sizes_that_cannot_be(drawn, tmp_path, arguments, message):
    video = open_video(drawn.write(tmp_path / "a.mp4", 4))
    with pytest.raises(ShapeError, match=message):
        video.read(**arguments)


def test_no_places_give_no_frames(drawn, tmp_path):
    video = open_video(drawn.write(tmp_path / "a.mp4", 4))
    assert video.read([], size=(8, 6)).shape == (0, 6, 8, 3)


def test_real_videos(test_data):
    for path in [test_data / "videos" / "demo.mp4", *(test_data / "jhmdb/videos/sit").glob("*")][
        :6
    ]:
        with open_video(path) as video, av.open(str(path)) as plain:
            frames = list(video)
            assert len(frames) == plain.streams.video[0].frames and not video.problems
            assert video.times.tolist() == [frame.time for frame in frames]
            for place in np.random.default_rng(0).integers(0, len(frames), 4).tolist():
                assert np.array_equal(video.read([place])[0], frames[place].image)
            first = next(plain.decode(video=0)).to_ndarray(format="rgb24")
            assert np.array_equal(first, frames[0].image)


def test_errors_are_media_errors(tmp_path):
    with pytest.raises(MediaError, match="there is no such file"):
        open_video(tmp_path / "none.mp4")
