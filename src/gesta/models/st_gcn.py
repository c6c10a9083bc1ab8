"""ST-GCN: spatial temporal graph convolutional networks.

Paper: Yan, Xiong, Lin, "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action
Recognition", AAAI 2018. Ten blocks as in the published code; nine (``blocks=9``) as in Table 1 of
the cross-attention paper, whose baseline it is.

Differs from the published code, all of it by default only:

- ``partition="spatial"`` takes true distances to the centre, as the paper's text says; published
  weights need ``"spatial_official"``.
- absent persons and padded frames take no part in norms, means or their neighbours' frames;
  ``average_absent=True`` averages them in as the published code does. Its accuracies with its
  weights need both.

Reconstructed: the share of dropout, which the paper does not give (0.5, from the published
settings), and that the nine blocks keep the ten blocks' first block without residual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from gesta.errors import ModelError
from gesta.models.model import SkeletonModel, StateDict
from gesta.models.registry import Paper, Stated, register_model
from gesta.nn import Dropout, Frames, GraphConvolution, MaskedBatchNorm, any_in_stride, exporting
from gesta.nn.coupled_attention import Activation, CoupledAttention
from gesta.nn.fold import fold_into_convolution
from gesta.skeleton import Layout
from gesta.skeleton import partition as split_graph
from gesta.skeleton.graph import Normalisation, Partition

# (width as a multiple of the first, temporal stride) of each block.
_TEN = [(1, 1)] * 4 + [(2, 2), (2, 1), (2, 1)] + [(4, 2), (4, 1), (4, 1)]
NINE = [(1, 1)] * 3 + [(2, 2), (2, 1), (2, 1)] + [(4, 2), (4, 1), (4, 1)]

_PAPER = Paper(
    "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition",
    "Sijie Yan, Yuanjun Xiong, Dahua Lin",
    "AAAI",
    2018,
    """@inproceedings{yan2018spatial,
  title = {Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition},
  author = {Yan, Sijie and Xiong, Yuanjun and Lin, Dahua},
  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},
  year = {2018}
}""",
)


# Called with a block's number, its result (R, C, T', V) and which of the N*M persons each row is
# (None: all, in order); gives what the next block sees, zero where the result is zero.
AfterBlock = Callable[[int, Tensor, Tensor | None], Tensor]


class Block(nn.Module):
    """Graph convolution over joints, then convolution over time, with a residual.

    Args:
        graph: the graph convolution, which says the channels.
        kernel: odd number of frames that the temporal convolution sees.
        stride: temporal stride.
        residual: whether the input is added to the result, by a convolution where sizes differ.
        dropout: share of values dropped after the temporal norm.
    """

    def __init__(
        self, graph: GraphConvolution, kernel: int, stride: int, residual: bool, dropout: float
    ) -> None:
        super().__init__()
        channels, width = graph.channels, graph.out_channels
        self.stride, self.residual = stride, residual
        self.graph = graph
        self.graph_norm = MaskedBatchNorm(width)
        self.temporal = nn.Conv2d(width, width, (kernel, 1), (stride, 1), (kernel // 2, 0))
        self.temporal_norm = MaskedBatchNorm(width)
        self.dropout = Dropout(dropout)
        self.shortcut: nn.Conv2d | None = None
        self.skip = 1
        self.shortcut_norm: MaskedBatchNorm | None = None
        if residual and (stride != 1 or channels != width):
            # oneDNN's strided 1x1 convolution of fewer than 16 channels overruns its memory in
            # the backward pass in bfloat16 (torch 2.13): frames are then skipped before it.
            self.skip = stride if channels < 16 else 1
            self.shortcut = nn.Conv2d(channels, width, 1, (stride // self.skip, 1))
            self.shortcut_norm = MaskedBatchNorm(width)

    def forward(self, x: Tensor, before: Frames | None, after: Frames | None) -> Tensor:
        """Convolve.

        Args:
            x: (R, C, T, V) in ``channels_last`` memory, zero in frames that are not valid.
            before: valid frames of x; None: all.
            after: valid frames of the result; None: all.

        Returns:
            (R, C_out, ceil(T / stride), V), zero in frames that are not valid.
        """
        # Frames that are not valid are zero here as well, like the border of the convolution.
        y = self.graph_norm(self.graph(x), before)
        y = self.temporal(y.relu())
        y = self.dropout(self.temporal_norm(y, after))
        if self.shortcut is not None and self.shortcut_norm is not None:
            y = y + self.shortcut_norm(self._shorten(self.shortcut, x), after)
        elif self.residual:
            y = y + x
        return y.relu()

    def _shorten(self, shortcut: nn.Conv2d, x: Tensor) -> Tensor:
        if self.skip == 1:
            return shortcut(x)
        if exporting():  # a step in a slice of unknown length is not exported rightly
            return functional.conv2d(x, shortcut.weight, shortcut.bias, (self.skip, 1))
        return shortcut(x[:, :, :: self.skip])

    def fold_batch_norm(self) -> None:
        """Fold the norms into the convolutions before them."""
        if not self.graph_norm.folded:
            scale, shift = self.graph_norm.scale_and_shift()
            self.graph.absorb(scale, shift)
            self.graph_norm.fold_away(shift)
        fold_into_convolution(self.temporal, self.temporal_norm)
        if self.shortcut is not None and self.shortcut_norm is not None:
            fold_into_convolution(self.shortcut, self.shortcut_norm)


class _Rows(NamedTuple):
    """What enters the trunk: one row for each person of each clip.

    Args:
        poses: (R, T, V, C), zero in frames that are not valid.
        persons: (R,) which of the N*M persons a row is; None: all of them, in order.
        frames: valid frames before each block and after the last; None in them: all.
    """

    poses: Tensor
    persons: Tensor | None
    frames: list[Frames | None]


class StGcn(SkeletonModel):
    """The network; see the head of this file and `st_gcn` for the options.

    The trunk runs only on persons that are there, and the logits of a clip with nobody in it are
    those of a zero feature.
    """

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int | None,
        persons: int | None,
        *,
        blocks: list[Block],
        average_absent: bool,
        attention: CoupledAttention | None = None,
    ) -> None:
        super().__init__(layout, num_classes, channels, frames, persons)
        self.average_absent, self.attention = average_absent, attention
        self.input_norm = MaskedBatchNorm(channels * len(layout))
        self.blocks = nn.ModuleList(blocks)
        self.strides = tuple(block.stride for block in blocks)
        self.width = blocks[-1].graph.out_channels
        self.head: nn.Module = nn.Linear(self.width, num_classes)

    def forward(self, poses: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (N, Y) of poses (N, M, T, V, C); mask (N, M, T) is True where a person is.

        Raises:
            ShapeError: an input of another shape or type than the model was made for.
        """
        looked_at = self.attention is not None and self.attention.looked_at
        return self.head(self.pooled_features(poses, mask, every=looked_at))

    def pooled_features(
        self, poses: Tensor, mask: Tensor | None, after: AfterBlock | None = None, *, every: bool
    ) -> Tensor:
        """The mean (N, C) of the last feature maps over joints, valid frames and present persons.

        `after` is what is done after each block; `every` keeps rows of absent persons, for who
        wants to know a row by its number.
        """
        self.check_inputs(poses, mask)
        clips, persons = poses.shape[0], poses.shape[1]
        rows = self._rows(poses, mask, every=every)
        features = _mean_over_frames(self._trunk(rows, after), rows.frames[-1])
        features = self._scatter(features, rows.persons, clips * persons)
        features = features.view(clips, persons, self.width)
        if mask is None or self.average_absent:
            return features.mean(1)
        present = mask.any(-1).sum(1, keepdim=True).clamp(min=1)
        return features.sum(1) / present.to(features.dtype)

    def forward_features(self, poses: Tensor, mask: Tensor | None = None) -> Tensor:
        """The last feature maps (N*M, C, T', V), zero for absent persons and padded frames.

        T' is ceil(T / 4); `feature_mask` says which of its frames are valid.
        """
        self.check_inputs(poses, mask)
        rows = self._rows(poses, mask)
        return self._scatter(self._trunk(rows), rows.persons, poses.shape[0] * poses.shape[1])

    def feature_mask(self, mask: Tensor) -> Tensor:
        """The mask (N, M, T) at the temporal resolution of the features, (N, M, T')."""
        for stride in self.strides:
            mask = any_in_stride(mask, stride)
        return mask

    def edge_importance(self) -> list[Tensor]:
        """The learnt factor of each edge, (K, V, V) for each block; ones where none is learnt."""
        graphs = [block.graph for block in cast(Iterable[Block], self.blocks)]
        return [
            torch.ones_like(graph.adjacency) if graph.importance is None else graph.importance
            for graph in graphs
        ]

    def _trunk(self, rows: _Rows, after: AfterBlock | None = None) -> Tensor:
        """(R, T, V, C) to (R, C_out, T', V)."""
        count, length, joints, channels = rows.poses.shape
        x = rows.poses if self.attention is None else self.attention(rows.poses)
        x = x.reshape(count, length, 1, joints * channels).permute(0, 3, 1, 2)
        x = self.input_norm(x, rows.frames[0])
        x = x.permute(0, 2, 3, 1).reshape(count, length, joints, channels).permute(0, 3, 1, 2)
        for i, block in enumerate(self.blocks):
            x = block(x, rows.frames[i], rows.frames[i + 1])
            x = x if after is None else after(i, x, rows.persons)
        return x

    def _rows(self, poses: Tensor, mask: Tensor | None, *, every: bool = False) -> _Rows:
        everything: list[Frames | None] = [None] * (len(self.blocks) + 1)
        if mask is None or self.average_absent:
            return _Rows(poses.flatten(0, 1), None, everything)
        if every or exporting():
            return self._masked_rows(poses.flatten(0, 1), mask.flatten(0, 1), None)
        return self._present_rows(poses, mask)

    # What follows depends on values of the mask, so that a compiled graph breaks here anyway.
    @torch.compiler.disable
    def _present_rows(self, poses: Tensor, mask: Tensor) -> _Rows:
        keep, rows = mask.flatten(0, 1), poses.flatten(0, 1)
        index = keep.any(-1).nonzero()[:, 0]
        if len(index) < len(keep):
            keep, rows = keep[index], rows[index]
        if bool(keep.all()):
            return _Rows(rows, index, [None] * (len(self.blocks) + 1))
        return self._masked_rows(rows, keep, index)

    def _masked_rows(self, rows: Tensor, keep: Tensor, index: Tensor | None) -> _Rows:
        rows = rows.masked_fill(~keep[..., None, None], 0)
        frames = [Frames.of(keep, indexed=self.training and not exporting())]
        for stride in self.strides:
            frames.append(frames[-1].strided(stride))
        return _Rows(rows, index, list(frames))

    def _scatter(self, x: Tensor, index: Tensor | None, count: int) -> Tensor:
        """Rows back to all `count` persons; absent ones are zero."""
        if index is None or len(index) == count:
            return x
        return x.new_zeros(count, *x.shape[1:]).index_copy(0, index, x)


def _mean_over_frames(x: Tensor, frames: Frames | None) -> Tensor:
    """The mean (R, C) of (R, C, T, V) over joints and valid frames; zero where none is valid."""
    if frames is None:
        return x.mean((2, 3))
    count = frames.keep.sum(1, keepdim=True).clamp(min=1) * x.shape[-1]
    return x.sum((2, 3)) / count.to(x.dtype)


def from_published(state: StateDict) -> StateDict | None:
    """The published code's state dict in gesta's names, None where it is not one.

    Its adjacency ``A`` and its norms' step counters are not learnt, and are left out.
    """
    if "fcn.weight" not in state or "data_bn.weight" not in state:
        return None
    converted = {}
    for name, value in state.items():
        if name == "A" or name.endswith("num_batches_tracked"):
            continue
        name = _published_name(name)
        if name.endswith("graph.weight") or name.endswith("graph.bias"):
            subsets = state["edge_importance.0"].shape[0] if "edge_importance.0" in state else 0
            subsets = subsets or (state["A"].shape[0] if "A" in state else 1)
            value = value.reshape(subsets, -1, *value.shape[1:2])
            value = value.permute(1, 0, 2) if value.ndim == 3 else value
        elif name == "head.weight":
            value = value.flatten(1)
        converted[name] = value
    return converted


_PUBLISHED = (
    ("data_bn.", "input_norm."),
    ("fcn.", "head."),
    ("st_gcn_networks.", "blocks."),
    (".gcn.conv.", ".graph."),
    (".tcn.0.", ".graph_norm."),
    (".tcn.2.", ".temporal."),
    (".tcn.3.", ".temporal_norm."),
    (".residual.0.", ".shortcut."),
    (".residual.1.", ".shortcut_norm."),
)


def _published_name(name: str) -> str:
    if name.startswith("edge_importance."):
        return f"blocks.{name.rsplit('.', 1)[1]}.graph.importance"
    for theirs, ours in _PUBLISHED:
        name = name.replace(theirs, ours)
    return name


@register_model(
    "st_gcn",
    inputs=("poses", "mask"),
    paper=_PAPER,
    small={"width": 8, "temporal_kernel": 3, "dropout": 0.0},
    stated=(
        Stated(3_098_832, 16_228_000_000),
        Stated(
            3_126_504,
            595_000_000,
            layout="openpose_18",
            num_classes=400,
            frames=16,
            options={"blocks": 9},
        ),
    ),
    convert=from_published,
)
def st_gcn(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    blocks: Literal[9, 10] = 10,
    width: int = 64,
    partition: Partition = "spatial",
    normalisation: Normalisation = "column",
    edge_importance: bool = True,
    temporal_kernel: int = 9,
    dropout: float = 0.5,
    average_absent: bool = False,
    coupled_attention: Literal["none"] | Activation = "none",
) -> StGcn:
    """Build ST-GCN.

    Args:
        layout, num_classes, channels, frames, persons: see `create_model`.
        blocks: 10 as published, 9 as in the cross-attention paper.
        width: channels of the first blocks; later ones have twice and four times as many.
        partition: how the neighbours of a joint are split into subsets.
        normalisation: of the adjacency, by ``column`` (published code) or ``symmetric`` (paper).
        edge_importance: whether each block learns a factor for each edge.
        temporal_kernel: odd number of frames of the temporal convolutions.
        dropout: share of values dropped in each block but the first.
        average_absent: average absent persons and padded frames in, as the published code does;
            the mask then has no say.
        coupled_attention: activation of a `CoupledAttention` in front, which has weights for each
            frame, so that frames that are not given become 300; or "none" for none.

    Raises:
        ModelError: a width below 1, an even kernel, or a dropout outside [0, 1).
    """
    if width < 1 or temporal_kernel < 1 or temporal_kernel % 2 == 0 or not 0 <= dropout < 1:
        raise ModelError(
            "st_gcn: expected width of at least 1, an odd temporal_kernel and dropout in [0, 1), "
            f"found width={width}, temporal_kernel={temporal_kernel}, dropout={dropout}"
        )
    subsets = split_graph(layout, partition, normalisation)
    made, entering = [], channels
    for i, (multiple, stride) in enumerate(_TEN if blocks == 10 else NINE):
        graph = GraphConvolution(entering, width * multiple, subsets, importance=edge_importance)
        made.append(Block(graph, temporal_kernel, stride, i > 0, dropout if i > 0 else 0.0))
        entering = width * multiple
    attention = None
    if coupled_attention != "none":
        frames = 300 if frames is None else frames
        attention = CoupledAttention(frames, len(layout), channels, coupled_attention)
    return StGcn(
        layout,
        num_classes,
        channels,
        frames,
        persons,
        blocks=made,
        average_absent=average_absent,
        attention=attention,
    )
