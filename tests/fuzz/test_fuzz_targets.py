"""The targets of `make fuzz` without atheris: seeds that are read, damage that is told."""

import importlib
import random
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
TARGETS = sorted(path.stem for path in FOLDER.glob("fuzz_*.py"))


@pytest.fixture(params=TARGETS)
def target(request, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module(request.param)


def test_every_reader_tells_damage(target):
    from harness import quiet

    parse, chance = quiet(target.parse), random.Random(0)
    read = [parse(seed) for seed in target.SEEDS]
    assert any(result is not None for result in read) or target.__name__ == "fuzz_any_file"
    for seed in target.SEEDS:
        for _ in range(20):
            data = bytearray(seed)
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(data))
                data[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
                data = data or bytearray(1)
            parse(bytes(data))
    assert parse(b"") is None or target.__name__ == "fuzz_archive"
