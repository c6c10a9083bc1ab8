"""Folders of images as videos."""

import numpy as np
import pytest
from PIL import Image

from gesta.errors import MediaError
from gesta.media import open_video


@pytest.fixture
def folder(drawn, tmp_path):
    for number in range(12):
        Image.fromarray(drawn.draw(number)).save(tmp_path / f"frame {number}.PNG")
    (tmp_path / "notes.txt").write_text("nothing to see")
    (tmp_path / ".hidden.png").write_text("no image")
    (tmp_path / "sub.png").mkdir()
    return tmp_path


def test_images_come_in_the_order_people_count_in(drawn, folder):
    with open_video(folder, image_rate=10) as video:
        frames = list(video)
        assert (video.size, video.frame_rate, video.live) == ((64, 48), 10, False)
        assert [drawn.number_in(frame.image) for frame in frames] == list(range(12))
        assert video.times.tolist() == [frame.time for frame in frames]
        assert video.times.tolist() == [n / 10 for n in range(12)]
        assert [drawn.number_in(image) for image in video.read([11, 2, 2])] == [11, 2, 2]
        assert video.index_at([0.31, 99.0]).tolist() == [3, 11]


def test_images_are_cut_and_scaled(drawn, folder):
    video = open_video(str(folder))
    cut = video.read([3], box=(-4, 10, 30, 50))[0]
    wanted = np.zeros((40, 34, 3), np.uint8)
    wanted[:38, 4:] = drawn.draw(3)[10:, :30]
    assert np.array_equal(cut, wanted)
    assert video.read([], size=(5, 4)).shape == (0, 4, 5, 3)
    sizes = [frame.image.shape for frame in video.frames(size=(32, 24), box=(0, 0, 64, 48))]
    assert sizes == [(24, 32, 3)] * 12


def test_photographs_are_turned_as_they_say(drawn, tmp_path):
    for number in range(2):
        image = Image.fromarray(drawn.draw(number)).transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[274] = 6
        image.save(tmp_path / f"{number}.jpg", quality=95, exif=exif)
    video = open_video(tmp_path)
    assert video.size == (64, 48)
    assert [drawn.number_in(frame.image) for frame in video] == [0, 1]


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "CMYK"])
def test_images_of_other_colours_become_rgb(tmp_path, mode):
    ending = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (6, 4), "white").convert(mode).save(tmp_path / f"a.{ending}")
    image = open_video(tmp_path).read([0])[0]
    assert image.shape == (4, 6, 3) and (image > 250).all()


def test_sizes_must_agree(folder):
    Image.new("RGB", (64, 40)).save(folder / "frame 12.png")
    message = r"frame 12\.png: is 64x40 pixels, and the first image .* 0\.PNG, 64x48"
    with pytest.raises(MediaError, match=message):
        open_video(folder)


def test_a_folder_without_images(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(MediaError, match="is a folder without images"):
        open_video(tmp_path)


def test_an_image_that_cannot_be_read(folder):
    (folder / "frame 5.PNG").write_bytes(b"")
    with pytest.raises(MediaError, match=r"frame 5\.PNG: cannot be read as an image"):
        open_video(folder)


def test_an_image_that_is_cut_off(folder):
    path = folder / "frame 5.PNG"
    path.write_bytes(path.read_bytes()[:60])
    video = open_video(folder)
    with pytest.raises(MediaError, match=r"frame 5\.PNG: cannot be read as an image"):
        list(video)
    assert len(video.read([4, 6])) == 2


def test_deep_images_are_refused(tmp_path):
    Image.fromarray(np.full((4, 6), 40000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match="expected 8 bits"):
        open_video(tmp_path).read([0])


def test_images_a_second_are_positive(folder):
    with pytest.raises(MediaError, match="more than 0"):
        open_video(folder, image_rate=0)
