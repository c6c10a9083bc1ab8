"""Random bytes as PYSKL / MMAction2 pickles."""

import pickle

import numpy as np
from harness import fuzz

from gesta.formats import parse_pyskl

ENTRY = {
    "frame_dir": "a",
    "total_frames": 2,
    "img_shape": (1080, 1920),
    "label": 1,
    "keypoint": np.full((1, 2, 17, 2), 100, np.float16),
    "keypoint_score": np.full((1, 2, 17), 0.5, np.float16),
}
DOCUMENT = {"split": {"train": ["a"]}, "annotations": [ENTRY]}
SEEDS = [pickle.dumps(DOCUMENT, protocol) for protocol in (0, 2, 4, 5)]


def parse(data: bytes) -> object:
    """Read as one file."""
    return parse_pyskl(data, "x.pkl")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
