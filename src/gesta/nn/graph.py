"""Graph convolution over joints."""

from __future__ import annotations

import math

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gesta.nn.frames import exporting


class GraphConvolution(nn.Module):
    """``out[w] = sum over k, v of A[k, v, w] (W[k] x[v] + b[k])``, Yan et al., equation 10.

    One matrix product over joints and one over channels, both on the memory order (R, T, V, C),
    with no copy between: the first writes its K subsets side by side as channels of a joint.
    Joints come first because the channels that enter are never more than those that leave.

    Args:
        channels: C that enter.
        out_channels: C that leave.
        subsets: (K, V, V) adjacency, ``[k, sender, receiver]``.
        importance: whether each edge has a learnt factor, 1 at the start.
    """

    adjacency: Tensor
    shift: Tensor | None

    def __init__(
        self, channels: int, out_channels: int, subsets: NDArray, *, importance: bool = True
    ) -> None:
        super().__init__()
        self.channels, self.out_channels = channels, out_channels
        self.subsets, self.joints = subsets.shape[0], subsets.shape[1]
        self.kernel_size = (1, self.subsets)  # as papers list it: one frame, K neighbourhoods
        # The state dict leaves out what the layout says already.
        self.register_buffer(
            "adjacency", torch.as_tensor(subsets, dtype=torch.get_default_dtype()), persistent=False
        )
        self.register_buffer("shift", None, persistent=False)
        self.weight = nn.Parameter(torch.empty(out_channels, self.subsets, channels))
        self.bias = nn.Parameter(torch.empty(self.subsets, out_channels))
        self.importance = nn.Parameter(torch.ones_like(self.adjacency)) if importance else None
        bound = 1 / math.sqrt(channels)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def edges(self) -> Tensor:
        """(K, V, V): the adjacency with the learnt importance of its edges."""
        return self.adjacency if self.importance is None else self.adjacency * self.importance

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (R, C, T, V) in ``channels_last`` memory to (R, C_out, T, V) in the same."""
        rows, channels, length, joints = x.shape
        edges = self.edges()
        receive = edges.permute(2, 0, 1).reshape(joints * self.subsets, joints)
        x = x.permute(0, 2, 3, 1).reshape(rows * length, joints, channels)
        if exporting():
            gathered = torch.matmul(receive, x)
        else:  # matmul would fold the frames into one product, which copies them twice
            gathered = torch.bmm(receive.expand(rows * length, -1, -1), x)
        mixed = _mix(gathered.reshape(-1, joints, self.subsets * channels), self.weight.flatten(1))
        bias = edges.sum(1).t() @ self.bias
        bias = bias if self.shift is None else bias + self.shift
        mixed = mixed + bias.to(mixed.dtype)
        return mixed.view(rows, length, joints, self.out_channels).permute(0, 3, 1, 2)

    @torch.no_grad()
    def absorb(self, scale: Tensor, shift: Tensor) -> None:
        """Take over the norm that follows: ``out * scale + shift``, (C_out,) each."""
        self.weight.mul_(scale[:, None, None])
        self.bias.mul_(scale)
        self.shift = shift.clone()

    def multiply_adds(self, output: Tensor) -> dict[str, int]:
        """The multiply-adds that made `output` (R, C_out, T, V), by kind.

        The adjacency is counted dense and after the channels, as published (K V C_out a joint).
        """
        positions = output.numel() // self.out_channels
        return {
            "linear": positions * self.subsets * self.channels * self.out_channels,
            "adjacency": positions * self.subsets * self.joints * self.out_channels,
        }

    def extra_repr(self) -> str:
        """Channels and sizes of the graph."""
        return f"{self.channels}, {self.out_channels}, K={self.subsets}, V={self.joints}"


def _mix(x: Tensor, weight: Tensor) -> Tensor:
    """The matrix product over channels: (B, V, C) with (C_out, C) to (B, V, C_out)."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or exporting():
        return functional.linear(x, weight)
    # As a 1 x 1 convolution on the same memory: in float32 twice as fast as the product on a CPU.
    x = x.unsqueeze(1).permute(0, 3, 1, 2)
    return functional.conv2d(x, weight[:, :, None, None]).squeeze(2).permute(0, 2, 1)
