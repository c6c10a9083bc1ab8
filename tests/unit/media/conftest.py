"""Drawn videos whose frames carry their number, and ways to read it again."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

WIDTH, HEIGHT, BITS = 64, 48, 8


def draw(number, width=WIDTH, height=HEIGHT):
    """An upright picture: the number in binary above, red left and blue right below."""
    image = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        columns = slice(bit * width // BITS, (bit + 1) * width // BITS)
        image[: height // 2, columns] = 235 if number >> bit & 1 else 16
    image[height // 2 :, : width // 2] = (220, 30, 30)
    image[height // 2 :, width // 2 :] = (30, 30, 220)
    return image


def number_in(image):
    """The number that a picture carries; None where it is not upright or not clear."""
    height, width = image.shape[:2]
    red, blue = image[3 * height // 4, width // 8], image[3 * height // 4, width - width // 8]
    if not (int(red[0]) - red[2] > 80 and int(blue[2]) - blue[0] > 80):
        return None
    marks = [int(image[height // 4, (2 * bit + 1) * width // BITS // 2, 1]) for bit in range(BITS)]
    if any(70 < mark < 180 for mark in marks):
        return None
    return sum((mark > 127) << bit for bit, mark in enumerate(marks))


def write(
    path, frames=30, *, codec="libx264", pts=None, base=Fraction(1, 25), turn=None, size=None,
    keep=None, muxer=None, pixels="yuv420p", **options,
):  # fmt: skip
    """Encode frames that carry their numbers.

    Args:
        path: its ending says which container.
        frames: how many.
        codec: of PyAV.
        pts: when each is shown, in `base`.
        base: unit of time, and of the rate.
        turn: degrees, mirrored left to right, mirrored top to bottom, of the display matrix.
        size: width and height as stored.
        keep: which packets are written, by their place in the order of decoding.
        muxer: options of the container.
        pixels: format of the encoder.
        options: of the encoder.
    """
    width, height = size or (WIDTH, HEIGHT)
    options = {key: str(value) for key, value in options.items()}
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=1 / base, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.time_base = base
        if turn is not None:
            stream.set_display_rotation(turn[0], hflip=turn[1], vflip=turn[2])
        packets = []
        for number in range(frames):
            upright = turn or (0, False, False)
            image = stored(draw(number, *turned(upright, size)), upright)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base = number if pts is None else pts[number], base
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for place, packet in enumerate(packets):
            if keep is None or keep(place, packet):
                container.mux(packet)
    return Path(path)


def turned(turn, size):
    """The shown size of a stored one."""
    width, height = size or (WIDTH, HEIGHT)
    return (height, width) if turn[0] % 180 else (width, height)


def stored(image, turn):
    """What must be stored to be shown as this: the matrix turns against the clock, then mirrors."""
    degrees, left_right, top_bottom = turn
    image = image[:, ::-1] if left_right else image
    image = image[::-1] if top_bottom else image
    return np.rot90(image, -degrees // 90)


@pytest.fixture(scope="session")
def drawn():
    """Videos drawn by the tests: `write` them, find the `number_in` a picture."""
    return SimpleNamespace(write=write, draw=draw, number_in=number_in)
