"""Attention of a model put in order: whose, in which segment, over which frames of the clip.

A model says what an attention is over by the names of its `gesta.nn.Observed` points:

- ``rows, heads, query, key``: frames against frames, each query's weights adding up to 1;
- ``rows, joint`` and ``rows, frame``: one weight for each joint, and for each frame, with a sign;
- ``rows, frame, joint``: a weight for each joint of each frame;
- ``rows, step, joint``: how much each joint has to do with the scene, at frames that a model has
  strided (cross-attention);
- ``rows, position, attended``: places of a picture and, after them, joints that attend to each
  other, each one's weights adding up to 1 (MMFF's relation); what the joints receive counts.

What lies on the places of a picture is in `gesta.explain.scene`.

Rows are the clips, or their G segments where the attention spans a part of the frames, or the M
persons of each; which of these follows from the sizes: (row * G + segment) * M + person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.evaluation.scoring import forward
from gesta.explain.record import record
from gesta.explain.scoring import scoring
from gesta.transforms import Batch, InputPipeline
from gesta.transforms.temporal import plan_test

FRAMES_BY_FRAMES = ("heads", "query", "key")
JOINTS = ("joint",)
FRAMES = ("frame",)
MAP = ("frame", "joint")
CROSS = ("step", "joint")
RELATION = ("position", "attended")
KINDS = (FRAMES_BY_FRAMES, JOINTS, FRAMES, MAP, CROSS, RELATION)
_OF_JOINTS = (JOINTS, MAP, CROSS, RELATION)

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Attention:
    """What one observed point of a model gave to one clip.

    Sizes: K views of the clip, G segments, P persons (1 where the model has merged them before),
    T frames of a segment as the model sees them.

    Args:
        path: of the point in the model.
        axes: one of `KINDS`.
        values: (K, G, P, *axes); of `RELATION` (K, 1, 1, V), what each joint receives as a
            multiple of what it would, were all attended to alike.
        frames: (K, G, T) frame of the clip at which each of the model's frames is read; between
            two frames where it is interpolated.
        valid: (K, G, P, T) where the person is there; with P = 1 where anybody is.
    """

    path: str
    axes: tuple[str, ...]
    values: Values
    frames: Values
    valid: NDArray[np.bool_]


def attentions(
    model: nn.Module, pipeline: InputPipeline, batch: Batch, *, clips_at_once: int = 16
) -> list[list[Attention]]:
    """Look at every attention of a model while it sees clips.

    Args:
        model: any skeleton model; it is put into evaluation mode and back.
        pipeline: the run's.
        batch: N clips as `collate` gives them, on the model's device.
        clips_at_once: how many go through the model in one step.

    Returns:
        For each clip one `Attention` for every point that something passed, in the order of the
        model; empty for a model without attention. Points of other kinds than `KINDS` are left
        out (`gesta.explain.record` gives them as they are).

    Raises:
        ModelError: the rows of a point are not those of clips, segments or persons.
    """
    found: list[list[Attention]] = []
    for positions in torch.arange(len(batch)).split(clips_at_once):
        some = batch.rows(positions)
        with scoring(model), record(model) as seen:
            rows = pipeline(some, training=False, generator=None)
            if seen:
                forward(model, rows)
        plan = plan_test(some.lengths, pipeline.input)
        read = plan.position.float().cpu().numpy()
        mask, row = rows.mask.cpu(), plan.row.cpu().numpy()
        joints = rows.poses.shape[3]
        points = [
            _arranged(path, point.names[1:], _of_joints(point.names[1:], value, joints), mask, read)
            for path, point in seen.items()
            if point.names[1:] in KINDS
            for value in point.values
        ]
        found += [[_rows(point, row == clip) for point in points] for clip in range(len(some))]
    return found


def received(found: Attention) -> Values:
    """(K, G, P, T) how much each frame is attended to: the mean over heads and valid queries.

    1 / T for a frame that is attended to as much as any other.
    """
    asks = found.valid[..., None]
    total = (found.values.mean(axis=3) * asks).sum(axis=-2)
    return total / np.maximum(found.valid.sum(axis=-1, keepdims=True), 1)


def frame_scores(found: Sequence[Attention], frames: int) -> Values | None:
    """How much each frame of a clip is attended to, by points of one kind.

    The mean over points (layers, streams), heads, queries, persons and views of the weights, or
    of their absolute values.

    Args:
        found: the attentions of a clip.
        frames: T of the clip.

    Returns:
        (T,), or None where no point is over frames.
    """
    points = [one for one in found if one.axes not in (JOINTS, RELATION)]
    return on_clip(points, [_over_frames(one) for one in points], frames) if points else None


def on_clip(points: Sequence[Attention], values: Sequence[Values], frames: int) -> Values:
    """Numbers of the model's frames carried over to the frames of a clip.

    A clip's frame gets the mean of those of the model's frames that are read of it in which the
    person is there, or zero where there are none; frames between them that are not read lie on a
    line between their neighbours. Before the first and after the last that is read it is zero.

    Args:
        points: say where the model's frames are read.
        values: for each of them (K, G, P, T).
        frames: T of the clip.

    Returns:
        (T,).
    """
    total, count, read = np.zeros(frames), np.zeros(frames), np.zeros(frames, bool)
    for one, value in zip(points, values, strict=True):
        low = np.broadcast_to(np.floor(one.frames)[:, :, None], value.shape).astype(np.int64)
        share = np.broadcast_to((one.frames % 1)[:, :, None], value.shape)
        for place, near in ((low, 1 - share), (low + 1, share)):
            inside, weight = np.minimum(place, frames - 1), near * one.valid
            read[inside[near > 0]] = True
            np.add.at(total, inside, weight * value)
            np.add.at(count, inside, weight)
    mean = np.divide(total, count, out=np.zeros(frames), where=count > 0)
    scores = np.interp(np.arange(frames), np.flatnonzero(read), mean[read], left=0, right=0)
    return scores.astype(np.float32)


def joint_scores(found: Sequence[Attention]) -> Values | None:
    """(V,) the mean absolute weight of each joint over points, persons and views, of one kind.

    None where no point is over joints.
    """
    total, count = np.zeros(1), 0.0
    points = [one for one in found if one.axes in _OF_JOINTS]
    for one in points:
        there = np.asarray(one.valid.any(axis=-1))
        weights = np.abs(one.values)
        if one.axes in (MAP, CROSS):
            share = one.valid / np.maximum(one.valid.sum(axis=-1, keepdims=True), 1)
            weights = np.einsum("kgptv,kgpt->kgpv", weights, share)
        total = total + (weights * there[..., None]).sum(axis=(0, 1, 2))
        count += there.sum()
    return (total / max(count, 1)).astype(np.float32) if points else None


def by_kind(found: Sequence[Attention]) -> dict[tuple[str, ...], list[Attention]]:
    """Attentions by what they are over; maps only where a model has no weights that make them."""
    kinds = {axes: [one for one in found if one.axes == axes] for axes in KINDS}
    if kinds[JOINTS] or kinds[FRAMES]:
        kinds[MAP] = []
    return {axes: points for axes, points in kinds.items() if points}


def _over_frames(one: Attention) -> Values:
    """(K, G, P, T) what a point says of frames."""
    if one.axes == FRAMES_BY_FRAMES:
        return received(one)
    weights = np.abs(one.values)
    return weights.mean(axis=-1) if one.axes in (MAP, CROSS) else weights


def _of_joints(axes: tuple[str, ...], value: Tensor, joints: int) -> Tensor:
    """Of a relation what its joints receive, as a multiple of the even share; else the value."""
    if axes != RELATION:
        return value
    return value.mean(1)[:, -joints:] * value.shape[2]


def _arranged(
    path: str, axes: tuple[str, ...], value: Tensor, mask: Tensor, read: Values
) -> Attention:
    """A point of all rows of a batch: (R, G, P, *axes), with mask (R, M, T) and frames (R, T)."""
    rows, persons, frames = mask.shape
    if axes == CROSS:
        mask, read = _strided(value, mask, read)
        frames = mask.shape[2]
    names = ("rows", *axes)
    length = frames
    for name in ("frame", "key", "step"):
        length = value.shape[names.index(name)] if name in names else length
    segments = max(frames // length, 1)
    people = value.shape[0] // (rows * segments)
    whole = rows * segments * people == value.shape[0] and segments * length == frames
    if not whole or people not in (1, persons):
        raise ModelError(
            f"{path}: expected rows of {rows} clips with {persons} persons, or of their segments, "
            f"over {frames} frames; found {tuple(value.shape)} for {', '.join(names)}"
        )
    there = mask if people == persons else mask.any(1, keepdim=True)
    return Attention(
        path,
        axes,
        value.float().unflatten(0, (rows, segments, people)).numpy(),
        read.reshape(rows, segments, length),
        there.unflatten(2, (segments, length)).transpose(1, 2).numpy(),
    )


def _strided(value: Tensor, mask: Tensor, read: Values) -> tuple[Tensor, Values]:
    """Mask (R, M, T') and frames (R, T') of a point (rows, T', ...) that has strided frames.

    A model that cuts rows into segments does not stride: its rows say so.
    """
    rows, persons, frames = mask.shape
    segments = max(value.shape[0] // (rows * persons), 1)
    steps, stride = value.shape[1] * segments, 1
    while -(-frames // stride) > steps:
        stride *= 2
    parts = nn.functional.pad(mask, (0, -frames % stride)).unflatten(2, (-1, stride))
    return parts.any(3), read[:, ::stride]


def _rows(point: Attention, own: NDArray[np.bool_]) -> Attention:
    return Attention(point.path, point.axes, point.values[own], point.frames[own], point.valid[own])
