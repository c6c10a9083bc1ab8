"""Cross-attention ST-GCN: joints are weighted by what they have to do with the scene around them.

Paper: Fan, Weng, Zhang, Shi, Zhang, "Context-Aware Cross-Attention for Skeleton-Based Human Action
Recognition", IEEE Access 2020. The skeleton goes through ST-GCN of nine blocks (Table 1), the RGB
video of the same 16 frames through a short 3D network (Table 2, `gesta.models.context_branch`), and
after one or several blocks each joint is weighted by itself and by its relevance to the scene
(`gesta.nn.CrossAttention`, equations 1-4). All of it is learnt together. The ``variant`` may also
be one of both networks alone, or their features side by side (Tables 6, 7 and 9).

Reconstructed: the context of a frame is every position of the video's last maps, 14 x 14 = 196
vectors of 512 numbers (``context_grid=1`` is their mean); for several places it is computed for the
earliest one, the longest, and averaged in time for the others.

Differs: persons who are absent and frames that are padding take part in nothing, nor do the video's
frames after the last in which somebody is seen. Where a clip has no usable video (``rgb_mask``),
joints are weighted by themselves alone. ``context="features"`` takes vectors that something else
has made of the scene (a frozen image network, captions) in place of the video.

Sizes at 18 joints, 2 persons, 16 frames of 112x112 and 400 classes: 6.39 M parameters and 8.86 G
multiply-adds, of which the video's branch has 2.90 M and 8.08 G. The paper states 8.4 M, which does
not follow from its tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from gesta.axes import check_shape
from gesta.errors import ModelError, ShapeError
from gesta.models.context_branch import (
    ContextBranch,
    context_vectors,
    mean_in_time,
    shown_frames,
)
from gesta.models.model import SkeletonModel
from gesta.models.registry import Paper, Stated, register_model
from gesta.models.st_gcn import NINE, StGcn, st_gcn
from gesta.nn import any_in_stride
from gesta.nn.cross_attention import Combine, CrossAttention, Form, Trunk, given_context
from gesta.nn.persons import unless_full
from gesta.nn.relevance import Pool
from gesta.nn.self_attention import mean_over_frames
from gesta.skeleton import Layout
from gesta.skeleton.graph import Partition

FRAMES = 16
Variant = Literal["cross_attention", "concat", "skeleton_only", "rgb_only"]

_PAPER = Paper(
    "Context-Aware Cross-Attention for Skeleton-Based Human Action Recognition",
    "Yanbo Fan, Shuchen Weng, Yong Zhang, Boxin Shi, Yi Zhang",
    "IEEE Access",
    2020,
    """@article{fan2020context,
  title = {Context-Aware Cross-Attention for Skeleton-Based Human Action Recognition},
  author = {Fan, Yanbo and Weng, Shuchen and Zhang, Yong and Shi, Boxin and Zhang, Yi},
  journal = {IEEE Access},
  year = {2020}
}""",
)


class Scene(NamedTuple):
    """The context of each clip's frames.

    Args:
        vectors: (N, T', k, m).
        keep: (N, T') bool, the frames that are valid; None: all.
        stride: how many frames of the input became one.
        there: (N,) bool, which clips have a context; None: all.
    """

    vectors: Tensor
    keep: Tensor | None
    stride: int
    there: Tensor | None

    def at(self, stride: int) -> Tensor:
        """The vectors at the length of a block that has strided time so much."""
        return mean_in_time(self.vectors, self.keep, stride // self.stride)

    def pooled(self) -> Tensor:
        """One vector (N, m) for each clip."""
        return mean_over_frames(self.vectors.mean(2), self.keep)


class CrossAttentionStGcn(SkeletonModel):
    """The network; see the head of this file and `cross_attention` for the options.

    Args:
        layout, num_classes, channels, frames, persons: as in `SkeletonModel`.
        skeleton: its own classifier is not used; None: the scene alone is looked at.
        branch: makes the context of the video; None: it is given, or not needed.
        attentions: by the number of the block they follow.
        context_channels: m, 0 where no context is needed.
        pooled: whether the scene's mean is classified, beside the skeleton's where there is one.
        grid: parts along each side of the video's maps.
        video_size: height and width of the video.
    """

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int,
        persons: int | None,
        *,
        skeleton: StGcn | None,
        branch: ContextBranch | None,
        attentions: Mapping[int, CrossAttention],
        context_channels: int,
        pooled: bool,
        grid: int,
        video_size: int,
    ) -> None:
        super().__init__(layout, num_classes, channels, frames, persons)
        self.context_channels, self.pooled = context_channels, pooled
        self.grid, self.video_size = grid, video_size
        self.branch, self.skeleton = branch, skeleton
        self.attentions = nn.ModuleDict({_place(i): part for i, part in attentions.items()})
        width = context_channels if pooled else 0
        if skeleton is not None:
            skeleton.head = nn.Identity()
            width += skeleton.width
        self.head = nn.Linear(width, num_classes)
        self.inputs = ("poses", "mask")
        if context_channels:
            self.inputs += ("context" if branch is None else "video", "rgb_mask")

    def forward(
        self,
        poses: Tensor,
        mask: Tensor | None = None,
        *,
        video: Tensor | None = None,
        context: Tensor | None = None,
        rgb_mask: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, Y).

        Args:
            poses: (N, M, T, V, C).
            mask: (N, M, T) bool, True where a person is; None: everywhere.
            video: (N, 3, T, H, W), a picture for each frame.
            context: (N, T, k, m), k vectors for each frame, or (N, 1, k, m) for all of them.
            rgb_mask: (N,) bool, False where a clip has no usable video or context; None: all have.

        Raises:
            ShapeError: an input that is missing, or of another shape or type than the model was
                made for.
        """
        self.check_inputs(poses, mask)
        scene = self._scene(poses, mask, video, context, rgb_mask)
        features = []
        if self.skeleton is not None:
            features.append(self._skeleton_features(self.skeleton, poses, mask, scene))
        if scene is not None and self.pooled:
            features.append(scene.pooled())
        return self.head(torch.cat(features, 1))

    def example_inputs(self, clips: int, frames: int, persons: int) -> dict[str, Tensor]:
        """The video or the context, zero, where the model takes one."""
        if self.branch is not None:
            side = self.video_size
            return {"video": torch.zeros(clips, 3, frames, side, side)}
        if self.context_channels:
            return {"context": torch.zeros(clips, frames, 1, self.context_channels)}
        return {}

    def _skeleton_features(
        self, skeleton: StGcn, poses: Tensor, mask: Tensor | None, scene: Scene | None
    ) -> Tensor:
        persons = poses.shape[1]

        def attend(block: int, x: Tensor, rows: Tensor | None) -> Tensor:
            if _place(block) not in self.attentions:
                return x
            rows = torch.arange(x.shape[0], device=x.device) if rows is None else rows
            attention = self.attentions[_place(block)]
            if scene is None:
                return attention(x)
            vectors = scene.at(stride_after(block))
            return attention(x, vectors, rows // persons, scene.there)

        looked_at = any([part.looked_at for part in self.attentions.values()])
        return skeleton.pooled_features(poses, mask, attend, every=looked_at)

    def _scene(
        self,
        poses: Tensor,
        mask: Tensor | None,
        video: Tensor | None,
        context: Tensor | None,
        there: Tensor | None,
    ) -> Scene | None:
        if not self.context_channels:
            return None
        clips, _, frames = poses.shape[:3]
        keep = None if mask is None else shown_frames(mask)
        if there is not None:
            keep = there[:, None] if keep is None else keep & there[:, None]
        keep = None if keep is None else unless_full(keep.expand(clips, frames))
        if self.branch is None:
            vectors = given_context(context, poses, None, self.context_channels)
            if keep is not None:
                vectors = vectors.masked_fill(~keep[:, :, None, None], 0)
            return Scene(vectors, keep, 1, there)
        maps = self.branch(self._checked_video(video, clips, frames), keep)
        stride = self.branch.stride
        keep = None if keep is None else any_in_stride(keep, stride)
        return Scene(context_vectors(maps, self.grid), keep, stride, there)

    def _checked_video(self, video: Tensor | None, clips: int, frames: int) -> Tensor:
        if video is None:
            raise ShapeError("video: expected shape (N, 3, T, H, W), found none")
        if not torch.compiler.is_compiling():
            side = self.video_size
            check_shape("video", video, "N C T H W", N=clips, C=3, T=frames, H=side, W=side)
        return video


def _place(block: int) -> str:
    return f"gcn{block}"


def stride_after(block: int) -> int:
    """How many frames of the input are one after a block of the nine."""
    return math.prod(stride for _, stride in NINE[: block + 1])


@register_model(
    "cross_attention",
    inputs=("poses", "mask", "video", "rgb_mask"),
    paper=_PAPER,
    small={
        "width": 8,
        "temporal_kernel": 3,
        "dropout": 0.0,
        "context_width": 4,
        "context_channels": 16,
        "video_size": 16,
    },
    stated=(
        Stated(
            6_390_185,
            8_855_500_000,
            layout="openpose_18",
            num_classes=400,
            frames=FRAMES,
        ),
    ),
)
def cross_attention(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    variant: Variant = "cross_attention",
    places: tuple[int, ...] = (6,),
    form: Form = "mlp2",
    pool: Pool = "mean",
    dot_scale: bool = False,
    combine: Combine = "average",
    trunk: Trunk = "identity",
    residual: bool = True,
    context: Literal["video", "features"] = "video",
    context_channels: int = 512,
    context_grid: int = 14,
    context_width: int = 64,
    video_size: int = 112,
    width: int = 64,
    partition: Partition = "spatial",
    temporal_kernel: int = 9,
    dropout: float = 0.5,
) -> CrossAttentionStGcn:
    """Build cross-attention ST-GCN.

    Args:
        layout, num_classes, channels, persons: see `create_model`.
        frames: T; None: 16.
        variant: both networks joined by attention, both features side by side, or one alone.
        places: numbers of the blocks, from 0 to 8, that attention follows.
        form: how relevant a context vector is to a joint; see `CrossAttention`.
        pool: over the context vectors of a frame.
        dot_scale: divide the dot product by the square root of its length.
        combine: g; with "self_only" there is no context, and no video is needed.
        trunk, residual: h, and whether what enters the attention is added to what leaves.
        context: made of a video, or given as features of the frames.
        context_channels: m of given features; of a video it follows from `context_width`.
        context_grid: parts along each side of the video's maps, the mean of each a vector.
        context_width: channels of the video's first convolution.
        video_size: height and width of the video, at least 16.
        width, partition, temporal_kernel, dropout: of the skeleton network; see `st_gcn`.

    Raises:
        ModelError: an option out of its range.
    """
    _check(places, context_channels, context_grid, context_width, video_size)
    sizes = layout, num_classes, channels, FRAMES if frames is None else frames, persons
    skeleton = branch = None
    if variant != "rgb_only":
        nine = partial(st_gcn, blocks=9, width=width, partition=partition, dropout=dropout)
        skeleton = nine(*sizes, temporal_kernel=temporal_kernel)
    attends = variant == "cross_attention"
    places = tuple(sorted(set(places))) if attends else ()
    if variant == "skeleton_only" or (attends and combine == "self_only"):
        context_channels = 0
    elif context == "video":
        branch = ContextBranch(context_width, min([4, *map(stride_after, places)]))
        context_channels = branch.channels
    attention = partial(
        CrossAttention,
        context_channels=context_channels,
        form=form,
        pool=pool,
        combine=combine,
        trunk=trunk,
        residual=residual,
        dot_scale=dot_scale,
    )
    return CrossAttentionStGcn(
        *sizes,
        skeleton=skeleton,
        branch=branch,
        attentions={place: attention(width * NINE[place][0]) for place in places},
        context_channels=context_channels,
        pooled=not attends,
        grid=context_grid,
        video_size=video_size,
    )


def _check(places: tuple[int, ...], channels: int, grid: int, width: int, video_size: int) -> None:
    """Raise a ModelError for options out of their range."""
    known = bool(places) and all(place in range(len(NINE)) for place in places)
    if not known or min(channels, grid) < 1 or width < 4 or video_size < 16:
        raise ModelError(
            "cross_attention: expected places from 0 to 8, context_channels and context_grid of at "
            "least 1, context_width of at least 4 and video_size of at least 16, found "
            f"places={places}, context_channels={channels}, context_grid={grid}, "
            f"context_width={width}, video_size={video_size}"
        )
