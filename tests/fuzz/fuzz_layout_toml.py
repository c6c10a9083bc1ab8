"""Random bytes as Layouts in TOML files."""

import tempfile
from pathlib import Path

from harness import fuzz

from gesta.skeleton import get_layout

SEEDS = [b'name = "arm"\njoints = ["a", "b"]\nbones = [["b", "a"]]\ncentre = "a"\norigin = ["a"]\n']


def parse(data: bytes) -> object:
    """Read as a layout's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.toml"
        path.write_bytes(data)
        return get_layout(path)


if __name__ == "__main__":
    fuzz(parse, SEEDS)
