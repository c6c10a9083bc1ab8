"""Which frames of a row hold a person, through a trunk that shortens time.

A row is one person of one clip; trunks work on rows (R, T, V, C), R <= N*M.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


def exporting() -> bool:
    """Whether a graph is being exported, where nothing may depend on the values of a tensor."""
    ask: Callable[[], bool] | None = getattr(torch.compiler, "is_exporting", None)
    return torch.compiler.is_compiling() if ask is None else ask()


class Frames(NamedTuple):
    """The valid frames of each row at one temporal resolution.

    Args:
        keep: (R, T) bool.
        positions: (n,) int64, where in the flattened (R*T) the valid frames are, which norms in
            training count; None in inference, where norms need no statistics.
    """

    keep: Tensor
    positions: Tensor | None

    @classmethod
    def of(cls, keep: Tensor, *, indexed: bool) -> Frames:
        """The frames that `keep` (R, T) marks, with their index where norms will need it."""
        return cls(keep, keep.flatten().nonzero()[:, 0] if indexed else None)

    def strided(self, stride: int) -> Frames:
        """The frames after a temporal stride, by the rule of `any_in_stride`."""
        if stride == 1:
            return self
        return Frames.of(any_in_stride(self.keep, stride), indexed=self.positions is not None)

    def zero_others(self, x: Tensor) -> Tensor:
        """Zero the frames of x (R, C, T, V) that are not valid; x itself is overwritten."""
        return x.mul_(self.keep[:, None, :, None].to(x.dtype))


def any_in_stride(keep: Tensor, stride: int) -> Tensor:
    """The mask (..., T) after a temporal stride: (..., ceil(T / stride)).

    A strided frame t stands for the frames t*stride up to but without (t+1)*stride and is valid
    where any of them is, so that striding never loses a person who is there only between two
    sampled frames. Frames padded at the end leave as many valid frames as the clip alone has.
    """
    if stride == 1:
        return keep
    length = (keep.shape[-1] + stride - 1) // stride
    padded = functional.pad(keep, (0, stride - 1))
    result = padded[..., ::stride][..., :length]
    for offset in range(1, stride):
        result = result | padded[..., offset::stride][..., :length]
    return result
