"""Files that are damaged, cut off, or no video at all."""

import io
import wave

import av
import numpy as np
import pytest
from PIL import Image

from gesta.errors import MediaError
from gesta.media import open_video


def write_sound(path):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))


def with_cover(path):
    """Sound with the picture of an album, which the container calls a video."""
    picture = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(picture, "JPEG")
    with av.open(str(path), "w", format="mp3") as container:
        sound = container.add_stream("mp3", rate=44100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.int16), "s16", "mono")
        silence.sample_rate = 44100
        for packet in [*sound.encode(silence), *sound.encode(None)]:
            container.mux(packet)
    head = b"\0image/jpeg\0\3\0" + picture.getvalue()
    frame = b"APIC" + len(head).to_bytes(4) + b"\0\0" + head
    size = len(frame)
    seven = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\3\0\0" + seven + frame + path.read_bytes())


def test_no_bytes(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match=r"a\.mp4: is empty \(0 bytes\)"):
        open_video(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a.txt", "a.mp4", "a.avi", "a.nfo", "a.m3u8", "a.sdp", "a"])
def test_text(tmp_path, name):
    (tmp_path / name).write_text("frame,joint,x,y\n" * 50)
    with pytest.raises(MediaError, match=f"{name}: (is text|is no video|has no video)"):
        open_video(tmp_path / name)


def test_a_playlist_reaches_for_nothing_on_the_network(tmp_path):
    (tmp_path / "a.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(MediaError, match="a.m3u8: "):
        open_video(tmp_path / "a.m3u8")


def test_sound_only(tmp_path):
    write_sound(tmp_path / "a.wav")
    with pytest.raises(MediaError, match=r"a\.wav: has no video, only audio"):
        open_video(tmp_path / "a.wav")


@pytest.mark.skipif("libmp3lame" not in av.codecs_available, reason="this PyAV writes no mp3")
def test_the_cover_of_an_album_is_no_video(tmp_path):
    with_cover(tmp_path / "a.mp3")
    with av.open(str(tmp_path / "a.mp3")) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(MediaError, match="has no video, only audio"):
        open_video(tmp_path / "a.mp3")


@pytest.mark.parametrize(
    "name", ["a%03d.mp4", "pipe:0.mp4", "http:a.mp4", "ü [x] 'y'.mp4", "-i.mp4"]
)
def test_names_are_only_names(drawn, tmp_path, name):
    drawn.write(tmp_path / "plain.mp4", 3).rename(tmp_path / name)
    assert len(open_video(tmp_path / name).times) == 3


CUT = {"mp4": {"movflags": "faststart"}, "mkv": {}, "ts": {}, "avi": {}, "flv": {}}


@pytest.mark.parametrize("ending", CUT)
@pytest.mark.parametrize("part", [0.5, 0.8])
def test_a_file_that_is_cut_off_gives_what_it_has(drawn, tmp_path, ending, part):
    codec = {"codec": "mpeg4"} if ending == "avi" else {}
    path = drawn.write(tmp_path / f"a.{ending}", 60, g=6, muxer=CUT[ending], **codec)
    with av.open(str(path)) as container:
        end = [packet.pos for packet in container.demux() if packet.size][int(part * 60)]
    path.write_bytes(path.read_bytes()[: end + 20])
    video = open_video(path)
    frames = list(video)
    # What is shown next to the cut was made from what lies behind it.
    assert [frame.index for frame in frames[:-5]] == list(range(len(frames) - 5))
    assert all(drawn.number_in(frame.image) == frame.index for frame in frames[:-5])
    assert part * 60 - 5 <= len(frames) <= len(video.times) <= part * 60 + 4
    assert [drawn.number_in(image) for image in video.read([3, 1])] == [3, 1]
    if ending in ("mp4", "avi"):
        assert video.problems
    if ending == "mp4":
        assert "is cut off: its last" in video.problems[-1]


def test_mp4_without_its_end_is_an_error(drawn, tmp_path):
    path = drawn.write(tmp_path / "a.mp4", 20)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MediaError, match=r"a\.mp4: .*damaged"):
        open_video(path)


@pytest.fixture
def holed(drawn, tmp_path):
    """A video of which frames 20 to 22 are overwritten."""
    path = drawn.write(tmp_path / "a.mp4", 40, g=10, bf=0, sc_threshold=0)
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux() if p.size]
    data = bytearray(path.read_bytes())
    for start, size in places[20:23]:
        data[start : start + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_damaged_frames_are_left_out_and_told(drawn, holed):
    video = open_video(holed)
    frames = list(video)
    good = [frame.index for frame in frames if frame.index not in range(20, 30)]
    assert good == [*range(20), *range(30, 40)]
    assert all(drawn.number_in(f.image) == f.index for f in frames if f.index in good)
    assert all(frame.time == pytest.approx(frame.index / 25) for frame in frames)
    assert not {20, 21, 22} & {frame.index for frame in frames}
    assert len(video.times) == 40
    assert video.problems == [f"{40 - len(frames)} of its frames are damaged and left out"]


def test_a_damaged_frame_is_an_error_and_others_are_not(drawn, holed):
    video = open_video(holed)
    with pytest.raises(MediaError, match=r"a\.mp4: frame 21 is damaged"):
        video.read([5, 21])
    assert [drawn.number_in(image) for image in video.read([35, 5])] == [35, 5]


def test_problems_are_told_once(holed):
    video = open_video(holed)
    assert len(list(video)) == len(list(video))
    assert len(video.problems) == 1


def test_nothing_that_decodes(drawn, tmp_path):
    path = drawn.write(tmp_path / "a.mp4", 5, muxer={"movflags": "faststart"})
    data = path.read_bytes()
    body = data.index(b"mdat") + 4
    path.write_bytes(data[:body] + bytes(len(data) - body))
    with pytest.raises(MediaError, match=r"a\.mp4: no frame of its video can be decoded"):
        open_video(path)


def test_bytes_are_never_a_traceback(drawn, tmp_path):
    data = drawn.write(tmp_path / "a.mp4", 6, muxer={"movflags": "faststart"}).read_bytes()
    chance = np.random.default_rng(0)
    for _ in range(60):
        hurt = bytearray(data)
        for place in chance.integers(0, len(hurt), 6):
            hurt[place] = chance.integers(0, 256)
        (tmp_path / "b.mp4").write_bytes(hurt)
        try:
            with open_video(tmp_path / "b.mp4") as video:
                frames = [frame.image for frame in video]
                video.read(np.arange(len(video.times)))
                assert frames
        except MediaError as error:
            assert "b.mp4: " in str(error)


@pytest.mark.slow
def test_8k(drawn, tmp_path):
    size = (7680, 4320)
    path = drawn.write(tmp_path / "a.mp4", 3, size=size, preset="ultrafast")
    with open_video(path) as video:
        assert video.size == size
        for frame in video.frames(size=(320, 180)):
            assert (
                frame.image.shape == (180, 320, 3) and drawn.number_in(frame.image) == frame.index
            )
        box = video.read([2], box=(0, 0, 7680, 2160), size=(64, 24))
    assert [int(box[0, 12, 8 * bit + 4, 0] > 127) for bit in range(8)] == [0, 1, 0, 0, 0, 0, 0, 0]
