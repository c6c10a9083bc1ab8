"""What a model looks at in the RGB of a clip: joints by the scene, places of a picture.

Points of a model with the axes ``rows, branch, height, width`` weigh the places of a picture, those
with ``rows, step, joint`` the joints by the scene around them (see `gesta.explain.attention`). Here
both are brought to the frames of the clip, with the part of the frame that the model saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gesta.evaluation.scoring import forward
from gesta.explain.attention import CROSS, Attention, attentions
from gesta.explain.record import Recorded, record
from gesta.explain.scoring import scoring
from gesta.transforms import Batch, InputPipeline
from gesta.transforms.temporal import FramePlan, plan_test

PLACES = ("rows", "branch", "height", "width")
RELATIONS = ("rows", "position", "attended")

# What a point's map is called, by a part of its path.
_NAMES = {"by_itself": "self-attention", "by_skeleton": "skeleton attention"}
RELATION = "relation received"

Floats = NDArray[np.float32]
# x0, y0, x1, y1 in pixels of the whole frame.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Window:
    """A row of a clip as the model judges it.

    Args:
        frames: (T,) frames of the clip that are read, several times where the row is filled.
        log_probs: (Y,) what the model says of it alone.
        box: what it sees of the whole frames; None where it sees no video.
    """

    frames: Floats
    log_probs: Floats
    box: Box | None


@dataclass(frozen=True, eq=False)
class Look:
    """A single frame that the model looks at.

    Args:
        frame: of the clip.
        window: the number of the row that it is of.
        box: what the model sees of the whole frame.
        maps: by name (h, w), weights of equal parts of the box: masks in [0, 1], and what places
            receive in a relation as a multiple of what they would, were all attended to alike.
        joints: (V,) what the joints receive in the relation, likewise; None without one.
    """

    frame: int
    window: int
    box: Box
    maps: dict[str, Floats]
    joints: Floats | None


@dataclass(frozen=True, eq=False)
class Scene:
    """What a model looked at in a clip.

    Args:
        windows: in order.
        weights: (M, T, V) the cross-attention of the joints in each frame, NaN for persons whom the
            model does not see; None for a model without. Between the frames that it weighs they
            lie on a line, and over places of cross-attention they are the mean.
        looks: in order.
    """

    windows: tuple[Window, ...]
    weights: Floats | None
    looks: tuple[Look, ...]


def scenes(model: nn.Module, pipeline: InputPipeline, batch: Batch) -> list[Scene]:
    """Look at what a model looks at in the RGB or the context of clips.

    Args:
        model: one that takes more than poses; it is put into evaluation mode and back.
        pipeline: the run's.
        batch: N clips as `collate` gives them with their footage, on the model's device.

    Returns:
        One for each clip. A clip without usable RGB has windows, and nothing that is looked at.
    """
    with scoring(model), record(model) as seen:
        rows = pipeline(batch, training=False, generator=None)
        log_probs = forward(model, rows).float().log_softmax(1).cpu().numpy()
    plan = plan_test(batch.lengths, pipeline.input)
    weighed = attentions(model, pipeline, batch)
    usable = torch.ones(len(rows), dtype=torch.bool)
    usable = usable if rows.rgb_mask is None else rows.rgb_mask.cpu()
    found = []
    for clip in range(len(batch)):
        own = (plan.row == clip).nonzero()[:, 0].cpu().tolist()
        good = bool(usable[own].all())
        points = [one for one in weighed[clip] if one.axes == CROSS] if good else []
        windows = [_window(rows, plan, row, log_probs[row]) for row in own]
        looks = [
            look
            for number, row in enumerate(own)
            if good and rows.frame_index is not None
            for look in _looks(rows, plan, row, number, seen)
        ]
        size = batch.mask.shape[1], max(1, int(batch.lengths[clip]))
        weights = joint_weights(points, *size) if points else None
        found.append(Scene(tuple(windows), weights, tuple(looks)))
    return found


def joint_weights(points: Sequence[Attention], persons: int, frames: int) -> Floats:
    """(M, T, V) the mean over points of `CROSS` attention, carried over to the frames of a clip.

    Args:
        points: of one clip.
        persons: M of the clip.
        frames: T of the clip.
    """
    joints = points[0].values.shape[-1]
    found = np.full((len(points), persons, frames, joints), np.nan, np.float32)
    for number, one in enumerate(points):
        for person in range(min(persons, one.values.shape[2])):
            valid = one.valid[:, :, person]
            if valid.any():
                at, values = one.frames[valid], one.values[:, :, person][valid]
                found[number, person] = _between(at, values, frames)
    return found.mean(axis=0)


def _between(at: Floats, values: Floats, frames: int) -> Floats:
    """(T, V) of values (S, V) at places (S,); those at the same place count as their mean."""
    places, which = np.unique(at, return_inverse=True)
    total = np.zeros((len(places), values.shape[1]), np.float64)
    np.add.at(total, which, values)
    mean = total / np.bincount(which)[:, None]
    every = np.arange(frames)
    return np.stack([np.interp(every, places, joint) for joint in mean.T], 1).astype(np.float32)


def _window(rows: Batch, plan: FramePlan, row: int, log_probs: Floats) -> Window:
    box = None if rows.video is None else _box(rows.video_box, row)
    return Window(plan.position[row].float().cpu().numpy(), log_probs, box)


def _box(boxes: Tensor | None, *place: int) -> Box:
    assert boxes is not None  # there where the pictures are
    x0, y0, x1, y1 = boxes[place].tolist()
    return x0, y0, x1, y1


def _looks(
    rows: Batch, plan: FramePlan, row: int, window: int, seen: dict[str, Recorded]
) -> list[Look]:
    assert rows.frame_index is not None
    index = rows.frame_index[row].tolist()
    moment = (plan.position[row].float() + 0.5).long().tolist()
    looks = []
    for number, place in enumerate(index):
        maps = _maps(seen, row, number)
        joints = None
        relation = _relation(seen, row, rows.poses.shape[3], len(index), maps)
        if relation is not None:
            maps[RELATION], joints = relation[0][number], relation[1]
        box = _box(rows.frame_boxes, row, number)
        looks.append(Look(moment[place], window, box, maps, joints))
    return looks


def _maps(seen: dict[str, Recorded], row: int, look: int) -> dict[str, Floats]:
    """The maps of one picture by name: points and their branches, in order."""
    several: dict[str, list[Tensor]] = {}
    for path, point in seen.items():
        if point.names == PLACES:
            name = next((words for part, words in _NAMES.items() if part in path), path)
            several.setdefault(name, []).extend(point.values)
    maps = {}
    for name, pictures in several.items():
        branches = pictures[look][row].float().numpy()
        for number, branch in enumerate(branches, 1):
            maps[f"{name} {number}" if len(branches) > 1 else name] = branch
    return maps


def _relation(
    seen: dict[str, Recorded], row: int, joints: int, looks: int, maps: dict[str, Floats]
) -> tuple[list[Floats], Floats] | None:
    """What each place (h, w) of each picture receives of a relation, and what the joints do."""
    values = [one.values[0] for one in seen.values() if one.names == RELATIONS and one.values]
    if not values:
        return None
    received = (values[0][row].float().mean(0) * values[0].shape[2]).numpy()
    places = (len(received) - joints) // looks
    shape = next((one.shape for one in maps.values()), (round(places**0.5), -1))
    parts = np.split(received[:-joints], looks)
    return [part.reshape(shape) for part in parts], received[-joints:]
