"""Whether attention is true: what accuracy loses when the most attended is hidden.

A picture of attention says where a model looks, and not that it needs what is there (Jain and
Wallace, "Attention is not Explanation", 2019). So the most attended joints or windows of frames
are hidden, as `gesta.explain.deletion` hides those that occlusion ranks first, against as many at
random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import nn

from gesta.explain.attention import (
    CROSS,
    FRAMES_BY_FRAMES,
    RELATION,
    Attention,
    attentions,
    by_kind,
)
from gesta.explain.attention import frame_scores as scores_of_frames
from gesta.explain.attention import joint_scores as scores_of_joints
from gesta.explain.deletion import DRAWS, SHARES, DeletionCurve, Ranking, measure_curves
from gesta.explain.occlusion import WINDOWS, window_edges
from gesta.skeleton import Layout
from gesta.transforms import Batch, InputPipeline

RECEIVED = "attention received"
WEIGHT = "absolute weight"
# What ranks where it is not the weight.
_BY = {FRAMES_BY_FRAMES: RECEIVED, CROSS: "cross-attention", RELATION: "relation received"}


def attention_deletion(
    model: nn.Module,
    pipeline: InputPipeline,
    batch: Batch,
    *,
    layout: Layout,
    generator: np.random.Generator,
    shares: Sequence[float] = SHARES,
    draws: int = DRAWS,
    windows: int = WINDOWS,
    rows_at_once: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> list[DeletionCurve]:
    """Hide the most attended joints and windows of frames, against as many at random.

    Frames are ranked by the attention that they receive (the mean over layers, heads and queries)
    or by their absolute weight, joints by their absolute weight, their cross-attention to the
    scene or what they receive in a relation mask, each clip by its own; see `rankings_of`. What is
    hidden is hidden in the clip, before frames are sampled, so that it means the same here as in
    `gesta.explain.deletion_curves`.

    Args:
        model, pipeline, batch, layout: as for `gesta.explain.occlusion`; every clip has a label.
        generator: draws what is hidden at random.
        shares: how much is hidden.
        draws: random choices for each clip and share.
        windows: G at most; a clip of fewer frames has a window for each.
        rows_at_once: how many variants are scored in one step.
        progress: called with (clips done, N).

    Returns:
        Two curves for every ranking, one for each way of filling; none for a model without
        attention. `DeletionCurve.by` says what ranked.

    Raises:
        ShapeError: a clip without a label, a bad share.
        ModelError: rows of an attention that are not those of clips, segments or persons.
    """
    edges = [window_edges(max(1, count), windows) for count in batch.lengths.tolist()]
    found = attentions(model, pipeline, batch)
    rankings = [rankings_of(own, edge) for own, edge in zip(found, edges, strict=True)]
    if not rankings or not rankings[0]:
        return []
    return measure_curves(
        model,
        pipeline,
        batch,
        rankings,
        edges,
        layout=layout,
        generator=generator,
        shares=shares,
        draws=draws,
        rows_at_once=rows_at_once,
        progress=progress,
    )


def rankings_of(found: Sequence[Attention], edges: np.ndarray) -> list[Ranking]:
    """What the attentions of a clip say of its joints and windows of frames.

    Args:
        found: the clip's attentions.
        edges: (G+1,) frames at which its windows begin, and T; a window counts the mean of its
            frames.
    """
    rankings = []
    for axes, points in by_kind(found).items():
        by = _BY.get(axes, WEIGHT)
        joints = scores_of_joints(points)
        if joints is not None:
            rankings.append(Ranking(by, "joints", joints))
        # Cross-attention weighs joints: what a frame has of it is the mean over these.
        frames = None if axes == CROSS else scores_of_frames(points, int(edges[-1]))
        if frames is not None:
            means = np.add.reduceat(frames, edges[:-1]) / np.diff(edges)
            rankings.append(Ranking(by, "frames", means.astype(np.float32)))
    return rankings
