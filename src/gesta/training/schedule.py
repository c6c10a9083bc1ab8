"""The learning rate of an epoch, as a pure function of the recipe and of what was seen so far.

There is no state beside the history of a run, so that a run that is resumed cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gesta.errors import RecipeError
from gesta.training.options import ScheduleOptions


def learning_rate(
    options: ScheduleOptions,
    base: float,
    epochs: int,
    epoch: int,
    watched: Sequence[float] = (),
) -> float:
    """The learning rate of an epoch.

    Warm-up of W epochs: base (e + 1) / (W + 1). After it, with m = minimum:
    cosine: base (m + (1 - m) (1 + cos(pi (e - W) / (E - W))) / 2) (Loshchilov and Hutter, 2017,
    eq. 5, one cycle); step: base factor^(milestones <= e); plateau: base max(m, factor^n), where
    n counts the times that what is watched found no new minimum for ``patience`` epochs.

    Args:
        options: the schedule.
        base: the optimizer's learning rate.
        epochs: E, how many there will be.
        epoch: e, from 0.
        watched: what the plateau looks at, of each epoch before this one; lower is better.

    Raises:
        RecipeError: a replay has no rate for the epoch.
    """
    if options.name == "replay":
        if epoch >= len(options.rates):
            raise RecipeError(
                f"schedule.rates has {len(options.rates)} epochs and loop.epochs asks for {epochs}"
            )
        return options.rates[epoch]
    if epoch < options.warmup:
        return base * (epoch + 1) / (options.warmup + 1)
    if options.name == "cosine":
        done = (epoch - options.warmup) / max(epochs - options.warmup, 1)
        share = (1 + math.cos(math.pi * done)) / 2
        return base * (options.minimum + (1 - options.minimum) * share)
    if options.name == "step":
        return base * options.factor ** sum(at <= epoch for at in options.milestones)
    if options.name == "plateau":
        drops = _drops(watched[options.warmup :], options.patience)
        return base * max(options.minimum, options.factor**drops)
    return base


def _drops(watched: Sequence[float], patience: int) -> int:
    """How often a row of values had no new minimum for ``patience`` epochs since it last had."""
    best, waited, drops = math.inf, 0, 0
    for value in watched:
        best, waited = (value, 0) if value < best else (best, waited + 1)
        if waited == patience:
            waited, drops = 0, drops + 1
    return drops
