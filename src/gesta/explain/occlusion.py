"""Occlusion: by how much a class's log probability falls when a joint or a time is hidden.

Hiding happens in the whole clip once it is placed (centred, turned, sized) and before frames are
sampled and streams are made. So it means the same for every stream and sampling, a joint's
importance includes what its bones and motion tell, and hiding a joint that clips are placed by
does not move all others. What is hidden is replaced, not removed, since models take whole
skeletons:

- ``mean``: a joint stands where it is on average over the clip, so that its movement is gone
  and its place remains (for every person apart);
- ``zero``: a joint lies at the body's origin in its frame, which is zero in centred coordinates,
  so that its place is gone too; where confidence is known it becomes 0.

Only poses are hidden: pictures and context of the scene stay, and so do the places in them that a
model finds by the joints.

After Zeiler and Fergus, "Visualizing and understanding convolutional networks", section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gesta.axes import check_shape
from gesta.errors import ShapeError
from gesta.evaluation import score_batch
from gesta.evaluation.scoring import Pipeline
from gesta.explain.scoring import BesidePictures, scoring, variants
from gesta.skeleton import Layout
from gesta.transforms import Batch

Fill = Literal["mean", "zero"]
FILLS: tuple[str, ...] = get_args(Fill)
WINDOWS = 16


@dataclass(frozen=True, eq=False)
class Importance:
    """What mattered in one clip, as falls of a log probability in nats.

    Args:
        id: the clip.
        target: the class whose log probability is watched.
        log_prob: its value for the clip as it is.
        joints: (V,) its fall when a joint is hidden in all frames, of all persons. Negative
            where hiding makes the class more probable.
        frames: (T,) its fall when the window that a frame lies in is hidden, for all joints.
        edges: (G+1,) frames at which the G windows begin, and T.
        grid: (G, V) its fall when one joint is hidden in one window, or None.
        fill: what replaces the hidden.
    """

    id: str
    target: int
    log_prob: float
    joints: NDArray[np.float32]
    frames: NDArray[np.float32]
    edges: NDArray[np.int64]
    fill: Fill
    grid: NDArray[np.float32] | None = None

    @property
    def windows(self) -> NDArray[np.float32]:
        """(G,) the fall for each window."""
        return self.frames[self.edges[:-1]]


def occlusion(
    model: nn.Module,
    pipeline: Pipeline,
    batch: Batch,
    *,
    layout: Layout,
    target: Literal["predicted", "label"] | Sequence[int] = "predicted",
    fill: Fill = "mean",
    windows: int = WINDOWS,
    grid: bool = False,
    rows_at_once: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> list[Importance]:
    """Hide every joint and every window of frames in turn, and score the clip again.

    A clip costs 1 + V + G scores, with ``grid`` 1 + V + G + G V; they are stacked into batches.

    Args:
        model: any skeleton model; it is put into evaluation mode and back.
        pipeline: the run's `gesta.transforms.InputPipeline`.
        batch: N clips as `collate` gives them, on the model's device.
        layout: their skeleton, which says where a body's origin is.
        target: which class is watched: the one that each clip is taken for, the true one, or
            N class numbers.
        fill: what replaces the hidden, see the module's text.
        windows: G at most; a clip of fewer frames has a window for each.
        grid: whether every joint is also hidden in every window by itself.
        rows_at_once: how many variants are scored in one step.
        progress: called with (clips done, N).

    Returns:
        One `Importance` a clip, in order.

    Raises:
        ShapeError: a clip without a label where labels are asked for, or bad numbers.
    """
    _check(batch, layout, fill, windows, rows_at_once)
    targets = _targets(batch, target)
    found = []
    with scoring(model):
        for row in range(len(batch)):
            with variants(model, pipeline, single(batch, row)) as (one, rest):
                edges = window_edges(one.poses.shape[2], windows)
                hide = _hides(one, edges, grid)
                scores = hidden_scores(model, rest, one, layout, hide, fill, rows_at_once)
            watched = int(scores[0].argmax()) if targets is None else targets[row]
            found.append(_importance(one, scores[:, watched], watched, edges, fill))
            if progress is not None:
                progress(row + 1, len(batch))
    return found


def window_edges(frames: int, windows: int) -> NDArray[np.int64]:
    """(G+1,) where at most ``windows`` windows, as equal as can be, begin, and the end."""
    count = min(frames, windows)
    return np.round(np.linspace(0, frames, count + 1)).astype(np.int64)


def single(batch: Batch, row: int) -> Batch:
    """One clip of a batch by itself, without the frames that pad it to the others."""
    one = batch.rows(torch.tensor([row]))
    length = max(1, int(one.lengths[0]))
    confidence = None if one.confidence is None else one.confidence[:, :, :length]
    return one.replace(
        poses=one.poses[:, :, :length],
        mask=one.mask[:, :, :length],
        confidence=confidence,
        clip=torch.zeros_like(one.clip),
        pixels=None if one.pixels is None else one.pixels[:, :, :length],
        footage=None if one.footage is None else one.footage.at(one.clip),
    )


def hidden_scores(
    model: nn.Module,
    pipeline: Pipeline,
    one: Batch,
    layout: Layout,
    hide: Tensor,
    fill: Fill,
    rows_at_once: int = 64,
) -> Tensor:
    """Score variants of one clip in which parts are hidden; to be called within `scoring`.

    Args:
        model: as for `occlusion`.
        pipeline, one: what `gesta.explain.scoring.variants` gives.
        layout: its skeleton.
        hide: (R, T, V) bool, what is hidden in each of R variants.
        fill: what replaces it.
        rows_at_once: how many variants are scored in one step.

    Returns:
        (R, Y) float64 log probabilities on the CPU.
    """
    check_shape("hide", hide, "R T V", T=one.poses.shape[2], V=one.poses.shape[3])
    other = _filling(one, layout, fill)
    if isinstance(pipeline, BesidePictures):  # bounds the memory that repeated pictures take
        rows_at_once = max(1, rows_at_once // len(pipeline.seen))
    parts = []
    for some in hide.to(one.device).split(rows_at_once):
        rows = one.rows(torch.zeros(len(some), dtype=torch.int64))
        # People who are not there stay so: nothing is filled in where the mask says nobody.
        hidden = some[:, None] & rows.mask[..., None]
        poses = torch.where(hidden[..., None], other, rows.poses)
        confidence = rows.confidence
        if confidence is not None and fill == "zero":
            confidence = confidence.masked_fill(hidden, 0)
        clip = torch.arange(len(some), device=one.device)
        variants = rows.replace(poses=poses, confidence=confidence, clip=clip)
        parts.append(score_batch(model, pipeline, variants))
    return torch.cat(parts)


def _filling(one: Batch, layout: Layout, fill: Fill) -> Tensor:
    """What stands in for hidden joints: broadcasts to (1, M, T, V, C)."""
    if fill == "zero":
        return one.poses[:, :, :, list(layout.origin)].mean(dim=3, keepdim=True)
    there = one.mask[..., None, None].to(one.poses.dtype)
    total = (one.poses * there).sum(dim=2, keepdim=True)
    return total / there.sum(dim=2, keepdim=True).clamp(min=1)


def _hides(one: Batch, edges: NDArray[np.int64], grid: bool) -> Tensor:
    """(1 + V + G [+ G V], T, V): nothing, each joint, each window, each joint in each window."""
    frames, joints = one.poses.shape[2:4]
    windows = len(edges) - 1
    joint = torch.eye(joints, dtype=torch.bool)[:, None].expand(-1, frames, -1)
    window = torch.zeros(windows, frames, 1, dtype=torch.bool)
    for index in range(windows):
        window[index, edges[index] : edges[index + 1]] = True
    parts = [
        torch.zeros(1, frames, joints, dtype=torch.bool),
        joint,
        window.expand(-1, -1, joints),
    ]
    if grid:
        parts.append((window[:, None] & joint[None]).flatten(0, 1))
    return torch.cat(parts)


def _importance(
    one: Batch, scores: Tensor, target: int, edges: NDArray[np.int64], fill: Fill
) -> Importance:
    falls = (scores[0] - scores[1:]).float().numpy()
    joints, windows = one.poses.shape[3], len(edges) - 1
    grid = falls[joints + windows :]
    return Importance(
        id=one.ids[0],
        target=target,
        log_prob=float(scores[0]),
        joints=falls[:joints],
        frames=np.repeat(falls[joints : joints + windows], np.diff(edges)),
        edges=edges,
        fill=fill,
        grid=grid.reshape(windows, joints) if len(grid) else None,
    )


def _targets(batch: Batch, target: str | Sequence[int]) -> list[int] | None:
    if target == "predicted":
        return None
    labels = batch.labels.tolist() if target == "label" else [int(one) for one in target]
    if len(labels) != len(batch) or min(labels) < 0:
        raise ShapeError(
            f"occlusion targets: expected a class from 0 for each of {len(batch)} clips, found "
            f"{labels[:8]}; ask for target 'predicted' where clips have no label"
        )
    return labels


def _check(batch: Batch, layout: Layout, fill: str, windows: int, rows_at_once: int) -> None:
    check_shape("poses", batch.poses, "N M T V C", V=len(layout))
    if fill not in FILLS:
        raise ShapeError(f"occlusion fill: expected one of {', '.join(FILLS)}; found {fill!r}")
    if windows < 1 or rows_at_once < 1:
        raise ShapeError(
            f"occlusion: expected at least one window and row at once, found {windows} and "
            f"{rows_at_once}"
        )
