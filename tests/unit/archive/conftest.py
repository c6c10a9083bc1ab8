"""Clips and archives that the tests of this room share."""

import numpy as np
import pytest

from gesta.archive import write_archive
from gesta.clip import Clip
from gesta.skeleton import get_layout


@pytest.fixture
def make_clip():
    """A function that makes a clip of a walking stick figure, different for each number."""

    def make(number, *, persons=1, frames=6, **changes):
        layout = changes.pop("layout", get_layout("sbu_15"))
        drawn = np.random.default_rng(number)
        body = np.random.default_rng(0).normal(size=(len(layout), 3))
        steps = drawn.normal(scale=0.05, size=(persons, frames, 1, 3)).cumsum(axis=1)
        clip = Clip((body + steps).astype(np.float32), layout, id=f"clip_{number:03d}")
        return clip.replace(**{"label": number % 3, **changes})

    return make


@pytest.fixture
def clips(make_clip):
    """Thirty clips of three classes, five subjects, two cameras, ten sources."""
    return [
        make_clip(i, persons=1 + i % 2, subject=str(i % 5), camera=i % 2, source=f"video_{i % 10}")
        for i in range(30)
    ]


@pytest.fixture
def archive(clips, tmp_path):
    """The thirty clips as an archive without protocols of its own."""
    return write_archive(tmp_path / "clips.gesta", clips, ["wave", "walk", "sit"])
