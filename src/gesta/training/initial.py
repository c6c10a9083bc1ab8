"""Weights that a training starts from, and which of them it lets learn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gesta.errors import ModelError, RecipeError
from gesta.models import SkeletonModel, load_stream, load_weights
from gesta.models.model import is_within
from gesta.training.run import Run, is_demo

_STREAM = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*=")


def read_init(text: str) -> list[tuple[str, str]]:
    """What an ``init`` names: for each stream its source.

    Args:
        text: a run or a file of weights for the whole model, or ``STREAM=SOURCE`` for a stream
            (``rgb=xception.pth``), several of them with a comma between.

    Returns:
        Pairs of stream and source; the stream is "" for the whole model. Empty for "".

    Raises:
        RecipeError: a stream without a source.
    """
    if not text:
        return []
    if _STREAM.match(text) is None or Path(text).exists():
        return [("", text)]
    pairs = []
    for part in re.split(rf",\s*(?={_STREAM.pattern})", text):
        stream, _, source = part.partition("=")
        if not source.strip():
            raise RecipeError(f"init: expected a run or a file after {stream}=, found none")
        pairs.append((stream, source.strip()))
    return pairs


def write_init(pairs: list[tuple[str, str]]) -> str:
    """What `read_init` reads."""
    return ",".join(f"{stream}={source}" if stream else source for stream, source in pairs)


def join_init(words: Sequence[str]) -> list[str]:
    """A command line on which the sources of several streams after ``--init`` are one word."""
    joined = list(words)
    place = joined.index("--init") + 1 if "--init" in joined else len(joined)
    while place + 1 < len(joined) and _STREAM.match(joined[place + 1]):
        joined[place] += f",{joined.pop(place + 1)}"
    return joined


def absolute_init(text: str) -> str:
    """An ``init`` whose paths mean the same from anywhere."""
    pairs = [(s, p if is_demo(p) else str(Path(p).resolve())) for s, p in read_init(text)]
    return write_init(pairs)


def initialise(model: SkeletonModel, text: str, classes: tuple[str, ...]) -> list[str]:
    """Start from the weights of runs or files; the head is replaced for other classes.

    Args:
        model: changed in place.
        text: as `read_init` reads it.
        classes: names of the Y classes.

    Returns:
        Names of the parameters that stay newly initialised; for streams, those within them.

    Raises:
        ModelError: the weights do not fit the model's trunk, or there is no such stream.
        RunError: a run has no weights.
    """
    fresh: list[str] = []
    for stream, source in read_init(text):
        is_run = Path(source).is_dir() or is_demo(source)
        path = Run.open(source).own_model() if is_run else Path(source)
        if stream:
            fresh += load_stream(model, stream, path)
        elif is_run:
            other = Run.open(source).card.classes != classes
            try:
                fresh += load_weights(model, path, replace_head=other)
            except ModelError as error:
                raise ModelError(
                    f"{error}; `gesta train {source} --init {source}` takes that run's settings"
                ) from error
        else:
            fresh += _load_file(model, path)
    return fresh


def _load_file(model: SkeletonModel, path: Path) -> list[str]:
    try:
        return load_weights(model, path)
    except ModelError:
        # Should the trunk not fit either, this raises again and says so.
        return load_weights(model, path, replace_head=True)


def freeze(model: SkeletonModel, frozen: str) -> None:
    """Let only some weights learn.

    Args:
        model: changed in place.
        frozen: "none", "trunk" (all but the head) or "streams".

    Raises:
        RecipeError: nothing is left to learn, or the model has no streams.
    """
    if frozen == "streams" and not model.stream_names:
        raise RecipeError(f'loop.freeze "streams": {model.name} has none; choose "trunk" or "none"')
    learns = False
    for name, weight in model.named_parameters():
        weight.requires_grad_(_learns(model, name, frozen))
        learns = learns or weight.requires_grad
    if not learns:
        raise RecipeError(f'loop.freeze "{frozen}" leaves nothing of {model.name} to learn')


def train_mode(model: SkeletonModel, frozen: str) -> None:
    """Training mode; the norms of what is frozen keep their statistics, its dropout is off."""
    model.train()
    for name, part in model.named_modules():
        if name:
            part.training = _learns(model, name, frozen)


def _learns(model: SkeletonModel, name: str, frozen: str) -> bool:
    if frozen == "none":
        return True
    if frozen == "trunk":
        return is_within(name, model.head_names)
    return not is_within(name, model.stream_names)
