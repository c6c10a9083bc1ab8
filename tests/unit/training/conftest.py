"""A small archive of classes that can be told apart, and a recipe that is done in a second."""

import numpy as np
import pytest

from gesta.archive import Protocol, write_archive
from gesta.clip import Clip
from gesta.skeleton import get_layout
from gesta.training import find_recipe

CLASSES = ("circle", "line", "rest")
PROTOCOLS = [
    Protocol("by_subject", separates=("subject",), column="subject", test=("0", "1")),
    Protocol("fold_1", separates=("subject",), column="subject", test=("0", "1")),
    Protocol("fold_2", separates=("subject",), column="subject", test=("2", "3")),
]


def moving(index, seed=0):
    """A body whose right wrist draws a circle, a line, or nothing."""
    rng = np.random.default_rng([seed, index])
    label, frames = index % 3, 8 + int(rng.integers(4))
    layout = get_layout("sbu_15")
    angle = np.linspace(0, 2 * np.pi, frames)
    body = np.random.default_rng(99).normal(size=(len(layout), 3))
    coords = np.tile(body, (1, frames, 1, 1)) + rng.normal(scale=0.02, size=(1, frames, 15, 3))
    path = [[np.cos(angle), np.sin(angle)], [np.cos(angle), 0 * angle], [0 * angle, 0 * angle]]
    coords[0, :, 8, :2] += np.stack(path[label], -1)
    return Clip(
        coords.astype(np.float32),
        layout,
        id=f"clip{index:03d}",
        label=label,
        subject=str(index % 8),
    )


@pytest.fixture(scope="session")
def archive_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "moves"
    clips = [moving(index) for index in range(48)]
    # A clip that shows nobody is scored like any other; this one is of the test part.
    clips[8] = clips[8].replace(coords=np.zeros((0, 5, 15, 3), np.float32))
    write_archive(path, clips, CLASSES, dataset="moves", protocols=PROTOCOLS)
    return path


def small(**sections):
    """A table of options for a narrow model and few short epochs."""
    table = {
        "model": {"width": 4, "blocks": 9, "temporal_kernel": 3, "dropout": 0.1},
        "optimizer": {"lr": 0.05},
        "schedule": {"warmup": 1},
        "input": {"frames": 8, "sampling": "resize", "persons": 1},
        "augment": {"crop": [0.8, 1.0], "rotation": 5.0, "scale": 0.0},
        "loop": {"epochs": 3, "batch": 8, "keep": "best", "label_smoothing": 0.0},
    }
    for section, options in sections.items():
        if isinstance(options, dict):
            table[section] = table.get(section, {}) | options
        else:
            table[section] = options
    return table


@pytest.fixture
def make_recipe(archive_path):
    """A function that makes a recipe for the small archive, with other options where given."""

    def make(**sections):
        table = {"data": str(archive_path), "protocol": "by_subject"} | small(**sections)
        return find_recipe("st_gcn", None, table)

    return make
