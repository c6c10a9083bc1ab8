"""Clips to transform: random bodies of any layout, with what real recordings do to them."""

from collections.abc import Callable

import numpy as np
import pytest

from gesta.clip import Clip
from gesta.skeleton import get_layout


def random_clip(
    persons: int = 2,
    frames: int = 12,
    layout: str = "kinect_v1_20",
    channels: int = 3,
    seed: int = 0,
    **changes,
) -> Clip:
    """A clip of bodies that stand two units from the camera and move at random."""
    rng = np.random.default_rng(seed)
    skeleton = get_layout(layout)
    coords = rng.normal(size=(persons, 1, len(skeleton), channels)) + 2
    coords = coords + 0.1 * rng.normal(size=(persons, frames, len(skeleton), channels))
    clip = Clip(
        coords.astype(np.float32),
        skeleton,
        ("x", "y", "z")[:channels],
        "camera_metres" if channels == 3 else "pixels",
        id=f"clip{seed}",
        label=seed % 3,
    )
    return clip.replace(**changes)


def quirky_clips() -> list[Clip]:
    """One clip for each thing that real recordings do."""
    plain = random_clip(2, 20, seed=1)
    comes_and_goes = random_clip(2, 17, seed=2).coords
    comes_and_goes[1, :5] = np.nan
    comes_and_goes[1, 12:] = np.nan
    starts_empty = random_clip(1, 15, seed=3).coords
    starts_empty[:, :4] = np.nan
    starts_empty[:, 9] = np.nan
    starts_empty[:, -2:] = np.nan
    lost_joints = random_clip(2, 11, seed=4).coords
    lost_joints[0, 2:5, 3] = np.nan
    lost_joints[1, :, 7] = np.nan
    return [
        plain,
        plain.replace(coords=comes_and_goes, id="comes and goes"),
        plain.replace(coords=starts_empty, id="starts empty"),
        plain.replace(coords=lost_joints, id="lost joints"),
        random_clip(1, 1, seed=5, id="one frame"),
        random_clip(0, 8, seed=6, id="nobody", label=None),
        random_clip(2, 0, seed=7, id="no frames"),
        random_clip(3, 6, seed=8, id="three persons"),
    ]


@pytest.fixture
def make_clip() -> Callable[..., Clip]:
    return random_clip


@pytest.fixture
def quirks() -> list[Clip]:
    return quirky_clips()
