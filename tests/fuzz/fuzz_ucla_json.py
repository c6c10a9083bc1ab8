"""Random bytes as NW-UCLA JSON files."""

import json

from harness import fuzz

from gesta.formats import parse_ucla_json

NAME = "a01_s01_e00_v01"
SKELETONS = [[[0.1, 0.2, 3.0]] * 20] * 2
SEEDS = [json.dumps({"file_name": NAME, "skeletons": SKELETONS, "label": 1}).encode()]


def parse(data: bytes) -> object:
    """Read as one file."""
    return parse_ucla_json(data, f"{NAME}.json")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
