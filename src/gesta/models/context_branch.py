"""The context of a scene from RGB video: a short residual network of 3D convolutions.

Paper: as `gesta.models.cross_attention`, Table 2 and section IV-B. Layer by layer, at 16 frames of
112x112: 7x7x7 convolution (16x56x56), pooling (8x28x28), three bottlenecks 64-64-256 (8x28x28),
four 128-128-512 (4x14x14). 2.90 M parameters, 8.08 G multiply-adds. For attention to earlier blocks
of the skeleton network, which have more frames, time is strided less (section V-C.3): 9.93 G for 8
frames, 16.56 G for 16.

Reconstructed, after the residual networks that the paper builds on: convolutions have no bias and
are each followed by a batch norm and, but for the last of a bottleneck, a ReLU; strides are in the
3x3x3 convolution; shortcuts are 1x1x1 convolutions where sizes differ.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gesta.nn import Frames, MaskedBatchNorm
from gesta.nn.fold import fold_into_convolution

_BOTTLENECKS = (3, 4)  # in layer1 and layer2
_EXPANSION = 4


class Convolution(nn.Module):
    """A 3D convolution and its norm; frames that are not valid come out as zero.

    Args:
        channels, width: that enter and leave.
        kernel: odd side of the kernel in time, height and width.
        stride: in time, height and width.
    """

    def __init__(
        self, channels: int, width: int, kernel: int, stride: tuple[int, int, int] = (1, 1, 1)
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(
            channels, width, kernel, stride, padding=kernel // 2, bias=False
        )
        self.norm = MaskedBatchNorm(width)

    def forward(self, x: Tensor, after: Frames | None) -> Tensor:
        """(N, C, T, H, W) to (N, C', T', H', W'), of which `after` are the valid frames."""
        x = self._convolve(x)
        return self.norm(x.flatten(3), after).unflatten(3, x.shape[3:])

    def _convolve(self, x: Tensor) -> Tensor:
        margin = self.convolution.kernel_size[0] // 2
        if x.shape[2] > 2 * margin or self.convolution.stride[0] > 1:
            return self.convolution(x)
        # oneDNN's bfloat16 kernel that is longer than the video overruns its memory in the backward
        # pass (torch 2.13): the border is then written out, and what it adds is cut off.
        longer = functional.pad(x, (0, 0, 0, 0, margin, margin))
        return self.convolution(longer)[:, :, margin:-margin]

    def fold_batch_norm(self) -> None:
        """Fold the norm into the convolution."""
        fold_into_convolution(self.convolution, self.norm)


class Bottleneck(nn.Module):
    """1x1x1, 3x3x3 and 1x1x1 convolutions and a shortcut.

    Args:
        channels: that enter.
        width: of the 3x3x3 convolution; four times as many leave.
        stride: of the 3x3x3 convolution in time, height and width.
    """

    def __init__(self, channels: int, width: int, stride: tuple[int, int, int] = (1, 1, 1)) -> None:
        super().__init__()
        leaving = width * _EXPANSION
        self.reduce = Convolution(channels, width, 1)
        self.spread = Convolution(width, width, 3, stride)
        self.expand = Convolution(width, leaving, 1)
        self.shortcut: Convolution | None = None
        if channels != leaving or stride != (1, 1, 1):
            self.shortcut = Convolution(channels, leaving, 1, stride)

    def forward(self, x: Tensor, before: Frames | None, after: Frames | None) -> Tensor:
        """(N, C, T, H, W), at least 0, to (N, 4 * width, T', H', W'), at least 0."""
        y = self.reduce(x, before).relu()
        y = self.expand(self.spread(y, after).relu(), after)
        return (y + (x if self.shortcut is None else self.shortcut(x, after))).relu()


class ContextBranch(nn.Module):
    """The network; see the head of this file.

    Args:
        width: channels of the first convolution; 64 in the paper.
        stride: how many frames of the video become one: 4, 2 or 1.
    """

    def __init__(self, width: int = 64, stride: int = 4) -> None:
        super().__init__()
        first, second = {4: (2, 2), 2: (2, 1), 1: (1, 1)}[stride]
        self.stride, self.strides = stride, (first, second)
        self.layer0 = Convolution(3, width, 7, (1, 2, 2))
        self.pool = nn.MaxPool3d(3, (first, 2, 2), padding=1)
        self.layer1 = nn.ModuleList(
            Bottleneck(width if i == 0 else width * _EXPANSION, width)
            for i in range(_BOTTLENECKS[0])
        )
        wide = 2 * width
        self.layer2 = nn.ModuleList(
            Bottleneck(width * _EXPANSION, wide, (second, 2, 2))
            if i == 0
            else Bottleneck(wide * _EXPANSION, wide)
            for i in range(_BOTTLENECKS[1])
        )
        self.channels = wide * _EXPANSION
        # So that convolutions keep the format of the video, which they are faster in.
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, video: Tensor, keep: Tensor | None = None) -> Tensor:
        """Look.

        Args:
            video: (N, 3, T, H, W).
            keep: (N, T) bool, the frames that are valid; None: all.

        Returns:
            (N, 8 * width, ceil(T / stride), ceil(H / 8), ceil(W / 8)), at least 0, zero in frames
            that are not valid.
        """
        before = middle = after = None
        if keep is not None:
            video = video.masked_fill(~keep[:, None, :, None, None], 0)
            before = Frames.of(keep, indexed=self.training)
            middle = before.strided(self.strides[0])
            after = middle.strided(self.strides[1])
        x = self.layer0(video.contiguous(memory_format=torch.channels_last_3d), before)
        # At least 0, what is not valid is zero: it wins no maximum.
        x = self.pool(x.relu())
        if middle is not None:
            x = x * middle.keep[:, None, :, None, None].to(x.dtype)
        for bottleneck in self.layer1:
            x = bottleneck(x, middle, middle)
        for i, bottleneck in enumerate(self.layer2):
            x = bottleneck(x, middle if i == 0 else after, after)
        return x


def context_vectors(maps: Tensor, grid: int) -> Tensor:
    """The vectors (N, T, k, C) of maps (N, C, T, H, W): means of a grid of parts of each frame.

    Args:
        maps: what `ContextBranch` gives.
        grid: parts along each side; where a side has no more positions, each is one.
    """
    clips, _, length, height, width = maps.shape
    parts = (min(grid, height), min(grid, width))
    frames = maps.transpose(1, 2).flatten(0, 1)
    if parts != (height, width):
        frames = functional.adaptive_avg_pool2d(frames, parts)
    return frames.flatten(2).mT.unflatten(0, (clips, length))


def mean_in_time(context: Tensor, keep: Tensor | None, stride: int) -> Tensor:
    """The mean of every `stride` frames of a context, of those that are valid.

    Args:
        context: (N, T, k, m).
        keep: (N, T) bool, the valid frames; None: all.
        stride: of a block, whose length is met.

    Returns:
        (N, ceil(T / stride), k, m), zero where no frame is valid.
    """
    if stride == 1:
        return context
    clips, length = context.shape[:2]
    missing = -length % stride
    if keep is None:
        if not missing:
            return context.unflatten(1, (-1, stride)).mean(2)
        keep = torch.ones((clips, length), dtype=torch.bool, device=context.device)
    share = functional.pad(keep.to(context.dtype), (0, missing)).unflatten(1, (-1, stride))
    context = functional.pad(context, (0, 0, 0, 0, 0, missing)).unflatten(1, (-1, stride))
    total = (context * share[..., None, None]).sum(2)
    return total / share.sum(2).clamp(min=1)[..., None, None]


def shown_frames(mask: Tensor) -> Tensor:
    """Which frames (N, T) of a video are no padding, by the persons (N, M, T) in it.

    Those up to the last in which somebody is there, between them also those in which nobody is. In
    a clip with nobody all frames count: a scene is there to see.
    """
    anybody = mask.any(1)
    later = anybody.flip(1).long().cumsum(1).flip(1) > 0
    return later | ~anybody.any(1, keepdim=True)
