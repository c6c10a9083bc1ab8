"""What a model attends to in a clip, as drawings; which are made follows from its attention."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.explain.attention import FRAMES, FRAMES_BY_FRAMES, JOINTS, MAP, Attention, received
from gesta.report.attention_maps import HeadMaps, head_maps
from gesta.report.attention_picks import Asked, picked_frames
from gesta.report.attention_strips import Weighed, weighed_strip
from gesta.report.drawing import Drawing
from gesta.report.projection import project

Kind = Literal["picks", "maps", "weights"]

# Parts of a path that say nothing of which attention it is.
_PLAIN = {"trunk", "layers", "attention", "weights", "joint_weights", "frame_weights", "map"}


@dataclass(frozen=True)
class Picture:
    """A drawing and what kind of it: frames picked out, all heads, or weights on a skeleton."""

    kind: Kind
    drawing: Drawing


def attention_pictures(
    found: Sequence[Attention], clip: Clip, *, query: int | None = None, everybody: bool = True
) -> list[Picture]:
    """Draw what a model attends to in a clip.

    Args:
        found: the clip's attentions, from `gesta.explain.attentions`. Of several views the first
            is drawn.
        clip: it.
        query: the frame of the clip whose attention is followed to other frames; None: the one
            that is attended to most.
        everybody: draw each person that is there; otherwise the one who is there longest.

    Returns:
        For frames against frames the frames picked out and the maps of all heads, for every
        stack of layers; for weights of joints and frames a strip for every stream. Empty for a
        clip that shows nobody.
    """
    pictures: list[Picture] = []
    for name, layers in stacks(found).items():
        pictures += _of_stack(name, layers, clip, query, everybody)
    for name, points in streams(found).items():
        if any(one.valid.any() for one in points):
            strip = weighed_strip(
                project(clip),
                clip.layout,
                _weighed(points),
                f"{name}: weights of joints and frames",
            )
            pictures.append(Picture("weights", strip))
    return pictures


def stacks(found: Sequence[Attention]) -> dict[str, list[Attention]]:
    """Frames-against-frames attention by the block that its layers are of."""
    blocks: dict[str, list[Attention]] = {}
    for one in found:
        if one.axes == FRAMES_BY_FRAMES:
            blocks.setdefault(point_name(one.path), []).append(one)
    return blocks


def streams(found: Sequence[Attention]) -> dict[str, list[Attention]]:
    """Attention of joints and frames by the stream that it is in front of."""
    parts: dict[str, list[Attention]] = {}
    for one in found:
        if one.axes in (JOINTS, FRAMES, MAP):
            parts.setdefault(point_name(one.path), []).append(one)
    return parts


def point_name(path: str) -> str:
    """Which attention it is, for people: "position block" of a point's path in the model."""
    words = [word for word in path.split(".") if word not in _PLAIN and not word.isdigit()]
    return re.sub(r"_+", " ", " ".join(words)) or "input"


def _of_stack(
    name: str, layers: Sequence[Attention], clip: Clip, query: int | None, everybody: bool
) -> list[Picture]:
    """The pictures of one stack of layers; those of its first view."""
    valid = layers[0].valid[0]
    present = valid.sum(axis=(0, 2))
    persons = np.flatnonzero(present) if everybody else [int(present.argmax())]
    pictures: list[Picture] = []
    for person in persons:
        if not present[person]:
            continue
        whose = f"{name}, person {person + 1}" if len(present) > 1 else name
        pictures.append(Picture("picks", _picks(whose, layers, int(person), clip, query)))
        for segment in np.flatnonzero(valid[:, person].any(axis=1)):
            which = f", segment {segment + 1} of {len(valid)}" if len(valid) > 1 else ""
            maps = HeadMaps(
                np.stack([one.values[0, segment, person] for one in layers]),
                layers[0].frames[0, segment],
                valid[segment, person],
            )
            title = f"{whose}{which}: every head of every layer, frame against frame"
            pictures.append(Picture("maps", head_maps(maps, title)))
    return pictures


def _picks(
    whose: str, layers: Sequence[Attention], person: int, clip: Clip, query: int | None
) -> Drawing:
    frames, valid = layers[0].frames[0], layers[0].valid[0, :, person]
    if query is None:
        attended = np.mean([received(one)[0, :, person] for one in layers], axis=0)
        rank = np.where(valid, attended, -1.0)
        how = "attended to most"
    else:
        rank = np.where(valid, -np.abs(frames - query), -np.inf)
        how = "asked for"
    segment, index = (int(i) for i in np.unravel_index(int(rank.argmax()), rank.shape))
    weights = layers[-1].values[0, segment, person, :, index]
    frame = round(float(frames[segment, index]))
    part = f", segment {segment + 1} of {len(valid)}" if len(valid) > 1 else ""
    title = f"{whose}{part}, last layer: what frame {frame} ({how}) attends to"
    asked = Asked(weights, frames[segment], valid[segment], index)
    return picked_frames(project(clip), clip.layout, asked, title)


def _weighed(points: Sequence[Attention]) -> Weighed:
    """The weights of a stream in its first view, zero where a person is not there."""
    kinds = {one.axes: one for one in points}
    frames = points[0].frames[0, 0]
    joint_weights: NDArray[np.float32] | None = None
    frame_weights: NDArray[np.float32] | None = None
    there = points[0].valid[0, 0].T
    if JOINTS in kinds:
        joints = kinds[JOINTS].values[0, 0]
        joint_weights = there[..., None] * joints
    elif MAP in kinds and FRAMES not in kinds:
        joint_weights = there[..., None] * kinds[MAP].values[0, 0].swapaxes(0, 1)
    if FRAMES in kinds:
        frame_weights = there * kinds[FRAMES].values[0, 0].T
    return Weighed(frames, joint_weights, frame_weights)
