"""The models by name: a dict of builders, as in torchvision.

A builder is a function ``(layout, num_classes, channels, frames, persons, *, options) ->
nn.Module`` whose keyword-only parameters, with types and defaults, are the model's options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

import torch
from torch import Tensor

from gesta.errors import ModelError
from gesta.models.model import SkeletonModel, StateDict
from gesta.models.options import Option, check_options, read_options
from gesta.skeleton import Layout, get_layout

Builder = TypeVar("Builder", bound=Callable[..., SkeletonModel])


@dataclass(frozen=True)
class Paper:
    """Where a model comes from."""

    title: str
    authors: str
    venue: str
    year: int
    bibtex: str

    def __str__(self) -> str:
        """One line: authors, title, venue, year."""
        return f"{self.authors}: {self.title}. {self.venue}, {self.year}"


@dataclass(frozen=True)
class Stated:
    """A size that a model's file promises, held by the contract tests.

    Args:
        parameters: exact number of learnt parameters.
        multiply_adds: of convolutions and linear layers, for one clip; compared to 3 digits.
        layout, num_classes, channels, frames, persons, options: the model it is stated for.
    """

    parameters: int
    multiply_adds: int
    layout: str = "kinect_v2_25"
    num_classes: int = 60
    channels: int = 3
    frames: int = 300
    persons: int = 2
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelEntry:
    """What the registry knows about a model.

    Args:
        name: what `create_model` calls it.
        builder: the function that builds it.
        inputs: the names of Batch that its forward takes, unless options make them others.
        paper: where it comes from.
        options: from the builder's signature.
        small: options of a narrow version, in which tests run it.
        recipe: the name of its shipped recipe, which variants of one architecture share.
        stated: sizes that its file promises.
        convert: turns a state dict of the published code into gesta's names, None where the
            names are not the published ones.
        streams: of all options, the model (name, options) by which each stream is trained alone.
    """

    name: str
    builder: Callable[..., SkeletonModel]
    inputs: tuple[str, ...]
    paper: Paper
    options: Mapping[str, Option]
    small: Mapping[str, Any]
    recipe: str
    stated: tuple[Stated, ...] = ()
    convert: Callable[[StateDict], StateDict | None] | None = None
    streams: Callable[[Mapping[str, Any]], dict[str, tuple[str, dict[str, Any]]]] | None = None


_MODELS: dict[str, ModelEntry] = {}


def register_model(
    name: str,
    *,
    inputs: tuple[str, ...],
    paper: Paper,
    small: Mapping[str, Any] | None = None,
    stated: tuple[Stated, ...] = (),
    convert: Callable[[StateDict], StateDict | None] | None = None,
    streams: Callable[[Mapping[str, Any]], dict[str, tuple[str, dict[str, Any]]]] | None = None,
    recipe: str = "",
) -> Callable[[Builder], Builder]:
    """Decorate a builder to put its model into the registry; see `ModelEntry`.

    A recipe is the model's own unless it is said which it shares.

    Raises:
        ModelError: the name is taken, or an option has no type or default.
    """

    def register(builder: Builder) -> Builder:
        if name in _MODELS:
            raise ModelError(f"model {name!r} is registered already, by {_MODELS[name].builder}")
        options = read_options(builder)
        check_options(name, options, dict(small or {}))
        _MODELS[name] = ModelEntry(
            name,
            builder,
            inputs,
            paper,
            options,
            dict(small or {}),
            recipe or name,
            stated,
            convert,
            streams,
        )
        return builder

    return register


def list_models() -> list[str]:
    """The names of all models, sorted."""
    return sorted(_MODELS)


def model_entry(name: str) -> ModelEntry:
    """What the registry knows about a model.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in _MODELS:
        near = get_close_matches(name, _MODELS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ModelError(f"unknown model {name!r}; {hint}known are {', '.join(list_models())}")
    return _MODELS[name]


def create_model(
    name: str,
    layout: str | Layout = "kinect_v2_25",
    num_classes: int = 60,
    channels: int = 3,
    frames: int | None = None,
    persons: int | None = None,
    *,
    generator: torch.Generator | None = None,
    **options: Any,
) -> SkeletonModel:
    """Build a model by name.

    Args:
        name: one of `list_models`.
        layout: the skeleton, or its name.
        num_classes: Y, number of logits.
        channels: C of the poses, confidence included where the model shall see it.
        frames: the only T it takes; None: any.
        persons: the only M it takes; None: any.
        generator: draws the initial weights; None: torch's own does.
        options: those of the model; ``model_entry(name).options`` lists them.

    Raises:
        ModelError: an unknown model or option, a value of another type, a size below 1.
        LayoutError: an unknown layout.
    """
    entry = model_entry(name)
    resolved = check_options(name, dict(entry.options), options)
    sizes = {"num_classes": num_classes, "channels": channels, "frames": frames, "persons": persons}
    for key, size in sizes.items():
        if size is None and key in ("frames", "persons"):
            continue
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ModelError(
                f"{name}: {key}: expected a whole number of at least 1, found {size!r}"
            )
    skeleton = get_layout(layout) if isinstance(layout, str) else layout
    with torch.random.fork_rng(devices=[], enabled=generator is not None):
        if generator is not None:
            torch.set_rng_state(_drawn_state(generator))
        model = entry.builder(skeleton, num_classes, channels, frames, persons, **resolved)
    model.name, model.options = name, resolved
    if not hasattr(model, "inputs"):  # where options decide what it takes, its builder says it
        model.inputs = entry.inputs
    return model


def _drawn_state(generator: torch.Generator) -> Tensor:
    """The state of a fresh generator whose seed is drawn from another."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return torch.Generator().manual_seed(int(seed)).get_state()
