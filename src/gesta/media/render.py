"""From decoded frames to upright RGB pictures: cut, scaled and turned."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from gesta.media.video import Box, Image, Size, box_size


@dataclass(frozen=True)
class Turn:
    """How a stored picture is turned to be shown: transposed first, then mirrored.

    Args:
        transpose: x and y change places.
        flip_x: left and right change places after that.
        flip_y: top and bottom change places after that.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Turn:
        """The turn that a frame's display matrix asks for, to the nearest quarter.

        The matrix (ISO/IEC 14496-12, 6.2.2) is nine 32-bit numbers by rows. With a, b at the
        start of its first row and c, d of its second, what is stored at (x, y) is shown at
        (a x + c y, b x + d y), moved into the picture.
        """
        data: Any = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def size(self, size: Size) -> Size:
        """The shown size of a stored one, and the other way round."""
        return (size[1], size[0]) if self.transpose else size

    def stored(self, box: Box, shown: Size) -> Box:
        """Where a box of the shown picture, x0, y0, x1, y1, lies in the stored one.

        Args:
            box: in the shown picture.
            shown: size of the shown picture.
        """
        x0, y0, x1, y1 = box
        if self.flip_x:
            x0, x1 = shown[0] - x1, shown[0] - x0
        if self.flip_y:
            y0, y1 = shown[1] - y1, shown[1] - y0
        return (y0, x0, y1, x1) if self.transpose else (x0, y0, x1, y1)

    def apply(self, image: Image) -> Image:
        """The shown picture of a stored one, (H, W, 3)."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


class Renderer:
    """Makes the pictures of one video's frames.

    Args:
        turn: how its frames are turned.
        size: (width, height) of the video as shown.
    """

    def __init__(self, turn: Turn, size: Size) -> None:
        self.turn, self.size = turn, size
        # It keeps the scaler's tables from frame to frame, which `VideoFrame.reformat` does not.
        self._reformatter = VideoReformatter()
        self._cutter: tuple[object, Graph] | None = None

    def __call__(self, frame: VideoFrame, box: Box | None, size: Size | None) -> Image:
        """The picture of a frame.

        Args:
            frame: as decoded.
            box: x0, y0, x1, y1 of the shown frame to cut; black where it leaves the frame.
            size: (width, height) to scale to.

        Returns:
            (H, W, 3) uint8, RGB.
        """
        stored = self.turn.size(self.size)
        if (frame.width, frame.height) != stored:
            # A stream may change its size on the way; what is shown keeps that of the start.
            frame = self._scale(frame, stored, frame.format.name)
        if box is None:
            return self.turn.apply(self._rgb(frame, stored if size is None else self._turned(size)))
        inside = _inside(box, self.size)
        if inside == box:
            return self._cut(frame, box, size)
        image = np.zeros((*box_size(box)[::-1], 3), np.uint8)
        if inside is not None:
            left, top = inside[0] - box[0], inside[1] - box[1]
            width, height = box_size(inside)
            image[top : top + height, left : left + width] = self._cut(frame, inside, None)
        return self._scale_image(image, size)

    def _turned(self, size: Size) -> Size:
        return self.turn.size(size)

    def _cut(self, frame: VideoFrame, box: Box, size: Size | None) -> Image:
        """A box that lies in the shown frame, scaled."""
        box = self.turn.stored(box, self.size)
        target = None if size is None else self._turned(size)
        # Most videos store colour for every other pixel only, so that a cut in the coded picture
        # comes at even places; what is too much goes once there are pixels.
        left, top = box[0] & ~1, box[1] & ~1
        right, bottom = min(box[2] + 1 & ~1, frame.width), min(box[3] + 1 & ~1, frame.height)
        even = (left, top, right, bottom)
        part = self._filter(frame, even)
        if even == box:
            return self.turn.apply(self._rgb(part, target or box_size(box)))
        image = self._rgb(part, box_size(even))
        image = image[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
        return self.turn.apply(self._scale_image(np.ascontiguousarray(image), target))

    def _filter(self, frame: VideoFrame, box: Box) -> VideoFrame:
        """Cut the coded picture, which moves pointers and copies nothing."""
        key = (frame.format.name, frame.width, frame.height, box)
        # Boxes that change from call to call come only once: the last filter is enough.
        if self._cutter is None or self._cutter[0] != key:
            self._cutter = (key, _cutter(frame, box))
        graph = self._cutter[1]
        graph.push(frame)
        return cast(VideoFrame, graph.pull())

    def _scale_image(self, image: Image, size: Size | None) -> Image:
        if size is None or size == (image.shape[1], image.shape[0]):
            return image
        return self._rgb(VideoFrame.from_ndarray(image, "rgb24"), size)

    def _scale(self, frame: VideoFrame, size: Size, pixel_format: str) -> VideoFrame:
        width, height = size
        return self._reformatter.reformat(
            frame, width, height, pixel_format, interpolation="BILINEAR"
        )

    def _rgb(self, frame: VideoFrame, size: Size) -> Image:
        return cast(Image, self._scale(frame, size, "rgb24").to_ndarray())


def _cutter(frame: VideoFrame, box: Box) -> Graph:
    graph = Graph()
    width, height = box_size(box)
    base = frame.time_base or Fraction(1, 1000)
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=base
    )
    cut = graph.add("crop", f"w={width}:h={height}:x={box[0]}:y={box[1]}:exact=1")
    graph.link_nodes(source, cut, graph.add("buffersink")).configure()
    return graph


def _inside(box: Box, size: Size) -> Box | None:
    x0, y0 = max(box[0], 0), max(box[1], 0)
    x1, y1 = min(box[2], size[0]), min(box[3], size[1])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
