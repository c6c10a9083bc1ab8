"""What is written is what is read."""

import av
import numpy as np
import pytest

from gesta.errors import MediaError, ShapeError
from gesta.media import VideoWriter, open_video


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("rate", [25, 29.97, 12.5, 240])
def test_frames_come_back(drawn, tmp_path, ending, rate):
    with VideoWriter(tmp_path / f"a.{ending}", (64, 48), rate) as writer:
        for number in range(20):
            writer.write(drawn.draw(number))
    with open_video(tmp_path / f"a.{ending}") as video:
        assert video.size == (64, 48) and not video.problems
        assert [drawn.number_in(frame.image) for frame in video] == list(range(20))
        np.testing.assert_allclose(video.times, np.arange(20) / rate, atol=1.1e-3)
    with av.open(str(tmp_path / f"a.{ending}")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].pix_fmt == "yuv420p"
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{ending}"]


@pytest.mark.parametrize("size", [(33, 17), (1, 1), (64, 33)])
def test_odd_sizes_grow_by_one(tmp_path, size):
    image = np.full((size[1], size[0], 3), (200, 40, 90), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", size, 25) as writer:
        writer.write(image)
    with open_video(tmp_path / "a.mp4") as video:
        assert video.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        assert np.abs(video.read([0])[0].astype(int) - (200, 40, 90)).max() < 8


def test_nothing_is_left_of_an_error(drawn, tmp_path):
    (tmp_path / "a.mp4").write_text("what was there before")
    with pytest.raises(KeyError), VideoWriter(tmp_path / "a.mp4", (64, 48), 25) as writer:
        writer.write(drawn.draw(0))
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "what was there before"


def test_no_image_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="no image was written"):
        with VideoWriter(tmp_path / "a.mp4", (64, 48), 25):
            pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((48, 63, 3), np.uint8), "H=48, W=64"),
        (np.zeros((48, 64), np.uint8), "H=48, W=64"),
        (np.zeros((48, 64, 3), np.float32), "expected uint8, found float32"),
    ],
)
def test_other_images_are_refused(tmp_path, image, message):
    with (
        pytest.raises(ShapeError, match=message),
        VideoWriter(tmp_path / "a.mp4", (64, 48), 25) as w,
    ):
        w.write(image)


@pytest.mark.parametrize(
    ("name", "size", "rate", "error", "message"),
    [
        ("a.txt", (64, 48), 25, MediaError, r"a name that ends in \.mp4, \.mov, \.mkv"),
        ("none/a.mp4", (64, 48), 25, MediaError, "cannot be written"),
        ("a.mp4", (64, 0), 25, ShapeError, "a size is positive"),
        ("a.mp4", (64, 48), 0, MediaError, "between 0 and 1000"),
        ("a.mp4", (64, 48), float("nan"), MediaError, "between 0 and 1000"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, size, rate, error, message):
    with pytest.raises(error, match=message):
        VideoWriter(tmp_path / name, size, rate)
    assert not list(tmp_path.iterdir())


def test_closing_twice(drawn, tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", (64, 48), 25)
    writer.write(drawn.draw(3))
    writer.close()
    writer.close()
    assert drawn.number_in(open_video(tmp_path / "a.mp4").read([0])[0]) == 3
