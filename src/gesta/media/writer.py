"""Writing video: H.264 that every player shows."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from gesta.axes import check_shape
from gesta.errors import MediaError, ShapeError
from gesta.media.video import Image, Size, check_size

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
# Played by everything, in order of quality for the same size.
ENCODERS = {"libx264": {"preset": "veryfast", "crf": "20"}, "libopenh264": {}, "mpeg4": {}}


class VideoWriter:
    """Writes a video without sound; used as a context manager.

    The file appears when the context ends well, and not at all when it ends with an error.

    Args:
        path: ends in .mp4, .mov or .mkv.
        size: (width, height) of the images. Colours are stored for two by two pixels: an odd
            width or height grows by one, the last column or row repeated.
        frame_rate: images a second.

    Raises:
        MediaError: the file cannot be written.
    """

    def __init__(self, path: str | Path, size: Size, frame_rate: float) -> None:
        self.path = Path(path)
        self.size = check_size(str(path), size) or size
        if not 0 < frame_rate <= 1000:
            raise MediaError(f"{path}: frames a second lie between 0 and 1000; got {frame_rate}")
        kind = check_target(self.path)
        self._beside = self.path.with_name(self.path.name + ".tmp")
        self._reformatter, self._written, self._closed = VideoReformatter(), 0, False
        try:
            self._container = av.open(f"file:{self._beside}", "w", format=kind)
        except (FFmpegError, OSError) as error:
            raise MediaError(f"{path}: cannot be written: {error}") from error
        encoder = next(name for name in ENCODERS if name in av.codecs_available)
        # MPEG-4 counts in 16 bits.
        rate = Fraction(frame_rate).limit_denominator(1001)
        stream = self._container.add_stream(encoder, rate=rate, options=dict(ENCODERS[encoder]))
        self._stream = cast(VideoStream, stream)
        self._base = 1 / rate
        self._stream.width, self._stream.height = (n + n % 2 for n in self.size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.colorspace = Colorspace.ITU601
        self._stream.codec_context.color_range = ColorRange.MPEG

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self.close()
        elif not self._closed:
            self._drop()

    def write(self, image: Image) -> None:
        """Add an image.

        Args:
            image: (H, W, 3) uint8, RGB, of the writer's size.

        Raises:
            ShapeError: it is of another shape or type.
            MediaError: it cannot be written.
        """
        width, height = self.size
        check_shape(f"{self.path} image", image, "H W C", H=height, W=width, C=3)
        if image.dtype != np.uint8:
            raise ShapeError(f"{self.path} image: expected uint8, found {image.dtype}")
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        frame = self._reformatter.reformat(
            VideoFrame.from_ndarray(even, "rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
        )
        frame.pts, self._written = self._written, self._written + 1
        frame.time_base = self._base
        self._encode(frame)

    def close(self) -> None:
        """Finish the file and put it in its place; a second time does nothing.

        Raises:
            MediaError: no image was written, or the file cannot be.
        """
        if self._closed:
            return
        if not self._written:
            self._drop()
            raise MediaError(f"{self.path}: no image was written, and a video has at least one")
        self._encode(None)
        self._closed = True
        try:
            self._container.close()
            os.replace(self._beside, self.path)
        except (FFmpegError, OSError) as error:
            self._drop()
            raise MediaError(f"{self.path}: cannot be written: {error}") from error

    def _encode(self, frame: VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (FFmpegError, OSError) as error:
            self._drop()
            raise MediaError(f"{self.path}: cannot be written: {error}") from error

    def _drop(self) -> None:
        """Close without a file."""
        self._closed = True
        with suppress(FFmpegError, OSError):
            self._container.close()
        self._beside.unlink(missing_ok=True)


def check_target(path: Path) -> str:
    """The container that a video of this name is written in.

    Raises:
        MediaError: it ends in no known way, or its folder is missing.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise MediaError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise MediaError(f"{path}: cannot be written: there is no folder {path.parent}")
    return kind
