"""CSTA-CNN: coupled spatial-temporal attention in front of a two-stream convolutional network.

Paper: Wang, "Learning Coupled Spatial-Temporal Attention for Skeleton-Based Action Recognition",
arXiv 1909.10214, 2019, on the network of Li et al., "Skeleton-based action recognition with
convolutional neural networks", 2017. The joints of all frames are an image; position and motion
each have an attention, a linear map to 30 made-up joints (the skeleton transformer) and three
convolutions; what comes out is flattened, side by side, and classified by three linear layers.

Reconstructed: all sizes (30 joints, 3x3 convolutions of 32, 64 and 128 filters, each with a ReLU
and 2x2 pooling, hidden layers of 256 and 128), dropout of 0.5 after each hidden layer, the
element-wise maximum over persons (of the streams' outputs, before the linear layers), the
activation of the attention and where its biases start (see `gesta.nn.CoupledAttention`), that the
skeleton transformer has no bias, how weights start (`gesta.nn.start`), and how ``co_occurrence``
does what the paper only looks forward to: joints and filters change places after the first
convolution, before its pooling.

Differs: frames that are masked are zero before each convolution and never win a maximum, and an
absent person takes part in nothing.

Size at 60 classes, 25 joints, 3 channels, 30 frames and 2 persons: 0.82 M parameters, 35 M
multiply-adds (with co-occurrence 1.01 M and 37 M).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.models.model import SkeletonModel
from gesta.models.registry import Paper, Stated, register_model
from gesta.nn.coupled_attention import Activation, CoupledAttention
from gesta.nn.dropout import Dropout
from gesta.nn.persons import merge_persons, motion, person_rows
from gesta.nn.start import start_for_relu
from gesta.skeleton import Layout

FRAMES = 30

_PAPER = Paper(
    "Learning Coupled Spatial-Temporal Attention for Skeleton-Based Action Recognition",
    "Jiayun Wang",
    "arXiv 1909.10214",
    2019,
    """@article{wang2019learning,
  title = {Learning Coupled Spatial-Temporal Attention for Skeleton-Based Action Recognition},
  author = {Wang, Jiayun},
  journal = {arXiv preprint arXiv:1909.10214},
  year = {2019}
}""",
)


class Stream(nn.Module):
    """Attention, skeleton transformer and three convolutions for one modality.

    Args:
        attention: weights the input.
        joints: V that leave the skeleton transformer.
        channels: C.
        width: filters of the first convolution; the others have twice and four times as many.
        co_occurrence: whether joints become channels after the first convolution.
    """

    def __init__(
        self,
        attention: CoupledAttention,
        joints: int,
        channels: int,
        width: int,
        *,
        co_occurrence: bool,
    ) -> None:
        super().__init__()
        self.attention, self.co_occurrence = attention, co_occurrence
        self.transformer = nn.Linear(attention.joints, joints, bias=False)
        second = joints if co_occurrence else width
        self.convolutions = nn.ModuleList(
            nn.Conv2d(enter, leave, 3, padding=1)
            for enter, leave in ((channels, width), (second, 2 * width), (2 * width, 4 * width))
        )
        start_for_relu(self.convolutions)
        self.pool = nn.MaxPool2d(2)
        across = width if co_occurrence else joints
        self.width = 4 * width * (attention.frames // 8) * (across // 8)

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """(R, T, V, C), zero where `keep` (R, T) says so, to (R, D), at least 0."""
        x = self.transformer(self.attention(x).permute(0, 3, 1, 2))
        for i, convolution in enumerate(self.convolutions):
            x = convolution(x.contiguous(memory_format=torch.channels_last))
            if keep is not None:
                # The ReLU after the pooling makes zero the least: what is masked wins no maximum,
                # and reaches no frame beside it in the next convolution.
                x = x * keep[:, None, :, None].to(x.dtype)
                keep = _any_of_two(keep)
            if i == 0 and self.co_occurrence:
                x = x.transpose(1, 3)
            # The ReLU of a maximum is the maximum of the ReLU, and a quarter of the work.
            x = self.pool(x).relu()
        return x.flatten(1)


def _any_of_two(keep: Tensor) -> Tensor:
    """The mask (R, T) after pooling pairs of frames, (R, T // 2)."""
    even = keep.shape[1] // 2 * 2
    return keep[:, :even:2] | keep[:, 1:even:2]


class CstaCnn(SkeletonModel):
    """The network; see the head of this file and `csta_cnn` for the options.

    Args:
        layout, num_classes, channels, frames, persons: as in `SkeletonModel`.
        position, motion: the two streams.
        hidden: widths of the linear layers before the last.
        dropout: share of values dropped after each of them.
    """

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int,
        persons: int | None,
        *,
        position: Stream,
        motion: Stream,
        hidden: tuple[int, ...],
        dropout: float,
    ) -> None:
        super().__init__(layout, num_classes, channels, frames, persons)
        self.position, self.motion = position, motion
        widths = (position.width + motion.width, *hidden)
        self.hidden = nn.ModuleList(
            nn.Linear(enter, leave) for enter, leave in zip(widths[:-1], widths[1:], strict=True)
        )
        start_for_relu(self.hidden)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, poses: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (N, Y) of poses (N, M, T, V, C); mask (N, M, T) is True where a person is.

        Raises:
            ShapeError: an input of another shape or type than the model was made for.
        """
        self.check_inputs(poses, mask)
        looked_at = self.position.attention.looked_at or self.motion.attention.looked_at
        flat = None if mask is None else mask.flatten(0, 1)
        rows = person_rows(poses.flatten(0, 1), flat, every=looked_at)
        position = self.position(rows.poses, rows.keep)
        moving = self.motion(motion(rows.poses, rows.keep), rows.keep)
        persons = rows.scatter(torch.cat([position, moving], -1)).unflatten(0, poses.shape[:2])
        x = merge_persons(persons, None if mask is None else mask.any(-1), "max")
        for layer in self.hidden:
            x = self.dropout(layer(x).relu())
        return self.head(x)


@register_model(
    "csta_cnn",
    inputs=("poses", "mask"),
    paper=_PAPER,
    small={"width": 8, "joints": 16, "hidden": (16, 16), "dropout": 0.0},
    stated=(Stated(819_152, 35_070_000, frames=FRAMES),),
)
def csta_cnn(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    spatial: bool = True,
    temporal: bool = True,
    activation: Activation = "tanh",
    joints: int = 30,
    co_occurrence: bool = False,
    width: int = 32,
    hidden: tuple[int, ...] = (256, 128),
    dropout: float = 0.5,
) -> CstaCnn:
    """Build CSTA-CNN.

    Args:
        layout, num_classes, channels, persons: see `create_model`.
        frames: T, at least 8, which the attention has weights for; None: 30.
        spatial: whether joints are weighted.
        temporal: whether frames are weighted.
        activation: of the attention's weights.
        joints: that the skeleton transformer makes of the layout's, at least 8.
        co_occurrence: whether joints become channels after the first convolution.
        width: filters of the first convolution, at least 8 with `co_occurrence`.
        hidden: widths of the linear layers before the last.
        dropout: share of values dropped after each of these.

    Raises:
        ModelError: an option out of its range.
    """
    frames = FRAMES if frames is None else frames
    pooled = min(frames, width if co_occurrence else joints)
    if pooled < 8 or min(width, joints, *hidden) < 1 or not 0 <= dropout < 1:
        raise ModelError(
            "csta_cnn: expected at least 8 frames and joints (with co_occurrence: 8 frames and "
            "width), positive sizes and dropout in [0, 1), found "
            f"frames={frames}, joints={joints}, width={width}, hidden={hidden}, dropout={dropout}"
        )

    def stream() -> Stream:
        attention = CoupledAttention(
            frames, len(layout), channels, activation, spatial=spatial, temporal=temporal
        )
        return Stream(attention, joints, channels, width, co_occurrence=co_occurrence)

    return CstaCnn(
        layout,
        num_classes,
        channels,
        frames,
        persons,
        position=stream(),
        motion=stream(),
        hidden=hidden,
        dropout=dropout,
    )
