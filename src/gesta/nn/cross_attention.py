"""Gates on joint features: self-attention, and cross-attention to the scene around the person.

Paper: Fan, Weng, Zhang, Shi, Zhang, "Context-Aware Cross-Attention for Skeleton-Based Human Action
Recognition", IEEE Access 2020, equations 1-4. Both modules keep the size of their input, so that
they go after any layer that gives features of joints; what is zero there stays zero.

Reconstructed: the gate of self-attention is a 1x1 convolution and a sigmoid (the text says "control
gate"), and the trunk "linear" has no bias.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from gesta.axes import check_shape
from gesta.errors import ShapeError
from gesta.nn.observed import Observed
from gesta.nn.relevance import Dot, OneLayer, Pool, TwoLayers

Trunk = Literal["identity", "linear"]
Form = Literal["dot", "mlp1", "mlp2"]
Relevance = Dot | OneLayer | TwoLayers
Combine = Literal["average", "multiplication", "self_only", "cross_only"]


class SelfAttention(nn.Module):
    """``y = f_self(v) * h(v) + v`` (equation 1), f_self a sigmoid of a 1x1 convolution.

    Args:
        channels: C of v.
        out_channels: C of y; None: the same. Where they differ, h is linear and nothing is added.
        trunk: h.
        residual: whether v is added.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int | None = None,
        *,
        trunk: Trunk = "identity",
        residual: bool = True,
    ) -> None:
        super().__init__()
        width = channels if out_channels is None else out_channels
        self.residual = residual and width == channels
        self.gate = nn.Linear(channels, width)
        self.trunk = _trunk(channels, width, "linear" if width != channels else trunk)
        self.f_self = Observed(("rows", "step", "joint", "channel"))

    def forward(self, x: Tensor) -> Tensor:
        """Gate (R, C, T, V), best in ``channels_last`` memory, to (R, C_out, T, V) in the same."""
        v = x.permute(0, 2, 3, 1)
        return _apply(self.weights(v), self.trunk, v, self.residual)

    def weights(self, v: Tensor) -> Tensor:
        """f_self (R, T, V, C_out) of v (R, T, V, C)."""
        return self.f_self(self.gate(v).sigmoid())


class CrossAttention(nn.Module):
    """``y = g(f_self(v), f_cross(v, A)) * h(v) + v`` (equation 2), in the size of v.

    f_cross is one number a joint and frame, the same for all channels, and says how much the joint
    has to do with the k context vectors a_j of its frame: the sigmoid of the mean or maximum over
    j of how relevant each is. All persons of a clip look at the same context.

    Without anything to look at (`there`) the gate is f_self alone.

    Args:
        channels: d, of v and y.
        context_channels: m, of a context vector.
        form: how relevant a context vector is: ``dot`` (equation 3), or a network of one (``mlp1``)
            or two layers (``mlp2``) of both side by side (equation 4).
        pool: over the k context vectors.
        combine: g: ``average``, ``multiplication`` (the square root of the product), ``self_only``
            or ``cross_only``.
        trunk: h.
        residual: whether v is added.
        dot_scale: divide the dot product by the square root of its length, as the paper does not.
    """

    def __init__(
        self,
        channels: int,
        context_channels: int,
        form: Form = "mlp2",
        *,
        pool: Pool = "mean",
        combine: Combine = "average",
        trunk: Trunk = "identity",
        residual: bool = True,
        dot_scale: bool = False,
    ) -> None:
        super().__init__()
        self.channels, self.context_channels = channels, context_channels
        self.combine, self.residual = combine, residual
        self.attend: SelfAttention | None = None
        if combine != "cross_only":
            self.attend = SelfAttention(channels)
        self.relevance: Relevance | None = None
        if combine != "self_only":
            self.relevance = _relevance(form, channels, context_channels, pool, dot_scale)
        self.trunk = _trunk(channels, channels, trunk)
        self.f_cross = Observed(("rows", "step", "joint"))
        self.g = Observed(("rows", "step", "joint", "channel"))

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        clip: Tensor | None = None,
        there: Tensor | None = None,
    ) -> Tensor:
        """Gate.

        Args:
            x: v, (R, C, T, V), best in ``channels_last`` memory.
            context: A, (N, T, k, m); not needed with ``self_only``.
            clip: (R,) int64, whose context each row looks at; None: there are as many of both.
            there: (N,) bool, which clips have a context; None: all.

        Returns:
            (R, C, T, V) in ``channels_last`` memory.

        Raises:
            ShapeError: no context, or one of another length or width.
        """
        v = x.permute(0, 2, 3, 1)
        if clip is None:
            clip = torch.arange(v.shape[0], device=v.device)
        gate = self.g(self._gate(v, context, clip, there))
        return _apply(gate, self.trunk, v, self.residual)

    @property
    def looked_at(self) -> bool:
        """Whether somebody looks at the weights."""
        own = self.attend is not None and self.attend.f_self.active
        return own or self.f_cross.active or self.g.active

    def extra_repr(self) -> str:
        """The operator g."""
        return f"g={self.combine}"

    def _gate(
        self, v: Tensor, context: Tensor | None, clip: Tensor, there: Tensor | None
    ) -> Tensor:
        parts = [] if self.attend is None else [self.attend.weights(v)]
        if self.relevance is not None:
            scores = self.relevance(v, self._checked(v, context), clip)
            parts.append(self.f_cross(scores.sigmoid())[..., None])
        gate = parts[0] if len(parts) == 1 else self._combined(*parts)
        if there is None or self.relevance is None:
            return gate
        alone = 0 if self.attend is None else parts[0]
        return gate.where(there[clip][:, None, None, None], alone)

    def _combined(self, own: Tensor, crossed: Tensor) -> Tensor:
        if self.combine == "average":
            return (own + crossed) / 2
        # The root's slope has no bound towards 0; below the smallest normal number it is cut off.
        product = own * crossed
        return product.clamp(min=torch.finfo(product.dtype).tiny).sqrt()

    def _checked(self, v: Tensor, context: Tensor | None) -> Tensor:
        wanted = f"(N, {v.shape[1]}, k, {self.context_channels})"
        if context is None:
            raise ShapeError(f"context: expected {wanted}, found none")
        if not torch.compiler.is_compiling():
            sizes = {"T": v.shape[1], "m": self.context_channels}
            check_shape("context", context, "N T k m", **sizes)
        return context


def given_context(
    context: Tensor | None, poses: Tensor, mask: Tensor | None, channels: int
) -> Tensor:
    """A context that a model was given, for each frame, zero where nobody is there.

    Args:
        context: (N, T, k, m), or (N, 1, k, m) for all frames.
        poses: (N, M, T, V, C).
        mask: (N, M, T) bool, True where a person is; None: everywhere.
        channels: m.

    Returns:
        (N, T, k, m).

    Raises:
        ShapeError: there is none, or it is of another shape.
    """
    if context is None:
        raise ShapeError(f"context: expected shape (N, T, k, m={channels}), found none")
    clips, _, frames = poses.shape[:3]
    if not torch.compiler.is_compiling():
        length = 1 if context.ndim == 4 and context.shape[1] == 1 else frames
        check_shape("context", context, "N T k m", N=clips, T=length, m=channels)
    context = context.expand(-1, frames, -1, -1)
    return context if mask is None else context.masked_fill(~mask.any(1)[:, :, None, None], 0)


def _relevance(
    form: Form, channels: int, context_channels: int, pool: Pool, scaled: bool
) -> Relevance:
    hidden = math.ceil((channels + context_channels) / 2)
    if form == "dot":
        return Dot(channels, context_channels, hidden, pool, scaled=scaled)
    if form == "mlp1":
        return OneLayer(channels, context_channels, pool)
    return TwoLayers(channels, context_channels, hidden, pool)


def _trunk(channels: int, out_channels: int, trunk: Trunk) -> nn.Linear | None:
    return nn.Linear(channels, out_channels, bias=False) if trunk == "linear" else None


def _apply(gate: Tensor, trunk: nn.Linear | None, v: Tensor, residual: bool) -> Tensor:
    """``gate * h(v) + v`` of (R, T, V, C), as (R, C, T, V)."""
    y = gate * (v if trunk is None else trunk(v))
    return (y + v if residual else y).permute(0, 3, 1, 2)
