"""How explanations run a model: its mode, and the two stages of its input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from gesta.evaluation.scoring import Pipeline
from gesta.transforms import AugmentOptions, Batch, InputPipeline


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


def stages(pipeline: Pipeline) -> tuple[Callable[[Batch], Batch], Pipeline]:
    """A pipeline in two: what places a whole clip, and all that comes after.

    One after the other they do what the pipeline does. (Only the size of every frame,
    ``input.size = "frame"``, is then measured before frames are interpolated instead of after.)
    A pipeline of another kind has no first stage.
    """
    if not isinstance(pipeline, InputPipeline):
        return lambda batch: batch, pipeline
    whole = replace(
        pipeline.input,
        frames=None,
        sampling="all",
        crop=1.0,
        views=1,
        segments=1,
        confidence=False,
    )
    first = InputPipeline(whole, AugmentOptions(), pipeline.layout, "joint")
    options = replace(pipeline.input, centre="none", view="none", size="none")
    rest = InputPipeline(options, pipeline.augment, pipeline.layout, pipeline.stream)
    return lambda batch: first(batch, training=False), rest
