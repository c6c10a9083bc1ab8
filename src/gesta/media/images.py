"""A folder of images as a video: the names, in the order that people count in, are its frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image as Pillow
from PIL import ImageOps

from gesta.errors import MediaError
from gesta.media.video import (
    Box,
    Frame,
    Image,
    Size,
    Times,
    Video,
    box_size,
    check_box,
    check_indices,
    check_size,
)

ENDINGS = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
# EXIF's orientation (tag 274): from 5 on, width and height change places.
_ORIENTATION, _TURNED = 274, 5


class ImageFolder(Video):
    """A folder of images of one size.

    Args:
        path: the folder; hidden files and other files than images are passed over.
        frame_rate: images a second, which a folder does not say.

    Raises:
        MediaError: there are no images, one cannot be read, or their sizes differ.
    """

    def __init__(self, path: Path, frame_rate: float) -> None:
        super().__init__()
        if not frame_rate > 0:
            raise MediaError(f"{path}: images a second are more than 0; got {frame_rate}")
        self.path, self.name, self.frame_rate = path, path.name, frame_rate
        self.files = sorted(
            (file for file in path.iterdir() if _is_image(file)), key=lambda f: _natural(f.name)
        )
        if not self.files:
            raise MediaError(
                f"{path}: is a folder without images ({', '.join(sorted(ENDINGS))}); give a "
                "video file, or a folder of the images of one video"
            )
        self.size: Size = _size(self.files[0])
        for file in self.files[1:]:
            self._check(file, _size(file))

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def frames(self, *, size: Size | None = None, box: Box | None = None) -> Iterator[Frame]:
        """All images in order; see `Video.frames`."""
        size, box = check_size(self.name, size), check_box(self.name, box)
        for index, time in enumerate(self.times.tolist()):
            yield Frame(index, time, self._image(index, box, size))

    @property
    def times(self) -> Times:
        """(T,) seconds of all images after the first."""
        return np.arange(len(self.files)) / np.float64(self.frame_rate)

    def read(
        self, indices: ArrayLike, *, box: Box | None = None, size: Size | None = None
    ) -> Image:
        """Images at any places; see `Video.read`."""
        size, box = check_size(self.name, size), check_box(self.name, box)
        wanted = check_indices(self.name, indices, len(self.files))
        width, height = size or (self.size if box is None else box_size(box))
        images = np.empty((len(wanted), height, width, 3), np.uint8)
        for index in np.unique(wanted).tolist():
            images[wanted == index] = self._image(index, box, size)
        return images

    def _check(self, file: Path, size: Size) -> None:
        if size != self.size:
            raise MediaError(
                f"{file}: is {size[0]}x{size[1]} pixels, and the first image of the folder, "
                f"{self.files[0].name}, {self.size[0]}x{self.size[1]}; the images of a video are "
                "of one size"
            )

    def _image(self, index: int, box: Box | None, size: Size | None) -> Image:
        file = self.files[index]
        try:
            with Pillow.open(file) as stored:
                # These hold more than eight bits, which the conversion to RGB would cut off.
                if stored.mode[0] in "IF":
                    raise MediaError(f"{file}: has {stored.mode} pixels; expected 8 bits a colour")
                image = stored.convert("RGB")
                if _is_photograph(stored):
                    ImageOps.exif_transpose(image, in_place=True)
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            raise MediaError(f"{file}: cannot be read as an image: {error}") from error
        self._check(file, image.size)
        if box is not None:
            image = image.crop(box)
        if size is not None and size != image.size:
            image = image.resize(size, Pillow.Resampling.BILINEAR)
        return np.array(image)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()


def _is_photograph(image: Pillow.Image) -> bool:
    """Whether it may say how it is to be turned, and that before its pixels."""
    return image.format in ("JPEG", "MPO", "TIFF", "WEBP")


def _turns(image: Pillow.Image) -> bool:
    return image.getexif().get(_ORIENTATION, 1) >= _TURNED


def _natural(name: str) -> list[tuple[int, str]]:
    """A key under which 2 comes before 10."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _size(file: Path) -> Size:
    """The size of an image as it is shown, of which only the header is read."""
    try:
        with Pillow.open(file) as image:
            size, turned = image.size, _is_photograph(image) and _turns(image)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise MediaError(f"{file}: cannot be read as an image: {error}") from error
    return (size[1], size[0]) if turned else size
