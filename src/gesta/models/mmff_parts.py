"""The parts of MMFF: attention over a frame, features of the streams, and their fusions.

Equation numbers are those of the paper (`gesta.models.mmff`). C_R and C_S are the channels of the
RGB frame's map and of the skeleton's, P its positions, V the joints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from gesta.errors import ModelError
from gesta.models.model import SkeletonModel
from gesta.models.st_gcn import StGcn
from gesta.nn import Observed

Pool = Literal["max", "avg"]

_BRANCHES = 2


class SelfAttention(nn.Module):
    """Masks of a map by itself, ``sigmoid(Conv(F))``, equation 11; two of them, as in Figure 4.

    Args:
        channels: C of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, _BRANCHES, 1)
        self.map = Observed(("rows", "branch", "height", "width"))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (R, C, h, w) to masks (R, 2, h, w) in (0, 1)."""
        return self.map(self.gate(maps).sigmoid())


class SkeletonAttention(nn.Module):
    """A mask that is 1 in a square around the joint that moved furthest, equations 13-15.

    The mask of the picture's pixels is resized by area: a place of the map has the share of it that
    the square covers. With no such joint, or its square outside of the picture, it is 1 everywhere.

    Args:
        square: side of the square as a share of the picture's.
    """

    def __init__(self, square: float) -> None:
        super().__init__()
        self.square = square
        self.map = Observed(("rows", "branch", "height", "width"))

    def forward(self, joint: Tensor, side: int, maps: Tensor) -> Tensor:
        """Masks (R, 1, h, w) for maps (R, C, h, w).

        Args:
            joint: (R, 2) its pixel, x and y; far outside where there is none.
            side: height and width of the picture in pixels.
            maps: says h and w.
        """
        # Not in the type of the maps: bfloat16 is by up to a pixel beside a pixel.
        joint = joint.to(torch.promote_types(joint.dtype, torch.float32))
        across = self._covered(joint[:, 0], side, maps.shape[3])
        down = self._covered(joint[:, 1], side, maps.shape[2])
        mask = down[:, :, None] * across[:, None, :]
        none = mask.sum((1, 2), keepdim=True) == 0
        return self.map(torch.where(none, 1.0, mask)[:, None].to(maps.dtype))

    def extra_repr(self) -> str:
        """The side of the square."""
        return f"square={self.square}"

    def _covered(self, centre: Tensor, side: int, places: int) -> Tensor:
        """(R, places): how much of each of equal parts of an axis the square covers."""
        cell, half = side / places, self.square * side / 2
        left = torch.arange(places, device=centre.device, dtype=centre.dtype) * cell
        first = torch.maximum(left, centre[:, None] - half)
        last = torch.minimum(left + cell, centre[:, None] + half)
        return (last - first).clamp(min=0) / cell


class FrameAttention(nn.Module):
    """The masks by which the map of a frame is multiplied, equations 12 and 15.

    Args:
        channels: C_R.
        by_itself: whether there is self-attention.
        by_skeleton: whether there is skeleton attention.
        square: as in `SkeletonAttention`.

    Attributes:
        count: B, the number of masks; 1 of ones where there is no attention.
    """

    shares: Tensor

    def __init__(self, channels: int, by_itself: bool, by_skeleton: bool, square: float) -> None:
        super().__init__()
        self.by_itself = SelfAttention(channels) if by_itself else None
        self.by_skeleton = SkeletonAttention(square) if by_skeleton else None
        shares = [1 / _BRANCHES] * _BRANCHES * by_itself + [1.0] * by_skeleton or [1.0]
        self.count = len(shares)
        # Section 3.5: the two kinds of attention are averaged.
        share = torch.tensor(shares) / (2 if by_itself and by_skeleton else 1)
        self.register_buffer("shares", share[:, None, None], persistent=False)

    def forward(self, maps: Tensor, joint: Tensor | None, side: int) -> Tensor:
        """Masks (R, B, h, w) of maps (R, C, h, w): of self-attention, then of the skeleton."""
        masks = []
        if self.by_itself is not None:
            masks.append(self.by_itself(maps))
        if self.by_skeleton is not None and joint is not None:
            masks.append(self.by_skeleton(joint, side, maps))
        return torch.cat(masks, 1) if masks else torch.ones_like(maps[:, :1])

    def merged(self, maps: Tensor, masks: Tensor) -> Tensor:
        """The mean (R, C, h, w) of the attended maps, both kinds of attention counting alike.

        One product: the mean of a map times masks is the map times the mean of the masks.
        """
        return maps * (masks * self.shares.to(masks.dtype)).sum(1, keepdim=True)


class Fusion(nn.Module, ABC):
    """Joins the streams' features to one vector of `width` numbers."""

    width: int

    @abstractmethod
    def forward(self, skeleton: Tensor, frames: list[Tensor], there: Tensor | None) -> Tensor:
        """Join.

        Args:
            skeleton: (N, C_S, V) or (N, D) of the skeleton stream.
            frames: what the fusion wants of each picture.
            there: (N,) bool, False where a clip has no pictures; None: all have.

        Returns:
            (N, width).
        """


class Relation(nn.Module):
    """Positions of both modalities look at each other, equations 16 and 17.

    ``M = softmax(Conv(F)^T Conv(F))`` over the positions that are looked at, and each position
    becomes the mean of all by its row of M.

    Args:
        channels: C_R + C_S.
        width: of both 1x1 convolutions.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.asks = nn.Conv1d(channels, width, 1)
        self.asked = nn.Conv1d(channels, width, 1)
        self.mask = Observed(("rows", "position", "attended"))

    def forward(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """(N, C, S) to (N, C, S); there (N, S) bool, the positions that may be looked at."""
        scores = self.asks(x).transpose(1, 2) @ self.asked(x)
        if there is not None:
            scores = scores.masked_fill(~there[:, None], float("-inf"))
        return x @ self.mask(scores.softmax(-1)).transpose(1, 2).to(x.dtype)

    def multiply_adds(self, output: Tensor) -> dict[str, int]:
        """The multiply-adds of both products that made `output` (N, C, S)."""
        count, channels, positions = output.shape
        return {"attention": count * positions**2 * (channels + self.width)}


class MapFusion(Fusion):
    """The late fusion for skeleton maps (the paper's GCN-based one), section 3.5 and Figure 6.

    Args:
        skeleton: C_S.
        rgb: C_R.
        width: of the last layer but one; the relation has as many, the convolution twice as many.
    """

    def __init__(self, skeleton: int, rgb: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.relation = Relation(rgb + skeleton, width)
        self.convolution = nn.Conv1d(rgb + skeleton, 2 * width, 1)
        self.hidden = nn.Linear(2 * width, width)

    def forward(self, skeleton: Tensor, frames: list[Tensor], there: Tensor | None) -> Tensor:
        """Join (N, C_S, V) and the attended maps (N, C_R, h, w) of the pictures."""
        rgb = torch.cat([maps.flatten(2) for maps in frames], 2)
        looked_at = None
        if there is not None:
            rgb = rgb * there[:, None, None].to(rgb.dtype)
            joints = there.new_ones(len(there), skeleton.shape[2])
            looked_at = torch.cat([there[:, None].expand(-1, rgb.shape[2]), joints], 1)
        x = self.relation(combine(skeleton, rgb), looked_at)
        x = self.convolution(x).relu()
        return self.hidden(_mean_of_positions(x, looked_at)).relu()


def combine(skeleton: Tensor, rgb: Tensor) -> Tensor:
    """Every position with the other modality's mean beside it.

    Args:
        skeleton: (N, C_S, V).
        rgb: (N, C_R, P).

    Returns:
        (N, C_R + C_S, P + V).
    """
    of_joints = skeleton.mean(2, keepdim=True).expand(-1, -1, rgb.shape[2])
    of_places = rgb.mean(2, keepdim=True).expand(-1, -1, skeleton.shape[2])
    return torch.cat([torch.cat([rgb, of_joints], 1), torch.cat([of_places, skeleton], 1)], 2)


def _mean_of_positions(x: Tensor, there: Tensor | None) -> Tensor:
    if there is None:
        return x.mean(2)
    share = there.to(x.dtype)
    return (x * share[:, None]).sum(2) / share.sum(1, keepdim=True)


class VectorFusion(Fusion):
    """The late fusion for skeleton vectors (the paper's LSTM-based one), section 3.5.

    Args:
        skeleton: D of the skeleton's vector.
        rgb: numbers of a picture's vector.
        width: of the layer before the classifier.
    """

    def __init__(self, skeleton: int, rgb: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.hidden = nn.Linear(rgb + skeleton, width)

    def forward(self, skeleton: Tensor, frames: list[Tensor], there: Tensor | None) -> Tensor:
        """Join (N, D) and the vectors (N, 256 B) of the pictures, whose mean counts."""
        x = torch.cat([_mean_of_frames(frames, there), skeleton], 1)
        return functional.leaky_relu(self.hidden(functional.normalize(x, dim=1)))


class SumFusion(Fusion):
    """Both vectors, projected to the same width and added (the row "Sum Fusion" of Table 6).

    Args:
        skeleton, rgb, width: as in `VectorFusion`.
    """

    def __init__(self, skeleton: int, rgb: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.skeleton = nn.Linear(skeleton, width)
        self.rgb = nn.Linear(rgb, width)

    def forward(self, skeleton: Tensor, frames: list[Tensor], there: Tensor | None) -> Tensor:
        """Join (N, D) and the vectors (N, 256 B) of the pictures, whose mean counts."""
        return self.skeleton(skeleton) + self.rgb(_mean_of_frames(frames, there))


def _mean_of_frames(frames: list[Tensor], there: Tensor | None) -> Tensor:
    mean = torch.stack(frames).mean(0)
    return mean if there is None else mean * there[:, None].to(mean.dtype)


class PooledMaps(nn.Module):
    """A vector of an attended picture: each attended map, pooled, through a layer of its own.

    Args:
        channels: C_R.
        count: B, the number of masks.
        width: numbers of each.
        pool: "max", as the text says, or "avg", as Figure 4 does.
    """

    def __init__(self, channels: int, count: int, width: int, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.layers = nn.ModuleList(nn.Linear(channels, width) for _ in range(count))

    def forward(self, maps: Tensor, masks: Tensor) -> Tensor:
        """Maps (N, C, h, w) and masks (N, B, h, w) to (N, B * width)."""
        vectors = []
        for layer, mask in zip(self.layers, masks.unbind(1), strict=True):
            attended = (maps * mask[:, None]).flatten(2)
            vectors.append(layer(attended.amax(2) if self.pool == "max" else attended.mean(2)))
        return torch.cat(vectors, 1)


def skeleton_map(stream: SkeletonModel, poses: Tensor, mask: Tensor | None) -> Tensor:
    """The skeleton's map (N, C_S, V): the maximum over valid frames, the mean of those present.

    Args:
        stream: a model with ``forward_features`` and ``feature_mask``, as ST-GCN has them.
        poses: (N, M, T, V, C).
        mask: (N, M, T) bool, True where a person is; None: everywhere.
    """
    graph = cast(StGcn, stream)
    maps = graph.forward_features(poses, mask).unflatten(0, poses.shape[:2])
    if mask is None:
        return maps.amax(3).mean(1)
    keep = graph.feature_mask(mask)
    there = keep.any(-1)
    maps = maps.masked_fill(~keep[:, :, None, :, None], float("-inf")).amax(3)
    maps = maps.masked_fill(~there[..., None, None], 0)
    return maps.sum(1) / there.sum(1).clamp(min=1)[:, None, None].to(maps.dtype)


def gives_vectors(stream: SkeletonModel) -> bool:
    """Whether a skeleton model can be the stream by its vector; otherwise it is by its map.

    Raises:
        ModelError: it has neither, or takes more than poses.
    """
    if stream.inputs == ("poses", "mask"):
        if hasattr(stream, "forward_vector"):
            return True
        if hasattr(stream, "forward_features") and hasattr(stream, "feature_mask"):
            return False
    raise ModelError(
        f"mmff: {stream.name} cannot be the skeleton stream: expected a model of poses that gives "
        "maps of joints (st_gcn) or a vector (lstm, bi_lstm, bi_gru)"
    )
