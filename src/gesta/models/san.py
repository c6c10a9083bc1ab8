"""SAN: self-attention networks of frames, in three variants, alone or over temporal segments.

Paper: Cho, Maqbool, Liu, Foroosh, "Self-Attention Network for Skeleton-based Human Action
Recognition", WACV 2020. Position and motion of the joints are encoded frame by frame (`ff`: one
linear layer; `cnn`: four convolutions over frames and joints), a block of self-attention layers
looks at all frames and gives one vector, and a linear layer classifies it.

- ``san_v1``: all persons and both modalities in one encoder and one block; a fixed M.
- ``san_v2``: both modalities encoded for each person, side by side through a block that all
  persons share; then one vector of all persons.
- ``san_v3``: one block a modality, and a classifier for each besides the one of both;
  `forward_heads` gives the three logits, whose losses are added.
- ``segments=3`` makes TS-SAN of each: T frames are cut into segments, each goes through the same
  network, and the logits become one by a consensus.

Reconstructed, because the text of the paper lost or never had it: the sizes of the `cnn` encoder
(64, 32, 32, 64 filters after HCN, which is the default width of 512; a linear layer follows where
the width is another), the width of `ff` (the same), the feed-forward width (4 times), where the
dropout of 0.2 is (on what each sub-layer adds, and on the embedded input), how weights start
(`gesta.nn.start`: nothing here normalises the encoders, and with torch's start V2 stayed at chance
on UTD-MHAD for 40 epochs), that V3 predicts by the classifier of both modalities, and that its
persons are merged before the blocks (``merge="early"``, the order of the text).

Differs: frames that are masked take part in nothing, and an absent person neither, where the
paper pads with zeros; motion ends at the border of a segment. The ReLU before the classifier
stands in the block, which ends with one.

Sizes with the `cnn` encoder at 60 classes, 25 joints, 3 channels, 32 frames and 2 persons, in
parameters and multiply-adds: V1 13.75 M and 0.44 G, V2 54.74 M and 3.32 G, V3 27.54 M and 0.90 G;
three segments take three times the multiply-adds and no further parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.models.model import SkeletonModel
from gesta.models.registry import Paper, Stated, register_model
from gesta.models.san_parts import (
    AllPersons,
    Consensus,
    ConsensusOn,
    EachModality,
    EachPerson,
    EncoderName,
    Segments,
    Trunk,
    check_share,
    make_encoder,
    san_block,
)
from gesta.nn.coupled_attention import Activation, CoupledAttention, attend_poses
from gesta.nn.cross_attention import given_context
from gesta.nn.dropout import Dropout
from gesta.nn.persons import PersonMerge
from gesta.skeleton import Layout

FRAMES = 32
PERSONS = 2

_PAPER = Paper(
    "Self-Attention Network for Skeleton-based Human Action Recognition",
    "Sangwoo Cho, Muhammad Hasan Maqbool, Fei Liu, Hassan Foroosh",
    "WACV",
    2020,
    """@inproceedings{cho2020self,
  title = {Self-Attention Network for Skeleton-based Human Action Recognition},
  author = {Cho, Sangwoo and Maqbool, Muhammad Hasan and Liu, Fei and Foroosh, Hassan},
  booktitle = {Proceedings of the IEEE/CVF Winter Conference on Applications of Computer Vision},
  year = {2020}
}""",
)


class San(SkeletonModel):
    """Trunk, classifiers and the consensus of segments; see the head of this file.

    Args:
        layout, num_classes, channels, frames, persons: as in `SkeletonModel`.
        trunk: from poses to the features of the classifiers.
        segments: how T is cut and logits are joined.
        dropout: share of values dropped before the classifiers.
        attention: weights the poses before all else; None: nothing does.
        context_channels: m of the context that joints are weighted by; 0: none is taken.
    """

    head_names = ("heads",)

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int,
        persons: int | None,
        *,
        trunk: Trunk,
        segments: Segments,
        dropout: float,
        attention: CoupledAttention | None,
        context_channels: int,
    ) -> None:
        super().__init__(layout, num_classes, channels, frames, persons)
        self.attention, self.segments, self.trunk = attention, segments, trunk
        self.dropout = Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(width, num_classes) for width in trunk.widths)
        self.context_channels = context_channels
        self.inputs = ("poses", "mask", *(("context", "rgb_mask") if context_channels else ()))

    def forward(
        self,
        poses: Tensor,
        mask: Tensor | None = None,
        *,
        context: Tensor | None = None,
        rgb_mask: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, Y) of poses (N, M, T, V, C); mask (N, M, T) is True where a person is.

        A model made for it takes a context (N, T, k, m) or (N, 1, k, m) as well, and rgb_mask (N,),
        False where a clip has none: its joints are weighted by themselves alone.

        Raises:
            ShapeError: an input of another shape or type than the model was made for.
        """
        return self.forward_heads(poses, mask, context=context, rgb_mask=rgb_mask)[-1]

    def forward_heads(  # type: ignore[override]  # it takes nothing more
        self,
        poses: Tensor,
        mask: Tensor | None = None,
        *,
        context: Tensor | None = None,
        rgb_mask: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """The logits (N, Y) of every classifier, whose losses are added; the last one predicts.

        In V3 these are of position, of motion and of both; in V1 and V2 there is one.
        """
        self.check_inputs(poses, mask)
        if self.attention is not None:
            poses = attend_poses(self.attention, poses, mask)
        scene = None
        if self.context_channels:
            context = given_context(context, poses, mask, self.context_channels)
            scene = self.segments.cut_scene(context, rgb_mask)
        poses, mask = self.segments.cut(poses, mask)
        there = None if mask is None else mask.flatten(1).any(1)
        # The ReLU before each classifier is in its feature: a maximum or mean of what is positive.
        return tuple(
            self.segments(head(self.dropout(feature)), there)
            for head, feature in zip(self.heads, self.trunk(poses, mask, scene), strict=True)
        )

    def example_inputs(self, clips: int, frames: int, persons: int) -> dict[str, Tensor]:
        """The context, zero, where the model takes one."""
        if not self.context_channels:
            return {}
        return {"context": torch.zeros(clips, frames, 1, self.context_channels)}


@dataclass(frozen=True)
class _Sizes:
    """What `create_model` gives to each builder, and the segments that frames are cut into."""

    layout: Layout
    num_classes: int
    channels: int
    frames: int | None
    persons: int | None
    segments: int

    def __post_init__(self) -> None:
        if self.segments < 1 or (self.frames is not None and self.frames % self.segments):
            raise ModelError(
                f"san: expected frames that can be cut into {self.segments} segments, found "
                f"{self.frames}; frames are those of the whole input"
            )

    @property
    def length(self) -> int:
        """Frames of one segment."""
        return FRAMES if self.frames is None else self.frames // self.segments

    def model(
        self,
        trunk: Trunk,
        consensus: Consensus,
        consensus_on: ConsensusOn,
        dropout: float,
        coupled_attention: Literal["none"] | Activation,
        context_channels: int = 0,
    ) -> San:
        """Head, consensus and plug-in attention around a trunk."""
        check_share("dropout", dropout)
        frames = self.length * self.segments
        attention = None
        if coupled_attention != "none":
            attention = CoupledAttention(frames, len(self.layout), self.channels, coupled_attention)
        return San(
            self.layout,
            self.num_classes,
            self.channels,
            frames,
            self.persons,
            trunk=trunk,
            segments=Segments(self.segments, consensus, consensus_on),
            dropout=dropout,
            attention=attention,
            context_channels=context_channels,
        )


_SMALL = {"width": 32, "layers": 2, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0}

_register = partial(
    register_model, inputs=("poses", "mask"), paper=_PAPER, small=_SMALL, recipe="san"
)


@_register("san_v1", stated=(Stated(13_745_340, 438_400_000, frames=FRAMES),))
def san_v1(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    encoder: EncoderName = "cnn",
    width: int = 512,
    layers: int = 4,
    heads: int = 8,
    feed_forward: int = 4,
    dropout: float = 0.5,
    attention_dropout: float = 0.2,
    segments: int = 1,
    consensus: Consensus = "average",
    consensus_on: ConsensusOn = "logits",
    coupled_attention: Literal["none"] | Activation = "none",
) -> San:
    """Build SAN-V1.

    Args:
        layout, num_classes, channels: see `create_model`.
        frames: T of the whole input, which the positions are learnt for; None: 32 a segment.
        persons: M, which are side by side in the encoder; None: 2.
        encoder: "ff" (one linear layer) or "cnn" (four convolutions).
        width: features of a frame, which the encoder gives and the block has.
        layers: of self-attention.
        heads: of each layer.
        feed_forward: hidden width of each layer, as a multiple of the block's.
        dropout: share dropped after the cnn encoder and before the classifier.
        attention_dropout: share dropped in the block.
        segments: equal parts that the frames are cut into (TS-SAN).
        consensus: of the segments, element-wise.
        consensus_on: what the consensus is taken of.
        coupled_attention: activation of a `CoupledAttention` in front, or "none" for none.

    Raises:
        ModelError: options out of their range, or that do not go together.
    """
    persons = PERSONS if persons is None else persons
    sizes = _Sizes(layout, num_classes, channels, frames, persons, segments)
    trunk = AllPersons(
        make_encoder(encoder, persons * len(layout), 2 * channels, width, dropout),
        san_block(width, sizes.length, layers, heads, feed_forward, attention_dropout),
    )
    return sizes.model(trunk, consensus, consensus_on, dropout, coupled_attention)


@_register("san_v2", stated=(Stated(54_738_812, 3_317_000_000, frames=FRAMES),))
def san_v2(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    encoder: EncoderName = "cnn",
    width: int = 512,
    layers: int = 4,
    heads: int = 8,
    feed_forward: int = 4,
    person_merge: PersonMerge = "max",
    dropout: float = 0.5,
    attention_dropout: float = 0.2,
    segments: int = 1,
    consensus: Consensus = "average",
    consensus_on: ConsensusOn = "logits",
    coupled_attention: Literal["none"] | Activation = "none",
    context_channels: int = 0,
) -> San:
    """Build SAN-V2.

    Args:
        layout, num_classes, channels: see `create_model`.
        frames: T of the whole input, which the positions are learnt for; None: 32 a segment.
        persons: M; None: any, with `person_merge` "concat" 2.
        encoder: "ff" (one linear layer) or "cnn" (four convolutions).
        width: features of a frame that each encoder gives; the block has twice as many.
        layers: of self-attention.
        heads: of each layer.
        feed_forward: hidden width of each layer, as a multiple of the block's.
        person_merge: of the vectors of the persons that are there.
        dropout: share dropped after the cnn encoder and before the classifier.
        attention_dropout: share dropped in the block.
        segments: equal parts that the frames are cut into (TS-SAN).
        consensus: of the segments, element-wise.
        consensus_on: what the consensus is taken of.
        coupled_attention: activation of a `CoupledAttention` in front, or "none" for none.
        context_channels: m of given features of the scene, by which a `CrossAttention` weights the
            joints in the cnn encoders, after their convolution in time; 0 for none.

    Raises:
        ModelError: options out of their range, or that do not go together.
    """
    if person_merge == "concat" and persons is None:
        persons = PERSONS
    sizes = _Sizes(layout, num_classes, channels, frames, persons, segments)
    trunk = EachPerson(
        make_encoder(encoder, len(layout), channels, width, dropout, context_channels),
        make_encoder(encoder, len(layout), channels, width, dropout, context_channels),
        san_block(2 * width, sizes.length, layers, heads, feed_forward, attention_dropout),
        person_merge,
        persons,
    )
    return sizes.model(trunk, consensus, consensus_on, dropout, coupled_attention, context_channels)


@_register("san_v3", stated=(Stated(27_537_396, 895_000_000, frames=FRAMES),))
def san_v3(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    encoder: EncoderName = "cnn",
    width: int = 512,
    layers: int = 4,
    heads: int = 8,
    feed_forward: int = 4,
    merge: Literal["early", "late"] = "early",
    dropout: float = 0.5,
    attention_dropout: float = 0.2,
    segments: int = 1,
    consensus: Consensus = "average",
    consensus_on: ConsensusOn = "logits",
    coupled_attention: Literal["none"] | Activation = "none",
) -> San:
    """Build SAN-V3.

    Args:
        layout, num_classes, channels, persons: see `create_model`.
        frames: T of the whole input, which the positions are learnt for; None: 32 a segment.
        encoder: "ff" (one linear layer) or "cnn" (four convolutions).
        width: features of a frame that each encoder gives and each block has.
        layers: of self-attention.
        heads: of each layer.
        feed_forward: hidden width of each layer, as a multiple of the block's.
        merge: of persons: "early", of their encoded frames, or "late", of what the blocks give.
        dropout: share dropped after the cnn encoder and before the classifiers.
        attention_dropout: share dropped in the blocks.
        segments: equal parts that the frames are cut into (TS-SAN).
        consensus: of the segments, element-wise.
        consensus_on: what the consensus is taken of.
        coupled_attention: activation of a `CoupledAttention` in front, or "none" for none.

    Raises:
        ModelError: options out of their range, or that do not go together.
    """
    sizes = _Sizes(layout, num_classes, channels, frames, persons, segments)
    trunk = EachModality(
        make_encoder(encoder, len(layout), channels, width, dropout),
        make_encoder(encoder, len(layout), channels, width, dropout),
        san_block(width, sizes.length, layers, heads, feed_forward, attention_dropout),
        san_block(width, sizes.length, layers, heads, feed_forward, attention_dropout),
        early=merge == "early",
    )
    return sizes.model(trunk, consensus, consensus_on, dropout, coupled_attention)
