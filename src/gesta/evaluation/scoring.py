"""From a model and clips on a device to scores by clip id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from gesta.evaluation.scores import Scores
from gesta.transforms import Batch, ahead

# Keeps the logarithm of a probability that vanishes finite.
_TINY = 1e-30


class Clips(Protocol):
    """What can be scored: `gesta.transforms.ResidentClips`, for one.

    One whose ``waits`` is true has its batches made in another thread, before they are needed.
    """

    @property
    def ids(self) -> Sequence[str]:
        """The N ids."""

    @property
    def labels(self) -> Tensor:
        """(N,) int64 labels, -1 where unknown."""

    def batch(self, positions: Tensor) -> Batch:
        """A batch of the clips at these positions."""


class Pipeline(Protocol):
    """What makes a model's input of a batch: `gesta.transforms.InputPipeline`."""

    def __call__(self, batch: Batch, *, training: bool, generator: torch.Generator | None) -> Batch:
        """The rows that the model sees; `Batch.clip` says which clip each belongs to."""


def forward(model: nn.Module, batch: Batch) -> Tensor:
    """Logits (rows, Y) of a batch, handing the model those fields that it takes."""
    return model(batch.poses, batch.mask, **more_inputs(model, batch))


def more_inputs(model: nn.Module, batch: Batch) -> dict[str, Any]:
    """The fields of a batch that the model takes besides poses and mask, by name."""
    return {
        name: getattr(batch, name)
        for name in model.inputs  # type: ignore[union-attr]
        if name not in ("poses", "mask")
    }


def score_batch(
    model: nn.Module, pipeline: Pipeline, batch: Batch, *, bf16: bool = False
) -> Tensor:
    """(N, Y) float64 log of the mean softmax over each clip's views, on the CPU.

    The model has to be in evaluation mode.
    """
    return _score_rows(model, pipeline(batch, training=False, generator=None), len(batch), bf16)


@torch.no_grad()
def _score_rows(model: nn.Module, rows: Batch, clips: int, bf16: bool) -> Tensor:
    with torch.autocast(rows.device.type, torch.bfloat16, enabled=bf16):
        logits = forward(model, rows)
    probabilities = logits.double().softmax(dim=1)
    total = torch.zeros(
        (clips, logits.shape[1]), dtype=torch.float64, device=logits.device
    ).index_add_(0, rows.clip, probabilities)
    views = torch.bincount(rows.clip, minlength=clips)[:, None]
    return (total / views).clamp_min(_TINY).log().cpu()


def score_clips(
    model: nn.Module,
    pipeline: Pipeline,
    clips: Clips,
    classes: Sequence[str],
    *,
    rows: int = 128,
    bf16: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> Scores:
    """Score every clip, empty ones too.

    Args:
        model: gives logits over ``classes``; its mode is restored afterwards.
        pipeline: as it was in training.
        clips: N clips.
        classes: names of the Y classes.
        rows: clips at once.
        bf16: compute in bfloat16 where that is safe.
        provenance: what the scores shall say of their origin.
    """
    was_training = model.training
    model.eval()
    try:
        made = (
            (len(positions), pipeline(clips.batch(positions), training=False, generator=None))
            for positions in torch.arange(len(clips.ids)).split(rows)
        )
        batches = ahead(made) if getattr(clips, "waits", False) else made
        parts = [_score_rows(model, batch, count, bf16) for count, batch in batches]
    finally:
        model.train(was_training)
    log_probs = torch.cat(parts) if parts else torch.zeros((0, len(classes)))
    return Scores(
        ids=tuple(clips.ids),
        labels=clips.labels.cpu().numpy().astype(np.int64),
        log_probs=log_probs.float().numpy(),
        classes=tuple(classes),
        provenance=dict(provenance or {}),
    )
