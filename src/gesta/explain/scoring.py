"""Log probabilities of clips, as explanations need them: many variants, no gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from gesta.transforms import Batch


class Pipeline(Protocol):
    """What `gesta.transforms.InputPipeline` does to a batch."""

    def __call__(self, batch: Batch, *, training: bool, generator: torch.Generator | None) -> Batch:
        """The model's input; rows may multiply, ``batch.clip`` says what they belong to."""
        ...


@contextmanager
def scoring(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards the model is in the mode it was in."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def log_probabilities(model: nn.Module, pipeline: Pipeline, batch: Batch) -> Tensor:
    """(N, Y): the log of the mean softmax over the rows that each of N clips becomes.

    Args:
        model: takes the names of Batch in its ``inputs``; poses and mask where it names none.
        pipeline: makes its input.
        batch: N clips whose ``clip`` counts 0, 1, ...
    """
    rows = pipeline(batch, training=False, generator=None)
    names = getattr(model, "inputs", ("poses", "mask"))
    logits = model(**{name: getattr(rows, name) for name in names})
    shares = logits.float().softmax(dim=1)
    total = shares.new_zeros(len(batch), shares.shape[1]).index_add_(0, rows.clip, shares)
    count = torch.bincount(rows.clip, minlength=len(batch))[:, None]
    # A probability of exactly 0 would make every fall infinite.
    return (total / count).clamp(min=torch.finfo(total.dtype).tiny).log()
