"""Random bytes as The manifest and the shard of an archive."""

import tempfile
from pathlib import Path

import numpy as np
from harness import fuzz

from gesta.archive import open_archive, write_archive
from gesta.clip import Clip
from gesta.skeleton import get_layout

LAYOUT = get_layout("sbu_15")
NAMES = ("archive.json", "shard-00000.safetensors")


def _whole() -> list[bytes]:
    clips = [Clip(np.full((1, 2, 15, 3), n + 1, np.float32), LAYOUT, id=str(n)) for n in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        archive = write_archive(Path(folder) / "a", clips, ("walk",))
        return [(archive.path / name).read_bytes() for name in NAMES]


WHOLE = _whole()
SEEDS = [bytes([place]) + content for place, content in enumerate(WHOLE)]


def parse(data: bytes) -> object:
    """Open an archive of which one file is the data, and read all clips."""
    damaged = data[0] % 2 if data else 0
    with tempfile.TemporaryDirectory() as folder:
        for place, name in enumerate(NAMES):
            content = data[1:] if place == damaged else WHOLE[place]
            (Path(folder) / name).write_bytes(content)
        return list(open_archive(folder).clips)


if __name__ == "__main__":
    fuzz(parse, SEEDS)
