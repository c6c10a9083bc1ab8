"""Random bytes as npz files: own arrays, and those of J-HMDB."""

import io

import numpy as np
from harness import fuzz

from gesta.formats import parse_arrays_npz, parse_jhmdb_npz


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


OWN = _npz(coords=np.full((1, 2, 17, 2), 0.5, np.float32), confidence=np.ones((1, 2, 17)))
JHMDB = _npz(
    name=np.array(["wave/a", "golf/b"]),
    label=np.array([1, 0]),
    class_names=np.array(["golf", "wave"]),
    split=np.ones((2, 3), np.int8),
    offset=np.array([0, 2, 3]),
    blaze_ok=np.ones(3, bool),
    blaze_img=np.full((3, 33, 4), 0.5, np.float16),
)
SEEDS = [b"\0" + OWN, b"\1" + JHMDB]


def parse(data: bytes) -> object:
    """Read as own arrays or, where the first byte is odd, as J-HMDB."""
    if data and data[0] % 2:
        return parse_jhmdb_npz(data[1:], "jhmdb_x.npz")
    return parse_arrays_npz(data[1:], "x.npz", "coco_17")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
