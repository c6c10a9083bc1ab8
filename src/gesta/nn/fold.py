"""Batch norm folded into the layers before it, for inference."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from gesta.nn.norm import MaskedBatchNorm

Module = TypeVar("Module", bound=nn.Module)


def fold_batch_norm(model: Module) -> Module:
    """A copy of a model for inference, its batch norms folded into the layers before them.

    Every submodule that has a method ``fold_batch_norm()`` folds its own norms; other norms stay.
    The copy is in evaluation mode and gives the same output up to rounding. Its state dict has
    the same keys, and its values in an unfolded model are the same function.

    Args:
        model: stays as it is.
    """
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        fold = getattr(module, "fold_batch_norm", None)
        if callable(fold):
            fold()
    return folded


@torch.no_grad()
def fold_into_convolution(convolution: nn.Conv2d | nn.Conv3d, norm: MaskedBatchNorm) -> None:
    """Fold a norm into the convolution before it."""
    if norm.folded:
        return
    scale, shift = norm.scale_and_shift()
    convolution.weight.mul_(scale.view(-1, *[1] * (convolution.weight.ndim - 1)))
    if convolution.bias is not None:
        convolution.bias.mul_(scale).add_(shift)
        norm.fold_away()
        return
    # A bias that the state dict does not know; there it stays the norm's.
    del convolution.bias
    convolution.register_buffer("bias", shift, persistent=False)
    norm.fold_away(shift)
