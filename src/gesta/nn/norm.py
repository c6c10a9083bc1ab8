"""Batch normalisation that counts valid frames only."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gesta.nn.frames import Frames


class MaskedBatchNorm(nn.Module):
    """Batch norm over the channels of (R, C, T, V); frames that are not valid come out as zero.

    In training the statistics are those of valid frames only, so that padding and absent persons
    change nothing. Where every frame is valid this is plain batch norm.

    Args:
        channels: C.
        eps: added to the variance.
        momentum: weight of a new batch in the running statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.channels, self.eps, self.momentum = channels, eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.folded = False

    def forward(self, x: Tensor, frames: Frames | None = None) -> Tensor:
        """Normalise.

        Args:
            x: (R, C, T, V), best in ``channels_last`` memory.
            frames: the valid frames of x; None: all.

        Returns:
            (R, C, T, V) in the memory format of x.
        """
        if frames is None:
            return x if self.folded else self._norm(x)
        if frames.positions is None or not self.training:
            return frames.zero_others(x.clone() if self.folded else self._norm(x))
        rows, channels, length, joints = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(rows * length, joints, channels)
        valid = flat.index_select(0, frames.positions).unsqueeze(1).permute(0, 3, 1, 2)
        valid = self._norm(valid).permute(0, 2, 3, 1).squeeze(1)
        # New memory is filled in place: a copy of zeros would be one pass more.
        full = valid.new_zeros(flat.shape).index_copy_(0, frames.positions, valid)
        return full.view(rows, length, joints, channels).permute(0, 3, 1, 2)

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """What inference does to each channel: (C,) and (C,) in ``x * scale + shift``."""
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        return scale, self.bias - self.running_mean * scale

    @torch.no_grad()
    def fold_away(self, shift: Tensor | None = None) -> None:
        """Become the identity, because the layer before does this norm's work now.

        The state dict keeps its keys; its values now describe adding `shift` (C,), default 0, so
        that the same values in an unfolded model are the same function.
        """
        self.running_mean.zero_()
        self.running_var.fill_(1 - self.eps)
        self.weight.fill_(1)
        self.bias.copy_(torch.zeros_like(self.bias) if shift is None else shift)
        self.folded = True

    def extra_repr(self) -> str:
        """The number of channels."""
        return f"{self.channels}, eps={self.eps}, folded={self.folded}"

    def _norm(self, x: Tensor) -> Tensor:
        # One value a channel has no variance: such a batch is normalised as in inference.
        training = self.training and x.shape[0] * x.shape[2] * x.shape[3] > 1
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training,
            self.momentum,
            self.eps,
        )
