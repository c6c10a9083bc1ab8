"""Coupled spatial-temporal attention, a weight for each joint of each frame of the input.

Paper: Wang, "Learning Coupled Spatial-Temporal Attention for Skeleton-Based Action Recognition",
2019, equations 1-3.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from gesta.nn.observed import Observed

Activation = Literal["tanh", "sigmoid", "relu", "identity"]


class CoupledAttention(nn.Module):
    """``out[t, v] = x[t, v] * temporal[t] * spatial[v]``, with weights from x itself.

    ``spatial[v] = act(W_s . x[:, v] + b_s[v])`` (equation 1) with one W_s for all joints, and
    ``temporal[t] = act(W_t . x[t] + b_t[t])`` with one W_t for all frames; the map (equation 2)
    is their outer product, the same for all coordinates (equation 3). It has rank 1: coupled
    attention is temporal weighting followed by spatial weighting, and nothing else.

    Reconstructed: the activation (the paper ranks weights by absolute value, so they have a
    sign: tanh), and that the biases start at 1, so that no joint and no frame is silent at first.

    Args:
        frames: T.
        joints: V.
        channels: C.
        activation: of the weights.
        spatial: whether joints are weighted.
        temporal: whether frames are weighted.
    """

    def __init__(
        self,
        frames: int,
        joints: int,
        channels: int,
        activation: Activation = "tanh",
        *,
        spatial: bool = True,
        temporal: bool = True,
    ) -> None:
        super().__init__()
        self.frames, self.joints, self.activation = frames, joints, activation
        self.spatial_weight, self.spatial_bias = _parameters(spatial, frames, joints, channels)
        self.temporal_weight, self.temporal_bias = _parameters(temporal, joints, frames, channels)
        self.joint_weights = Observed(("rows", "joint"))
        self.frame_weights = Observed(("rows", "frame"))
        self.map = Observed(("rows", "frame", "joint"))

    @property
    def looked_at(self) -> bool:
        """Whether somebody looks at the weights."""
        return self.joint_weights.active or self.frame_weights.active or self.map.active

    def forward(self, x: Tensor) -> Tensor:
        """Weight (R, T, V, C), zero in frames that are not valid; these stay zero."""
        weights = self.weights(x)
        return x if weights is None else x * weights[..., None].to(x.dtype)

    def weights(self, x: Tensor) -> Tensor | None:
        """The map (R, T, V), or (R, T, 1), (R, 1, V) with one of both; None with neither."""
        spatial = temporal = None
        if self.spatial_weight is not None and self.spatial_bias is not None:
            spatial = torch.einsum("rtvc,tc->rv", x, self.spatial_weight) + self.spatial_bias
            spatial = self.joint_weights(self._activate(spatial))[:, None, :]
        if self.temporal_weight is not None and self.temporal_bias is not None:
            temporal = torch.einsum("rtvc,vc->rt", x, self.temporal_weight) + self.temporal_bias
            temporal = self.frame_weights(self._activate(temporal))[:, :, None]
        if spatial is None or temporal is None:
            return spatial if temporal is None else temporal
        return self.map(temporal * spatial)

    def multiply_adds(self, output: Tensor) -> dict[str, int]:
        """The multiply-adds that made `output` (R, T, V, C), by kind."""
        parts = (self.spatial_weight is not None) + (self.temporal_weight is not None)
        return {"linear": parts * output.numel(), "weighting": (parts > 0) * output.numel()}

    def extra_repr(self) -> str:
        """Sizes and activation."""
        return f"T={self.frames}, V={self.joints}, {self.activation}"

    def _activate(self, values: Tensor) -> Tensor:
        if self.activation == "identity":
            return values
        return {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu}[self.activation](
            values
        )


def attend_poses(attention: CoupledAttention, poses: Tensor, mask: Tensor | None) -> Tensor:
    """Weight what any skeleton model is about to see: the attention as a plug-in.

    Args:
        attention: made for T, V and C of the poses; each person is weighted by their own joints.
        poses: (N, M, T, V, C).
        mask: (N, M, T) bool, True where a person is; None: everywhere.

    Returns:
        (N, M, T, V, C), zero where masked.
    """
    if mask is not None:
        poses = poses.masked_fill(~mask[..., None, None], 0)
    return attention(poses.flatten(0, 1)).view(poses.shape)


def _parameters(
    wanted: bool, summed: int, weighted: int, channels: int
) -> tuple[nn.Parameter | None, nn.Parameter | None]:
    """W (summed, C), shared by what is weighted, and b (weighted,)."""
    if not wanted:
        return None, None
    bound = 1 / math.sqrt(summed * channels)
    weight = torch.empty(summed, channels).uniform_(-bound, bound)
    return nn.Parameter(weight), nn.Parameter(torch.ones(weighted))
