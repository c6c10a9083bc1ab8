"""Self-attention over frames, after Vaswani et al., "Attention is all you need", 2017."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from gesta.nn.dropout import Dropout
from gesta.nn.observed import Observed
from gesta.nn.start import start_for_relu


class DotProductAttention(nn.Module):
    """Multi-head scaled dot product, ``softmax(Q K^T / sqrt(D / heads)) V`` for each head.

    In a fused kernel, unless somebody looks at `weights`: then the weights are computed, pass
    there and are applied, which is the same up to rounding.

    Args:
        heads: number of heads, a divisor of D.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.weights = Observed(("rows", "heads", "query", "key"))

    def forward(self, packed: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            packed: (R, T, 3D), queries, keys and values side by side.
            allowed: (R, T) bool, the frames that may be attended, at least one a row; None: all.

        Returns:
            (R, T, D), the heads side by side.
        """
        mask = None if allowed is None else allowed[:, None, None, :]
        if not self.weights.active:
            return self._fused(packed, mask)
        query, key, value = self._split(packed)
        scores = query @ key.transpose(-2, -1) / key.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return _join(self.weights(scores.softmax(-1)) @ value)

    def _fused(self, packed: Tensor, mask: Tensor | None) -> Tensor:
        narrow = packed.dtype == torch.bfloat16 and packed.device.type == "cpu"
        if narrow and packed.requires_grad:
            # There the kernel's way back takes three times as long in bfloat16 as in float32.
            with torch.autocast("cpu", enabled=False):
                return self._fused(packed.float(), mask).to(packed.dtype)
        query, key, value = self._split(packed)
        return _join(functional.scaled_dot_product_attention(query, key, value, attn_mask=mask))

    def _split(self, packed: Tensor) -> tuple[Tensor, ...]:
        """(R, T, 3D) to queries, keys and values (R, heads, T, D / heads)."""
        return packed.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()

    def multiply_adds(self, output: Tensor) -> dict[str, int]:
        """The multiply-adds of both products that made `output` (R, T, D)."""
        return {"attention": 2 * output.shape[1] * output.numel()}

    def extra_repr(self) -> str:
        """The number of heads."""
        return f"heads={self.heads}"


def _join(heads: Tensor) -> Tensor:
    """(R, heads, T, D / heads) to (R, T, D)."""
    return heads.transpose(1, 2).flatten(2)


class SelfAttentionLayer(nn.Module):
    """``y = norm(x + attention(x))``, then ``norm(y + feed_forward(y))``.

    Dropout is on what is added, as in the paper above, and not on the attention weights.

    Args:
        width: D.
        heads: a divisor of D.
        feed_forward: hidden width of the feed-forward network.
        dropout: share of values dropped.
    """

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.packed = nn.Linear(width, 3 * width)
        self.attention = DotProductAttention(heads)
        self.out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, feed_forward)
        self.back = nn.Linear(feed_forward, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """(R, T, D) to (R, T, D); allowed (R, T) as in `DotProductAttention`."""
        attended = self.out(self.attention(self.packed(x), allowed))
        x = self.attention_norm(x + self.dropout(attended))
        return self.norm(x + self.dropout(self.back(self.hidden(x).relu())))


class SelfAttentionBlock(nn.Module):
    """Layers of self-attention over T frames, gathered into one vector: the SAN block.

    A learnt position embedding is added; the outputs of all layers are concatenated, averaged
    over the valid frames and mapped back to the width by a linear layer and a ReLU.

    Args:
        width: D.
        frames: T.
        layers: number of layers.
        heads: of each layer, a divisor of D.
        feed_forward: hidden width as a multiple of D.
        dropout: share of values dropped, in the layers and of the embedded input.
    """

    def __init__(
        self, width: int, frames: int, layers: int, heads: int, feed_forward: int, dropout: float
    ) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.empty(frames, width))
        nn.init.normal_(self.positions, std=0.02)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(
            SelfAttentionLayer(width, heads, feed_forward * width, dropout) for _ in range(layers)
        )
        self.out = nn.Linear(layers * width, width)
        start_for_relu(self.out)

    @property
    def looked_at(self) -> bool:
        """Whether somebody looks at the weights of a layer."""
        layers = cast(Iterable[SelfAttentionLayer], self.layers)
        return any(layer.attention.weights.active for layer in layers)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Gather.

        Args:
            x: (R, T, D), finite everywhere.
            keep: (R, T) bool, the valid frames; None: all.

        Returns:
            (R, D), at least 0. In a row without a valid frame it depends on the biases alone.
        """
        allowed = None
        if keep is not None:
            # A softmax over nothing is not a number; such a row has no say in the mean anyway.
            allowed = keep | ~keep.any(1, keepdim=True)
        x = self.dropout(x + self.positions)
        means = []
        for layer in self.layers:
            x = layer(x, allowed)
            means.append(mean_over_frames(x, keep))
        # The mean of what is side by side is the means side by side, and much smaller.
        return self.out(torch.cat(means, 1)).relu()


def mean_over_frames(x: Tensor, keep: Tensor | None) -> Tensor:
    """The mean (R, D) of (R, T, D) over the valid frames; zero where none is valid."""
    if keep is None:
        return x.mean(1)
    share = keep.to(x.dtype)
    share = share / share.sum(1, keepdim=True).clamp(min=1)
    return torch.bmm(share[:, None], x)[:, 0]
