"""Small images as text: a shade for each number, as a PNG inside a data address."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def shades(opacity: NDArray[np.float64] | NDArray[np.float32], colour: str) -> str:
    """A PNG of one colour whose opacity is given pixel by pixel, as a data address.

    So it stands on light and on dark paper; many small rectangles would take ten times as long to
    draw and fifty times as much room.

    Args:
        opacity: (H, W) in [0, 1]; what is beyond is cut off.
        colour: "#rrggbb".
    """
    sizes = check_shape("opacity", opacity, "H W")
    pixels = np.empty((sizes["H"], sizes["W"], 4), np.uint8)
    pixels[...] = np.frombuffer(bytes.fromhex(colour.removeprefix("#") + "00"), np.uint8)
    pixels[..., 3] = np.round(255 * np.minimum(np.maximum(opacity, 0), 1))
    # Each line begins with the number of its filter, 0: none.
    lines = np.zeros((sizes["H"], 1 + 4 * sizes["W"]), np.uint8)
    lines[:, 1:] = pixels.reshape(sizes["H"], -1)
    header = struct.pack(">IIBBBBB", sizes["W"], sizes["H"], 8, 6, 0, 0, 0)
    data = zlib.compress(lines.tobytes(), 9)
    file = _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return "data:image/png;base64," + b64encode(file).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
