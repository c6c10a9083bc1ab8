"""The optimizer, the loss and the moving average of weights."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gesta.models.model import is_within
from gesta.training.options import OptimizerOptions

# What a group of weights that learns at a share of the rate calls it.
_SHARE = "share"


def make_optimizer(model: nn.Module, options: OptimizerOptions) -> torch.optim.Optimizer:
    """The optimizer of a recipe, over the weights that require a gradient."""
    groups = _groups(model, options)
    if options.name == "sgd":
        return torch.optim.SGD(
            groups,
            lr=options.lr,
            momentum=options.momentum,
            nesterov=options.nesterov,
            weight_decay=options.weight_decay,
        )
    make = torch.optim.Adam if options.name == "adam" else torch.optim.AdamW
    betas = (options.momentum, 0.999)
    # Fused: all of a step in one pass over the weights, which takes a fifth of the time on a CPU.
    return make(groups, lr=options.lr, betas=betas, weight_decay=options.weight_decay, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give an optimizer of `make_optimizer` a learning rate, its slower groups their share."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(_SHARE, 1.0)


def _groups(model: nn.Module, options: OptimizerOptions) -> list[dict[str, Any]]:
    learnt = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    streams: tuple[str, ...] = getattr(model, "stream_names", ())
    if options.streams == 1 or not streams:
        return _by_decay([weight for _, weight in learnt], options)
    head: tuple[str, ...] = getattr(model, "head_names", ())
    names = {name for name, _ in learnt if is_within(name, streams) and not is_within(name, head)}
    slow = [weight for name, weight in learnt if name in names]
    rest = [weight for name, weight in learnt if name not in names]
    groups = [group | {_SHARE: options.streams} for group in _by_decay(slow, options)]
    return [group for group in (*_by_decay(rest, options), *groups) if group["params"]]


def _by_decay(weights: list[nn.Parameter], options: OptimizerOptions) -> list[dict[str, Any]]:
    if options.decay_all:
        return [{"params": weights}]
    return [
        {"params": [weight for weight in weights if weight.ndim > 1]},
        {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
    ]


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """(Y,) float32 weights n / (Y n_y), inverse to the size of a class; 0 for one without clips.

    Their mean over the n clips is one where every class has some.
    """
    count = torch.bincount(labels, minlength=classes).float()
    return torch.where(count > 0, len(labels) / (classes * count.clamp_min(1)), 0.0)


class MovingAverage:
    """An exponential moving average of a model's weights and norm statistics.

    average = d average + (1 - d) weights after each step, d = min(decay, (1 + n) / (10 + n)) at
    step n, so that the first steps are soon forgotten.

    Args:
        model: the model whose weights are followed.
        decay: share of the average that is kept at each step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval()
        for weight in self.model.parameters():
            weight.requires_grad_(False)
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's present weights."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        own, new = _state(self.model), _state(model)
        floats = [pair for pair in zip(own, new, strict=True) if pair[0].is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - decay)
        for average, value in zip(own, new, strict=True):
            if not average.is_floating_point():
                average.copy_(value)


def _state(model: nn.Module) -> list[Tensor]:
    tensors: Iterable[Tensor] = model.state_dict().values()
    return list(tensors)
