"""One recorded sequence of skeletons, and pure operations on it."""

from gesta.clip.clip import SPACES, Clip, Space, VideoReference
from gesta.clip.operations import (
    fill_missing,
    keep_persons,
    map_to_layout,
    motion_of_persons,
    presence,
    trim,
    without_nobody,
)

__all__ = [
    "SPACES",
    "Clip",
    "Space",
    "VideoReference",
    "fill_missing",
    "keep_persons",
    "map_to_layout",
    "motion_of_persons",
    "presence",
    "trim",
    "without_nobody",
]
