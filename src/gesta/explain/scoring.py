"""How explanations run a model: its mode, and the two stages of its input.

What a model sees beside poses stays as it is while joints are hidden: pictures are read, and the
networks that see nothing else are run, once for all variants of a clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gesta.evaluation.scoring import Pipeline, forward
from gesta.models.context_branch import ContextBranch
from gesta.models.image_network import ImageNetwork
from gesta.transforms import AugmentOptions, Batch, InputPipeline
from gesta.transforms.footage import FROM_FOOTAGE


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


@dataclass(frozen=True, eq=False)
class BesidePictures:
    """A pipeline of poses that hands on pictures and context that were read before.

    Args:
        poses: the pipeline of poses.
        seen: the rows of one clip with all that a model sees of it. The variants of a clip have as
            many rows each, in the same order.
    """

    poses: Pipeline
    seen: Batch

    def __call__(self, batch: Batch, *, training: bool, generator: torch.Generator | None) -> Batch:
        """The rows of variants of the clip."""
        rows = self.poses(batch, training=training, generator=generator)
        again = torch.arange(len(self.seen), device=batch.device).repeat(len(batch))
        fields = {name: getattr(self.seen, name) for name in FROM_FOOTAGE}
        found = {name: value[again] for name, value in fields.items() if value is not None}
        return rows.replace(**found)


@contextmanager
def variants(model: nn.Module, pipeline: Pipeline, one: Batch) -> Iterator[tuple[Batch, Pipeline]]:
    """A clip in its place, and the pipeline by which variants of its poses are scored.

    To be called within `scoring`; the pipeline is only good while the context is open.

    Args:
        model: what scores them.
        pipeline: the run's.
        one: a batch of one clip, with its footage if the model looks at more than poses.
    """
    place, rest = stages(pipeline)
    if one.footage is None:
        yield place(one), rest
        return
    rows = pipeline(one, training=False, generator=None)
    placed = place(one.replace(footage=None, pixels=None))
    with _pictures_seen_once(model, rows):
        yield placed, BesidePictures(rest, rows)


@contextmanager
def _pictures_seen_once(model: nn.Module, rows: Batch) -> Iterator[None]:
    """Run the networks of pictures alone on some rows; then they repeat what they gave."""
    parts = [part for part in model.modules() if isinstance(part, ContextBranch | ImageNetwork)]
    given: dict[nn.Module, list[Tensor]] = {part: [] for part in parts}
    handles = [
        part.register_forward_hook(lambda own, _, passed: given[own].append(passed))
        for part in parts
    ]
    try:
        if parts:
            forward(model, rows)
    finally:
        for handle in handles:
            handle.remove()
    seen = [part for part in parts if given[part]]
    try:
        for part in seen:
            part.forward = _Repeat(given[part])  # type: ignore[assignment]
        yield
    finally:
        for part in seen:
            del part.forward  # the class's own is behind it


class _Repeat:
    """Gives what a module gave before, in turn, for as many rows as are asked for."""

    def __init__(self, given: list[Tensor]) -> None:
        self.given, self.calls = given, 0

    def __call__(self, x: Tensor, *_: Any) -> Tensor:  # noqa: ANN401 - what the module takes
        value = self.given[self.calls % len(self.given)]
        self.calls += 1
        return value.repeat(len(x) // len(value), *[1] * (value.ndim - 1))
