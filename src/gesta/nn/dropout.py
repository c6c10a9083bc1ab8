"""Dropout that does not wait for random numbers on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 2**16


class Dropout(nn.Dropout):
    """Dropout, its random numbers drawn as 16 bits a value on a CPU.

    Torch draws there one number a value in sequence, which costs a tenth of a training step of
    ST-GCN; four values out of one number cost an eighth of that. The share that is dropped is
    rounded to 1/65536, and the scale is that of the rounded share. Elsewhere, in compiled graphs
    and for memory with gaps it is torch's own.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Drop values of a tensor of any shape in training; nothing in evaluation."""
        dropped = round(self.p * _LEVELS)
        if not self.training or dropped == 0:
            return input
        dense = input.numel() > 0 and _is_dense(input)
        if input.device.type != "cpu" or not dense or torch.compiler.is_compiling():
            return functional.dropout(input, self.p, training=True)
        bits = torch.empty((input.numel() + 3) // 4, dtype=torch.int64)
        bits = bits.random_(-(2**63), None).view(torch.int16)[: input.numel()]
        keep = (bits >= dropped - _LEVELS // 2).to(input.dtype)
        keep.mul_(_LEVELS / max(_LEVELS - dropped, 1))
        return input * keep.as_strided(input.shape, input.stride())


def _is_dense(x: Tensor) -> bool:
    """Whether the values fill their memory without gap or overlap, in whatever order of axes."""
    expected = 1
    for stride, size in sorted(zip(x.stride(), x.shape, strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True
