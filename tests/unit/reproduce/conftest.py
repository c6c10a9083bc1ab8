"""Small archives of two persons and of one, and narrow models that are trained in a moment."""

import numpy as np
import pytest

from gesta.archive import Protocol, write_archive
from gesta.archive.videos import videos_provenance
from gesta.clip import Clip, VideoReference
from gesta.media import VideoWriter
from gesta.skeleton import get_layout

CLASSES = ("circle", "line", "rest")
PROTOCOLS = [
    Protocol("cross_view", separates=("camera",), column="camera", train=("1", "2"), test=("3",)),
    Protocol("fold_1", separates=("subject",), column="subject", test=("0", "1")),
    Protocol("fold_2", separates=("subject",), column="subject", test=("2", "3")),
]
BRIEF = {"input": {"frames": 9}, "loop": {"epochs": 2, "batch": 12}}
NARROW = {
    "san": {"model": {"width": 16, "layers": 1, "heads": 2}, **BRIEF},
    "csta": {"model": {"width": 4, "joints": 8, "hidden": (8, 8)}, **BRIEF},
}


def moving(index, persons):
    """Bodies whose right wrist draws a circle, a line, or nothing."""
    rng = np.random.default_rng(index)
    label, frames = index % 3, 8 + int(rng.integers(4))
    layout = get_layout("sbu_15")
    angle = np.linspace(0, 2 * np.pi, frames)
    body = np.random.default_rng(99).normal(size=(len(layout), 3))
    coords = np.tile(body, (persons, frames, 1, 1))
    coords += rng.normal(scale=0.02, size=coords.shape)
    path = [[np.cos(angle), np.sin(angle)], [np.cos(angle), 0 * angle], [0 * angle, 0 * angle]]
    coords[0, :, 8, :2] += np.stack(path[label], -1)
    return Clip(
        coords.astype(np.float32),
        layout,
        id=f"clip{index:03d}",
        label=label,
        subject=str(index // 3 % 4),
        camera=index // 12 % 3 + 1,
    )


def write(folder, name, persons, protocols=PROTOCOLS):
    clips = [moving(index, persons) for index in range(36)]
    write_archive(folder / name, clips, CLASSES, dataset=name, protocols=protocols)
    return folder / name


@pytest.fixture(scope="session")
def pairs_path(tmp_path_factory):
    """An archive whose clips show two persons."""
    return write(tmp_path_factory.mktemp("archives"), "pairs", 2)


@pytest.fixture(scope="session")
def single_path(tmp_path_factory):
    """An archive whose clips show one person."""
    return write(tmp_path_factory.mktemp("archives"), "single", 1)


@pytest.fixture(scope="session")
def viewless_path(tmp_path_factory):
    """An archive that has folds of subjects and no protocol across views."""
    return write(tmp_path_factory.mktemp("archives"), "viewless", 1, PROTOCOLS[1:])


WIDTH, HEIGHT = 48, 32


def filmed_clip(index):
    """A body that rests; the bright half of its video tells its class."""
    rng = np.random.default_rng(index)
    frames = 16 + index % 3
    coords = rng.uniform(8, 28, size=(1, 1, 17, 2)) + rng.normal(size=(1, frames, 17, 2))
    return Clip(
        coords.astype(np.float32),
        get_layout("coco_17"),
        ("x", "y"),
        "pixels",
        frame_size=(WIDTH, HEIGHT),
        video=VideoReference(f"clip{index:02d}.mp4", np.arange(frames) / 10),
        id=f"clip{index:02d}",
        label=index % 2,
        subject=str(index // 2 % 4),
    )


@pytest.fixture(scope="session")
def filmed_path(tmp_path_factory):
    """An archive of 24 clips in two classes, whose videos lie beside it."""
    home = tmp_path_factory.mktemp("filmed")
    (home / "videos").mkdir()
    clips = [filmed_clip(index) for index in range(24)]
    for clip in clips:
        image = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        image[:, slice(0, 24) if clip.label == 0 else slice(24, 48)] = 200
        with VideoWriter(home / "videos" / f"{clip.id}.mp4", (WIDTH, HEIGHT), 10) as writer:
            for _ in range(clip.frames):
                writer.write(image)
    about = {"videos": videos_provenance(home / "filmed", home / "videos")}
    write_archive(
        home / "filmed",
        clips,
        ("left", "right"),
        dataset="filmed",
        protocols=PROTOCOLS[1:],
        provenance=about,
    )
    return home / "filmed"


@pytest.fixture
def narrow():
    """For each paper recipe options of narrow models and short trainings."""
    return NARROW
