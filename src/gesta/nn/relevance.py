"""How relevant the context of a frame is to a joint: what is inside the sigmoid of f_cross.

Paper: as `gesta.nn.cross_attention`, equations 3 and 4. Each takes joints v (R, T, V, d), context
A (N, T, k, m) and the clip (R,) of each row, and gives (R, T, V).

A layer of [v, a_j] is a layer of v plus one of a_j, so that nothing of size (R, T, V, k, d + m) is
ever made. Where the mean over j may be taken of the a_j themselves (`Dot`, `OneLayer`), it is.
Where it may not, j is gone through in pieces, and in the backward pass once more, so that nothing
of size (R, T, V, k, z) is held either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from gesta.nn.frames import exporting

Pool = Literal["mean", "max"]

# Values of (R, T, V, piece, z) at once: what stays near the processor.
_AT_ONCE = 2**20
# Contexts a piece where sizes are not known or loops become long graphs: a row of the default grid.
_PIECE = 14


class Dot(nn.Module):
    """``theta(v) . phi(a_j)`` (equation 3), with linear theta and phi to z numbers.

    Args:
        channels: d.
        context_channels: m.
        hidden: z.
        pool: over j.
        scaled: divide by the square root of z.
    """

    def __init__(
        self, channels: int, context_channels: int, hidden: int, pool: Pool, *, scaled: bool
    ) -> None:
        super().__init__()
        self.pool, self.scale = pool, hidden**-0.5 if scaled else 1.0
        self.joint = nn.Linear(channels, hidden)
        self.context = nn.Linear(context_channels, hidden)

    def forward(self, v: Tensor, context: Tensor, clip: Tensor) -> Tensor:
        """(R, T, V) of v (R, T, V, d), context (N, T, k, m) and clip (R,)."""
        joint = self.joint(v)
        if self.pool == "mean":
            chosen = self.context(context.mean(2))[clip][:, :, None]
        else:
            chosen = _most_relevant(joint, self.context(context), clip, _products)
        return (joint * chosen).sum(-1) * self.scale


class OneLayer(nn.Module):
    """``W [v, a_j] + b`` (equation 4, one layer).

    What comes of the context is the same for all joints of a frame: it cannot rank them.

    Args:
        channels: d.
        context_channels: m.
        pool: over j.
    """

    def __init__(self, channels: int, context_channels: int, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.joint, self.context = _halves(channels, context_channels, 1)

    def forward(self, v: Tensor, context: Tensor, clip: Tensor) -> Tensor:
        """(R, T, V) of v (R, T, V, d), context (N, T, k, m) and clip (R,)."""
        if self.pool == "mean":
            shared = self.context(context.mean(2))
        else:
            shared = self.context(context).amax(2)
        return self.joint(v)[..., 0] + shared[clip]


class TwoLayers(nn.Module):
    """``W_2 relu(W_1 [v, a_j] + b_1) + b_2`` (equation 4, two layers) with z hidden units.

    Args:
        channels: d.
        context_channels: m.
        hidden: z.
        pool: over j.
    """

    def __init__(self, channels: int, context_channels: int, hidden: int, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.joint, self.context = _halves(channels, context_channels, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, v: Tensor, context: Tensor, clip: Tensor) -> Tensor:
        """(R, T, V) of v (R, T, V, d), context (N, T, k, m) and clip (R,)."""
        joint, context = self.joint(v), self.context(context)
        if self.pool == "mean":  # the second layer of a mean is the mean of the second layer
            hidden = mean_of_relu(joint, context, clip)
        else:
            weight = self.out.weight[0].to(joint.dtype)

            def relevance(one: Tensor, other: Tensor) -> Tensor:
                return _sum(one, other).relu() @ weight

            chosen = _most_relevant(joint, context, clip, relevance)
            hidden = (joint + chosen).relu()
        return self.out(hidden)[..., 0]


def mean_of_relu(joint: Tensor, context: Tensor, clip: Tensor) -> Tensor:
    """``mean over j of relu(joint + context_j)`` without ever holding it for all j.

    Args:
        joint: (R, T, V, z).
        context: (N, T, k, z).
        clip: (R,) int64, whose context each row looks at.

    Returns:
        (R, T, V, z).
    """
    if exporting():
        return _mean_of_relu(joint, context, clip)
    result: Tensor = _MeanOfRelu.apply(joint, context, clip)
    return result


class _MeanOfRelu(torch.autograd.Function):
    """`mean_of_relu`, which keeps its inputs only, and goes through j again to go back."""

    @staticmethod
    def forward(ctx: FunctionCtx, joint: Tensor, context: Tensor, clip: Tensor) -> Tensor:
        ctx.save_for_backward(joint, context, clip)
        return _mean_of_relu(joint, context, clip)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        joint, context, clip = ctx.saved_tensors
        gradient = gradients[0] / context.shape[2]
        passed = torch.zeros_like(joint, dtype=_exact(joint))
        to_context = torch.zeros_like(context)
        for piece, some in _pieces(joint, context, clip):
            # What the ReLU lets through, (R, T, V, piece, z).
            through = (_sum(joint, some) > 0).to(gradient.dtype)
            passed += through.sum(3, dtype=passed.dtype)
            of_rows = (through * gradient[:, :, :, None]).sum(2)
            to_context[:, :, piece].index_add_(0, clip, of_rows)
        return (passed * gradient).to(joint.dtype), to_context, None


def _mean_of_relu(joint: Tensor, context: Tensor, clip: Tensor) -> Tensor:
    total = torch.zeros_like(joint, dtype=_exact(joint))
    for _, some in _pieces(joint, context, clip):
        total = total + _sum(joint, some).relu().sum(3, dtype=total.dtype)
    return (total / context.shape[2]).to(joint.dtype)


def _most_relevant(
    joint: Tensor, context: Tensor, clip: Tensor, relevance: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """For each joint (R, T, V, z) the vector, of context (N, T, k, z), that is most relevant."""
    with torch.no_grad():
        best = index = torch.zeros(())
        for piece, some in _pieces(joint, context, clip):
            values, places = relevance(joint, some).max(3)
            if piece.start == 0:
                best, index = values, places
            else:
                index = torch.where(values > best, places + piece.start, index)
                best = torch.maximum(values, best)
        frames = torch.arange(context.shape[1], device=clip.device)
        frames = clip[:, None] * context.shape[1] + frames
        index = index + frames[:, :, None] * context.shape[2]
    return context.flatten(0, 2)[index]


def _sum(joint: Tensor, some: Tensor) -> Tensor:
    """(R, T, V, p, z): each joint plus each context."""
    return joint[:, :, :, None] + some[:, :, None]


def _products(joint: Tensor, some: Tensor) -> Tensor:
    """(R, T, V, p): the dot product of each joint with each context."""
    return joint @ some.mT


def _pieces(joint: Tensor, context: Tensor, clip: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Pieces of the contexts: which of k, and them for each row, (R, T, p, z)."""
    contexts = context.shape[2]
    if torch.compiler.is_compiling():
        size = _PIECE
    else:
        size = max(1, min(contexts, _AT_ONCE // max(1, joint.numel())))
    for start in range(0, contexts, size):
        piece = slice(start, min(start + size, contexts))
        yield piece, context[:, :, piece][clip]


def _exact(x: Tensor) -> torch.dtype:
    """Where sums of many are added up: never in half precision."""
    return torch.promote_types(x.dtype, torch.float32)


def _halves(channels: int, context_channels: int, width: int) -> tuple[nn.Linear, nn.Linear]:
    """A linear layer of [v, a] as its half for v, with the bias, and its half for a."""
    halves = nn.Linear(channels, width), nn.Linear(context_channels, width, bias=False)
    bound = 1 / math.sqrt(channels + context_channels)
    for parameter in (halves[0].weight, halves[0].bias, halves[1].weight):
        nn.init.uniform_(parameter, -bound, bound)
    return halves
