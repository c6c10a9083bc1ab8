"""Clips made small for a page: coordinates as 16-bit whole numbers, in base64."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from gesta.clip import Clip
from gesta.report.draw import side
from gesta.skeleton import Layout

MISSING = -32768
_LARGEST = 32767


def clip_payload(
    clip: Clip, classes: Sequence[str] = (), most_frames: int | None = None
) -> dict[str, Any]:
    """One clip as plain values for JSON.

    Args:
        clip: any clip.
        classes: the names that labels stand for.
        most_frames: where a clip is longer, every second, third, ... frame is kept so that at
            most so many remain; ``step`` in the result says which.

    Returns:
        ``data``: base64 of little-endian int16 (M, T, V, C), -32768 where a joint is missing;
        a coordinate is ``low[c] + value * scale``. ``id, label, frames`` (of the whole clip),
        ``shown`` (T), ``step, persons, rate``.
    """
    step = 1 if most_frames is None else max(1, -(-clip.frames // most_frames))
    coords = clip.coords[:, ::step].astype(np.float64)
    if clip.space == "unit_frame" and clip.frame_size is not None:
        coords[..., 0] *= clip.frame_size[0]
        coords[..., 1] *= clip.frame_size[1]
    there = ~np.isnan(coords[..., 0])
    low = np.zeros(coords.shape[-1])
    extent = 1.0
    if there.any():
        low = coords[there].min(axis=0)
        extent = float((coords[there].max(axis=0) - low).max()) or 1.0
    scale = extent / _LARGEST
    small = np.where(there[..., None], np.rint((coords - low) / scale), MISSING)
    return {
        "id": clip.id,
        "label": class_name(clip.label, classes),
        "frames": clip.frames,
        "shown": int(coords.shape[1]),
        "step": step,
        "persons": clip.persons,
        "rate": clip.frame_rate,
        "low": [float(value) for value in low],
        "scale": scale,
        "data": base64.b64encode(small.astype("<i2").tobytes()).decode("ascii"),
    }


def class_name(label: int | None, classes: Sequence[str]) -> str:
    """What a label is called; ``class 3`` where no name is known."""
    if label is None or label < 0:
        return "unlabelled"
    return classes[label] if label < len(classes) else f"class {label}"


def skeleton_payload(layout: Layout, channels: Sequence[str], space: str) -> dict[str, Any]:
    """What the page needs to know to draw the joints of a layout."""
    return {
        "joints": list(layout.joints),
        "sides": [side(joint) for joint in layout.joints],
        "bones": [[child, parent] for child, parent in layout.bones],
        "channels": len(channels),
        "up": space == "camera_metres",
    }
