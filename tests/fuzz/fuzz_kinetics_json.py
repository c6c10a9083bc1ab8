"""Random bytes as Kinetics-Skeleton JSON files."""

import json

from harness import fuzz

from gesta.formats import parse_kinetics_json

PERSON = {"pose": [0.5, 0.4] * 18, "score": [0.9] * 18}
SEEDS = [
    json.dumps({"data": [{"frame_index": 1, "skeleton": [PERSON]}], "label": "a"}).encode(),
    b'{"data": []}',
]


def parse(data: bytes) -> object:
    """Read as one file."""
    return parse_kinetics_json(data, "kinetics_train/v1.json")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
