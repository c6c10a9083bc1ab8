"""MMFF: a skeleton sequence and one RGB frame, fused early by attention and late by features.

Paper: Zhu et al., "Skeleton Sequence and RGB Frame Based Multi-Modality Feature Fusion Network for
Action Recognition", TOMM 2022. The skeleton stream is ST-GCN (a map of its joints) or a recurrent
network (a vector), the RGB stream a network of images, Xception. Its map is multiplied by masks:
two of self-attention (equations 11-12), and one that is 1 around the joint that moved furthest
(equations 13-15). Joints and places of the map then look at each other (equations 16-17), or, with
a vector of the skeleton, all vectors stand side by side through an L2 normalisation and two layers.

Reconstructed: the square of skeleton attention (0.25 of the picture, resized by area), and that of
estimated poses only joints count for it that the estimator is sure of (`gesta.transforms.rgb`); all
widths of the late fusions (relation 512, convolution 1024, linear layers 512 and Y; for vectors 256
and Y), the ReLU after each of the former; that several frames bring their places side by side, or
the mean of their vectors; that `fusion="sum"` has no layer between the sum and the classifier;
dropout before the classifier (0 by default). Equation 17 writes an element-wise product, which has
no matching shapes; Figure 6 has matrix products only, and so has this: each position becomes the
mean of all by its row of the relation mask.

`fusion="decision"` is the weighted sum of the streams' probabilities: `forward` gives its
logarithm, training adds the streams' own losses, and `choose_share` sets the weight by validation.

Differs: absent persons and padded frames are out of the maximum over frames and the mean over
persons, and a clip without a picture (``rgb_mask``) is judged by its skeleton: its places are
looked at by nobody, or its vector is zero.

Sizes at 60 classes, 2 persons of 25 joints, one frame of 299x299:

- with ST-GCN at 300 frames 29.17 M parameters (paper 29.1) and 25.17 G multiply-adds (paper 24.5,
  which is what Xception's 8.36 and ST-GCN's 16.23 have alone; the fusion has 0.59), and the
  products of positions a further 0.04.
- with Bi-LSTM at 32 frames 28.16 M (paper 27.4) and 8.53 G (paper 15.3): the paper counts 2.0 M and
  6.3 G for three layers of Bi-LSTM, which have 5.41 M and 0.17 G at the widths that it names.
- with three and five frames, each with an Xception of its own, 70.79 M and 112.41 M (paper 90.1 and
  134.9: its steps are 61.0 and 44.8 for two more networks of 20.8 each); with `share_frames` 29.17.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gesta.axes import check_shape
from gesta.errors import ModelError
from gesta.models.image_network import ImageNetwork, ImageNetworkName, create_image_network
from gesta.models.mmff_decision import MmffDecision
from gesta.models.mmff_parts import (
    FrameAttention,
    Fusion,
    MapFusion,
    Pool,
    PooledMaps,
    SumFusion,
    VectorFusion,
    gives_vectors,
    skeleton_map,
)
from gesta.models.model import SkeletonModel
from gesta.models.options import read_assignments
from gesta.models.picture_model import PictureModel
from gesta.models.recurrent import MMFF_PAPER
from gesta.models.registry import Stated, create_model, register_model
from gesta.models.xception import SIZE
from gesta.nn import Dropout
from gesta.skeleton import Layout


class Mmff(PictureModel):
    """Both streams and a late fusion of their features; see the head of this file.

    Args:
        skeleton: the skeleton stream; its classifier is taken off.
        rgb: F networks of images, or one for all frames.
        attention: as many, the masks of their maps.
        pooled: as many, vectors of their maps; none where the fusion takes maps.
        fusion: joins the features.
        image_frames: F.
        image_size: height and width of the pictures.
        dropout: share of values dropped before the classifier.
    """

    stream_names = ("skeleton", "rgb")

    def __init__(
        self,
        skeleton: SkeletonModel,
        rgb: list[ImageNetwork],
        *,
        attention: list[FrameAttention],
        pooled: list[PooledMaps],
        fusion: Fusion,
        image_frames: int,
        image_size: int,
        dropout: float,
    ) -> None:
        super().__init__(
            skeleton.layout,
            skeleton.num_classes,
            skeleton.channels,
            skeleton.frames,
            skeleton.persons,
            image_frames=image_frames,
            image_size=image_size,
        )
        for name in skeleton.head_names:
            skeleton.set_submodule(name, nn.Identity())
        self.skeleton, self.rgb = skeleton, nn.ModuleList(rgb)
        self.attention, self.pooled = nn.ModuleList(attention), nn.ModuleList(pooled)
        self.fusion, self.dropout = fusion, Dropout(dropout)
        self.head = nn.Linear(fusion.width, self.num_classes)
        moved = ("moved_joint",) if attention[0].by_skeleton is not None else ()
        self.inputs = ("poses", "mask", "frames", *moved, "rgb_mask")

    def forward(
        self,
        poses: Tensor,
        mask: Tensor | None = None,
        *,
        frames: Tensor,
        moved_joint: Tensor | None = None,
        rgb_mask: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, Y).

        Args:
            poses: (N, M, T, V, C).
            mask: (N, M, T) bool, True where a person is; None: everywhere.
            frames: (N, F, 3, H, W), normalised by mean and standard deviation of ImageNet.
            moved_joint: (N, F, 2), the pixel of the joint that moved furthest, far outside where
                there is none; needed with skeleton attention.
            rgb_mask: (N,) bool, False where a clip has no pictures; None: all have.

        Raises:
            ShapeError: an input of another shape or type than the model was made for.
            ModelError: no `moved_joint`, and there is skeleton attention.
        """
        self._check(poses, mask, frames, moved_joint)
        features = [
            self._look(i, frames[:, i], None if moved_joint is None else moved_joint[:, i])
            for i in range(self.image_frames)
        ]
        return self.head(self.dropout(self.fusion(self._move(poses, mask), features, rgb_mask)))

    def example_inputs(self, clips: int, frames: int, persons: int) -> dict[str, Tensor]:
        """The pictures, zero, and a joint in their middle."""
        more = super().example_inputs(clips, frames, persons)
        if "moved_joint" in self.inputs:
            more["moved_joint"] = torch.full((clips, self.image_frames, 2), self.image_size / 2)
        return more

    def _move(self, poses: Tensor, mask: Tensor | None) -> Tensor:
        """The skeleton's map (N, C_S, V), or its vector (N, D)."""
        if gives_vectors(self.skeleton):
            vector: Tensor = self.skeleton.forward_vector(poses, mask)  # type: ignore[operator]
            return vector
        maps = skeleton_map(self.skeleton, poses, mask)
        return maps if isinstance(self.fusion, MapFusion) else maps.mean(2)

    def _look(self, i: int, frame: Tensor, joint: Tensor | None) -> Tensor:
        """What the fusion wants of frame i: its map (N, C_R, h, w), or its vector."""
        own = min(i, len(self.rgb) - 1)
        maps = self.rgb[own](frame)
        masks = self.attention[own](maps, joint, self.image_size)
        if isinstance(self.fusion, MapFusion):
            merged: Tensor = self.attention[own].merged(maps, masks)  # type: ignore[operator]
            return merged
        vector: Tensor = self.pooled[own](maps, masks)
        return vector

    def _check(
        self, poses: Tensor, mask: Tensor | None, frames: Tensor, joint: Tensor | None
    ) -> None:
        self.check_inputs(poses, mask)
        self.check_frames(poses, frames)
        if "moved_joint" not in self.inputs or torch.compiler.is_compiling():
            return
        if joint is None:
            raise ModelError(f"{self.name}: needs moved_joint (N, F, 2) for its skeleton attention")
        sizes = {"N": poses.shape[0], "F": self.image_frames}
        check_shape("moved_joint", joint, "N F two", two=2, **sizes)


def streams(options: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The models by which the streams are trained alone, with their options."""
    rgb = {name: options[name] for name in ("image", "image_frames", "image_size", "image_width")}
    skeleton = read_assignments(options["skeleton_options"])
    return {"skeleton": (options["skeleton"], skeleton), "rgb": ("xception_frame", rgb)}


@register_model(
    "mmff",
    inputs=("poses", "mask", "frames", "moved_joint", "rgb_mask"),
    paper=MMFF_PAPER,
    small={
        "skeleton_options": ("width=8", "temporal_kernel=3", "dropout=0.0"),
        "image_width": 0.02,
        "image_size": 48,
        "width": 8,
    },
    stated=(
        Stated(29_170_682, 25_175_000_000),
        Stated(28_164_966, 8_530_000_000, frames=32, options={"skeleton": "bi_lstm"}),
        Stated(70_792_782, 42_830_000_000, options={"image_frames": 3}),
    ),
    streams=streams,
)
def mmff(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    skeleton: str = "st_gcn",
    skeleton_options: tuple[str, ...] = (),
    image: ImageNetworkName = "xception",
    image_frames: int = 1,
    share_frames: bool = False,
    image_size: int = SIZE,
    image_width: float = 1.0,
    self_attention: bool = True,
    skeleton_attention: bool = True,
    square: float = 0.25,
    pool: Pool = "max",
    fusion: Literal["late", "decision", "sum"] = "late",
    share: float = 0.5,
    width: int = 256,
    dropout: float = 0.0,
) -> Mmff | MmffDecision:
    """Build MMFF.

    Args:
        layout, num_classes, channels, frames, persons: see `create_model`.
        skeleton: the skeleton stream, a model that gives a map of joints (st_gcn) or a vector.
        skeleton_options: of that model, as NAME=VALUE.
        image: the network of images.
        image_frames: pictures of a clip; the paper tries 1, 3 and 5.
        share_frames: whether one network sees all of them, or each has its own.
        image_size: height and width of the pictures, at least 32.
        image_width: share of the image network's published numbers of channels.
        self_attention: whether the map of a picture is weighted by itself.
        skeleton_attention: whether it is weighted around the joint that moved furthest.
        square: side of the square around that joint, as a share of the picture's.
        pool: how an attended map becomes a vector, where the skeleton is one.
        fusion: of features ("late", as the paper), of probabilities, or a sum of features.
        share: of the RGB stream's probabilities, where these are fused and no validation part
            chooses it.
        width: of the layer before the classifier with vectors; with maps twice as many.
        dropout: share of values dropped before the classifier.

    Raises:
        ModelError: an option out of its range, or a model that cannot be the skeleton stream.
    """
    if min(image_frames, width) < 1 or image_size < 32 or not 0 < square or not 0 <= dropout < 1:
        raise ModelError(
            "mmff: expected image_frames and width of at least 1, image_size of at least 32, a "
            f"square above 0 and dropout in [0, 1), found image_frames={image_frames}, "
            f"width={width}, image_size={image_size}, square={square}, dropout={dropout}"
        )
    if not 0 <= share <= 1:
        raise ModelError(f"mmff: expected a share in [0, 1], found {share}")
    given = read_assignments(skeleton_options)
    stream = create_model(skeleton, layout, num_classes, channels, frames, persons, **given)
    gives_vectors(stream)
    decides = fusion == "decision"
    rgb = [
        create_image_network(image, num_classes if decides else None, width=image_width)
        for _ in range(1 if share_frames else image_frames)
    ]
    sizes = {"image_frames": image_frames, "image_size": image_size}
    if decides:
        return MmffDecision(stream, rgb, share=share, **sizes)
    attention = [
        FrameAttention(network.channels, self_attention, skeleton_attention, square)
        for network in rgb
    ]
    joined, pooled = _join(stream, attention, rgb, fusion == "late", pool, width)
    return Mmff(
        stream, rgb, attention=attention, pooled=pooled, fusion=joined, dropout=dropout, **sizes
    )


def _join(
    stream: SkeletonModel,
    attention: list[FrameAttention],
    rgb: list[ImageNetwork],
    late: bool,
    pool: Pool,
    width: int,
) -> tuple[Fusion, list[PooledMaps]]:
    """The fusion of features, and for that of vectors what makes them of each picture."""
    leaving: int = stream.width  # type: ignore[assignment]
    entering, masks = rgb[0].channels, attention[0].count
    if late and not gives_vectors(stream):
        return MapFusion(leaving, entering, 2 * width), []
    kind = VectorFusion if late else SumFusion
    pooled = [PooledMaps(entering, masks, width, pool) for _ in rgb]
    return kind(leaving, masks * width, width), pooled
