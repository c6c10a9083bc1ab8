"""Parts of SAN: encoders of a frame, the trunks of the three variants, temporal segments.

Sections and figures are those of the paper that `gesta.models.san` names.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.nn.cross_attention import CrossAttention
from gesta.nn.dropout import Dropout
from gesta.nn.persons import (
    PersonMerge,
    PersonRows,
    merge_persons,
    motion,
    person_rows,
    unless_full,
)
from gesta.nn.self_attention import SelfAttentionBlock
from gesta.nn.start import start_for_relu

EncoderName = Literal["ff", "cnn"]
Consensus = Literal["average", "max"]
ConsensusOn = Literal["logits", "probabilities"]


class Scene(NamedTuple):
    """What the joints of B clips are weighted by.

    Args:
        context: (B, T, k, m).
        there: (B,) bool, which clips have a context; None: all.
    """

    context: Tensor
    there: Tensor | None


class LinearEncoder(nn.Module):
    """``ff``: all joints of a frame through one linear layer and a ReLU (section 4.2).

    Args:
        joints: V.
        channels: C.
        width: D that leaves.
    """

    def __init__(self, joints: int, channels: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.linear = nn.Linear(joints * channels, width)
        start_for_relu(self.linear)

    def forward(
        self,
        x: Tensor,
        keep: Tensor | None,
        scene: Scene | None = None,
        clip: Tensor | None = None,
    ) -> Tensor:
        """Encode (R, T, V, C), zero where `keep` (R, T) says so, to (R, T, D), at least 0."""
        return self.linear(x.flatten(2)).relu()


class ConvolutionEncoder(nn.Module):
    """``cnn``: four convolutions (Figure 4), the last two over frames and filters of all joints.

    A 1x1 and a 3x1 (time) convolution work on each joint alone; then joints and filters change
    places, so that two 3x3 convolutions see all joints at once, each followed by 1x2 pooling. A
    ReLU follows each, dropout the last. The length in time stays. That gives 512 features of a
    frame; a linear layer and a ReLU make them as many as a network of another width has. Filters
    do not shrink with the width: with a quarter of them, eight see all joints, and the encoder is
    worse than a linear layer.

    Args:
        joints: V.
        channels: C.
        width: D that leaves.
        dropout: share of values dropped after the last convolution.
        context_channels: m of the context that weights joints after the second convolution; 0:
            nothing does.
    """

    FILTERS = (64, 32, 32, 64)
    FEATURES = FILTERS[3] * FILTERS[1] // 4  # filters of the second become an axis, pooled twice

    def __init__(
        self, joints: int, channels: int, width: int, dropout: float, context_channels: int = 0
    ) -> None:
        super().__init__()
        points, time, joint, last = self.FILTERS
        self.width = width
        # A 1x1 convolution: on this memory a linear layer of the last axis, and faster as one.
        self.points = nn.Linear(channels, points)
        self.time = nn.Conv2d(points, time, (3, 1), padding=(1, 0))
        self.joints = nn.Conv2d(joints, joint, 3, padding=1)
        self.last = nn.Conv2d(joint, last, 3, padding=1)
        self.project = nn.Linear(self.FEATURES, width) if width != self.FEATURES else None
        start_for_relu(self)
        self.attention: CrossAttention | None = None
        if context_channels:
            self.attention = CrossAttention(time, context_channels)
        self.pool = nn.MaxPool2d((1, 2))
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        keep: Tensor | None,
        scene: Scene | None = None,
        clip: Tensor | None = None,
    ) -> Tensor:
        """Encode (R, T, V, C), zero where `keep` (R, T) says so, to (R, T, D), at least 0."""
        x = _only(self.points(x).relu().permute(0, 3, 1, 2), keep)
        x = _only(self.time(x).relu(), keep)
        if self.attention is not None:
            context, there = scene or (None, None)
            x = self.attention(x, context, clip, there)
        x = x.permute(0, 3, 2, 1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = _only(self.pool(self.joints(x)).relu(), keep)
        x = self.pool(self.last(x)).relu()
        x = self.dropout(x.transpose(1, 2).flatten(2))
        return x if self.project is None else self.project(x).relu()


Encoder = LinearEncoder | ConvolutionEncoder


def make_encoder(
    name: EncoderName,
    joints: int,
    channels: int,
    width: int,
    dropout: float,
    context_channels: int = 0,
) -> Encoder:
    """An encoder by name.

    Raises:
        ModelError: a width, or a context, that the encoder cannot have.
    """
    if context_channels < 0 or (context_channels and name == "ff"):
        raise ModelError(
            "san: expected context_channels of at least 0, and 0 with encoder ff, which has no "
            f"features of joints; found {context_channels} with encoder {name}"
        )
    if name == "ff":
        return LinearEncoder(joints, channels, width)
    return ConvolutionEncoder(joints, channels, width, dropout, context_channels)


def _only(x: Tensor, keep: Tensor | None) -> Tensor:
    """x (R, C, T, V), zero in frames that are not valid: convolutions in time must not see them."""
    return x if keep is None else x * keep[:, None, :, None].to(x.dtype)


class Segments(nn.Module):
    """Temporal segments and the consensus of what a network says of each (section 4.4).

    Segments in which nobody is there have no say, unless nobody is in any.

    Args:
        count: G.
        consensus: element-wise "average" or "max".
        on: what it is taken of, "logits" or "probabilities".
    """

    def __init__(
        self,
        count: int,
        consensus: Consensus,
        on: ConsensusOn,
    ) -> None:
        super().__init__()
        self.count, self.consensus, self.on = count, consensus, on

    def cut(self, poses: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(N, M, G*T, V, C) and (N, M, G*T) to (N*G, M, T, V, C) and (N*G, M, T)."""
        if self.count == 1:
            return poses, mask
        poses = poses.unflatten(2, (self.count, -1)).transpose(1, 2).flatten(0, 1)
        if mask is not None:
            mask = mask.unflatten(2, (self.count, -1)).transpose(1, 2).flatten(0, 1)
        return poses, mask

    def cut_scene(self, context: Tensor, there: Tensor | None) -> Scene:
        """Cut a context (N, G*T, k, m), which is not looked at unless `there` (N,) says so."""
        if there is not None:
            context = context.masked_fill(~there[:, None, None, None], 0)
            there = there.repeat_interleave(self.count)
        return Scene(context.unflatten(1, (self.count, -1)).flatten(0, 1), there)

    def forward(self, logits: Tensor, there: Tensor | None) -> Tensor:
        """The consensus.

        Args:
            logits: (N*G, Y).
            there: (N*G,) bool, whether somebody is there; None: everywhere.

        Returns:
            (N, Y) logits; of probabilities their logarithm, which is a logit as well.
        """
        if self.count == 1:
            return logits
        if self.on == "probabilities":
            logits = logits.log_softmax(-1)
        logits = logits.unflatten(0, (-1, self.count))
        if there is None:
            there = torch.ones_like(logits[..., 0], dtype=torch.bool)
        else:
            there = there.unflatten(0, (-1, self.count))
        there = there | ~there.any(1, keepdim=True)
        left_out = ~there[..., None]
        if self.consensus == "max":
            return logits.masked_fill(left_out, -math.inf).amax(1)
        share = there[..., None].sum(1).to(logits.dtype)
        if self.on == "probabilities":
            return logits.masked_fill(left_out, -math.inf).logsumexp(1) - share.log()
        return logits.masked_fill(left_out, 0).sum(1) / share

    def extra_repr(self) -> str:
        """Number and consensus."""
        return f"{self.count}, {self.consensus} of {self.on}"


class AllPersons(nn.Module):
    """The trunk of V1: joints of all persons side by side, both modalities as channels.

    Args:
        encoder: of M*V joints and 2C channels.
        block: as wide as the encoder.
    """

    def __init__(self, encoder: Encoder, block: SelfAttentionBlock) -> None:
        super().__init__()
        self.encoder, self.block = encoder, block
        self.widths = (encoder.width,)

    def forward(
        self, poses: Tensor, mask: Tensor | None, scene: Scene | None = None
    ) -> tuple[Tensor, ...]:
        """(B, M, T, V, C) and the mask (B, M, T) to one feature (B, D)."""
        persons = poses.shape[1]
        if mask is not None:
            poses = poses.masked_fill(~mask[..., None, None], 0)
        moved = motion(poses.flatten(0, 1), None if mask is None else mask.flatten(0, 1))
        both = torch.cat([poses, moved.unflatten(0, (-1, persons))], -1)
        frames = None if mask is None else mask.any(1)
        rows = person_rows(both.transpose(1, 2).flatten(2, 3), frames, every=self.block.looked_at)
        encoded = self.encoder(rows.poses, rows.keep, scene, rows.numbers)
        return (rows.scatter(self.block(encoded, rows.keep)),)


class EachPerson(nn.Module):
    """The trunk of V2: both encoded modalities of a person through one shared block, then merged.

    Args:
        position, motion: encoders of V joints and C channels.
        block: as wide as both together.
        merge: of the persons that are there.
        persons: M, where persons are concatenated.
    """

    def __init__(
        self,
        position: Encoder,
        motion: Encoder,
        block: SelfAttentionBlock,
        merge: PersonMerge,
        persons: int | None,
    ) -> None:
        super().__init__()
        self.position, self.motion, self.block, self.merge = position, motion, block, merge
        side_by_side = persons if merge == "concat" and persons is not None else 1
        self.widths = ((position.width + motion.width) * side_by_side,)

    def forward(
        self, poses: Tensor, mask: Tensor | None, scene: Scene | None = None
    ) -> tuple[Tensor, ...]:
        """(B, M, T, V, C) and the mask (B, M, T) to one feature (B, D)."""
        rows = _rows(poses, mask, every=self.block.looked_at)
        clip = rows.numbers // poses.shape[1]
        position = self.position(rows.poses, rows.keep, scene, clip)
        moving = self.motion(motion(rows.poses, rows.keep), rows.keep, scene, clip)
        gathered = self.block(torch.cat([position, moving], -1), rows.keep)
        return (_merged(rows, gathered, poses, mask, self.merge),)


class EachModality(nn.Module):
    """The trunk of V3: a block for each modality, persons merged by the maximum.

    Args:
        position, motion: encoders of V joints and C channels.
        position_block, motion_block: each as wide as its encoder.
        early: merge persons frame by frame before the blocks, rather than after them.
    """

    def __init__(
        self,
        position: Encoder,
        motion: Encoder,
        position_block: SelfAttentionBlock,
        motion_block: SelfAttentionBlock,
        *,
        early: bool,
    ) -> None:
        super().__init__()
        self.position, self.motion = position, motion
        self.position_block, self.motion_block = position_block, motion_block
        self.early = early
        self.widths = (position.width, motion.width, position.width + motion.width)

    def forward(
        self, poses: Tensor, mask: Tensor | None, scene: Scene | None = None
    ) -> tuple[Tensor, ...]:
        """(B, M, T, V, C) and the mask (B, M, T) to the features of position, motion and both."""
        looked_at = self.position_block.looked_at or self.motion_block.looked_at
        rows = _rows(poses, mask, every=looked_at)
        clip = rows.numbers // poses.shape[1]
        position = self.position(rows.poses, rows.keep, scene, clip)
        moving = self.motion(motion(rows.poses, rows.keep), rows.keep, scene, clip)
        if self.early:
            position = _early(self.position_block, position, rows, poses, mask)
            moving = _early(self.motion_block, moving, rows, poses, mask)
        else:
            position = self.position_block(position, rows.keep)
            moving = self.motion_block(moving, rows.keep)
            position = _merged(rows, position, poses, mask, "max")
            moving = _merged(rows, moving, poses, mask, "max")
        return position, moving, torch.cat([position, moving], -1)


def _rows(poses: Tensor, mask: Tensor | None, *, every: bool) -> PersonRows:
    flat = None if mask is None else mask.flatten(0, 1)
    return person_rows(poses.flatten(0, 1), flat, every=every)


def _merged(
    rows: PersonRows, x: Tensor, poses: Tensor, mask: Tensor | None, how: PersonMerge
) -> Tensor:
    """(R, D) to (B, D), or (B, M*D)."""
    persons = rows.scatter(x).unflatten(0, poses.shape[:2])
    return merge_persons(persons, None if mask is None else mask.any(-1), how)


def _early(
    block: SelfAttentionBlock, x: Tensor, rows: PersonRows, poses: Tensor, mask: Tensor | None
) -> Tensor:
    """Encoded persons (R, T, D), merged in each frame over those who are there, to (B, D)."""
    if rows.keep is not None:
        x = x * rows.keep[..., None].to(x.dtype)
    x = rows.scatter(x).unflatten(0, poses.shape[:2]).amax(1)
    frames = None if mask is None else unless_full(mask.any(1))
    gathered = block(x, frames)
    return gathered if frames is None else gathered * frames.any(1)[:, None].to(gathered.dtype)


Trunk = AllPersons | EachPerson | EachModality


def san_block(
    width: int, frames: int, layers: int, heads: int, feed_forward: int, dropout: float
) -> SelfAttentionBlock:
    """The block of a width, or a ModelError where its sizes do not go together."""
    if min(layers, heads, feed_forward) < 1 or width % heads:
        raise ModelError(
            "san: expected layers and feed_forward of at least 1 and heads that divide the "
            f"block's width {width}, found layers={layers}, feed_forward={feed_forward}, "
            f"heads={heads}"
        )
    check_share("attention_dropout", dropout)
    return SelfAttentionBlock(width, frames, layers, heads, feed_forward, dropout)


def check_share(name: str, share: float) -> None:
    """Raise a ModelError unless a share is in [0, 1)."""
    if not 0 <= share < 1:
        raise ModelError(f"san: {name}: expected a share in [0, 1), found {share}")
