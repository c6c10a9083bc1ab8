"""Xception, a network of images, and ``xception_frame``, which judges a clip by single frames.

Paper: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017; the RGB
stream of MMFF (`gesta.models.mmff`) and its baseline of Table 5. Twelve blocks of separable
convolutions between two plain ones and two separable ones, to 2048 channels at a stride of 32
(10x10 for 299x299). Names are those of the weights that are in use for PyTorch (``conv1``,
``block1.rep.0.conv1``, ... and ``fc``, in some files ``last_linear``), which want images normalised
by 0.5 and 0.5.

Size at 299x299: 22.86 M parameters with the classifier of 1000 classes, 20.81 M without, and 8.36 G
multiply-adds (the MMFF paper has 8.42).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.models.image_network import (
    ImageNetwork,
    ImageNetworkEntry,
    ImageNetworkName,
    create_image_network,
    register_image_network,
    scaled,
)
from gesta.models.model import StateDict
from gesta.models.picture_model import PictureModel
from gesta.models.registry import Paper, Stated, register_model
from gesta.nn import MaskedBatchNorm
from gesta.nn.fold import fold_into_convolution
from gesta.skeleton import Layout

SIZE = 299

_PAPER = Paper(
    "Xception: Deep Learning with Depthwise Separable Convolutions",
    "François Chollet",
    "CVPR",
    2017,
    """@inproceedings{chollet2017xception,
  title = {Xception: Deep Learning with Depthwise Separable Convolutions},
  author = {Chollet, Fran{\\c{c}}ois},
  booktitle = {Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition},
  year = {2017}
}""",
)


class Separable(nn.Module):
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution; no biases.

    Args:
        channels, width: that enter and leave.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, H, W) to (R, C', H, W)."""
        return self.pointwise(self.conv1(x))


class Block(nn.Module):
    """Separable convolutions, each with a ReLU before it and a norm after it, and a shortcut.

    Args:
        channels: that enter each convolution, and that leave the last.
        stride: of the pooling at the end and of the shortcut.
        begins_with_relu: whether the first convolution has one before it.
    """

    def __init__(self, *channels: int, stride: int = 1, begins_with_relu: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, (enter, leave) in enumerate(pairwise(channels)):
            if i or begins_with_relu:
                layers.append(nn.ReLU())
            layers += [Separable(enter, leave), MaskedBatchNorm(leave)]
        if stride > 1:
            layers.append(nn.MaxPool2d(3, stride, padding=1))
        self.rep = nn.Sequential(*layers)
        self.skip: nn.Conv2d | None = None
        self.skipbn: MaskedBatchNorm | None = None
        # As in ST-GCN: oneDNN's strided 1x1 convolution of fewer than 16 channels overruns its
        # memory in the backward pass, here in float32 too; places are then left out before it.
        self.thin = stride if channels[0] < 16 else 1
        if stride > 1 or channels[0] != channels[-1]:
            self.skip = nn.Conv2d(channels[0], channels[-1], 1, stride // self.thin, bias=False)
            self.skipbn = MaskedBatchNorm(channels[-1])

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, H, W) to (R, C', ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.rep(x)
        if self.skip is None or self.skipbn is None:
            return y + x
        return y + self.skipbn(self.skip(x[:, :, :: self.thin, :: self.thin]))

    def fold_batch_norm(self) -> None:
        """Fold the norms into the convolutions before them."""
        for before, after in pairwise(self.rep):
            if isinstance(before, Separable) and isinstance(after, MaskedBatchNorm):
                fold_into_convolution(before.pointwise, after)
        if self.skip is not None and self.skipbn is not None:
            fold_into_convolution(self.skip, self.skipbn)


class Xception(ImageNetwork):
    """The network; see the head of this file.

    Args:
        num_classes: Y of the classifier; None: it has none.
        width: share of the published numbers of channels.
    """

    head_names = ("fc",)
    size = SIZE

    def __init__(self, num_classes: int | None = None, width: float = 1.0) -> None:
        a, b, c, d, e, f, g, h = (
            scaled(channels, width) for channels in (32, 64, 128, 256, 728, 1024, 1536, 2048)
        )
        super().__init__(h, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.conv1 = nn.Conv2d(3, a, 3, 2, bias=False)
        self.bn1 = MaskedBatchNorm(a)
        self.conv2 = nn.Conv2d(a, b, 3, bias=False)
        self.bn2 = MaskedBatchNorm(b)
        self.block1 = Block(b, c, c, stride=2, begins_with_relu=False)
        self.block2 = Block(c, d, d, stride=2)
        self.block3 = Block(d, e, e, stride=2)
        for i in range(4, 12):
            self.add_module(f"block{i}", Block(e, e, e, e))
        self.block12 = Block(e, e, f, stride=2)
        self.conv3 = Separable(f, g)
        self.bn3 = MaskedBatchNorm(g)
        self.conv4 = Separable(g, h)
        self.bn4 = MaskedBatchNorm(h)
        self.fc = None if num_classes is None else nn.Linear(h, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Images (R, 3, H, W), normalised by 0.5 and 0.5, to maps (R, 2048, h, w), at least 0.

        H and W of at least 7; h and w are about a 32nd of them, 10 for 299.
        """
        x = images.contiguous(memory_format=torch.channels_last)
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        for i in range(1, 13):
            x = self.get_submodule(f"block{i}")(x)
        x = self.bn3(self.conv3(x)).relu()
        return self.bn4(self.conv4(x)).relu()

    def own_names(self, weights: StateDict) -> StateDict:
        """Published weights in these names: some call the classifier otherwise, or drop axes."""
        converted = {}
        for name, value in super().own_names(weights).items():
            flat = name.endswith("pointwise.weight") and value.ndim == 2
            name = name.replace("last_linear.", "fc.")
            converted[name] = value[..., None, None] if flat else value
        return converted

    def fold_batch_norm(self) -> None:
        """Fold the norms outside of the blocks into the convolutions before them."""
        fold_into_convolution(self.conv1, self.bn1)
        fold_into_convolution(self.conv2, self.bn2)
        fold_into_convolution(self.conv3.pointwise, self.bn3)
        fold_into_convolution(self.conv4.pointwise, self.bn4)


register_image_network(
    "xception",
    ImageNetworkEntry(Xception, SIZE, "those of pretrainedmodels or timm for PyTorch"),
)


class FrameModel(PictureModel):
    """A network of images over one or several frames of a clip; poses have no say.

    Args:
        layout, num_classes, channels, frames, persons: as in `SkeletonModel`.
        rgb: the network, with a classifier.
        image_frames: F, pictures of a clip, whose features are averaged.
        image_size: height and width of the pictures.
    """

    head_names = ("rgb.fc", "rgb._fc")
    stream_names = ("rgb",)

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int | None,
        persons: int | None,
        *,
        rgb: ImageNetwork,
        image_frames: int,
        image_size: int,
    ) -> None:
        sizes = {"image_frames": image_frames, "image_size": image_size}
        super().__init__(layout, num_classes, channels, frames, persons, **sizes)
        self.rgb = rgb

    def forward(
        self,
        poses: Tensor,
        mask: Tensor | None = None,
        *,
        frames: Tensor,
        rgb_mask: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, Y) of frames (N, F, 3, H, W).

        Args:
            poses, mask: are checked, and not looked at.
            frames: pictures of the clip, normalised by mean and standard deviation of ImageNet.
            rgb_mask: (N,) bool, False where a clip has no pictures, and then the logits of a zero
                feature; None: all have.

        Raises:
            ShapeError: an input of another shape or type than the model was made for.
        """
        self.check_inputs(poses, mask)
        self.check_frames(poses, frames)
        maps = self.rgb(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).mean(1)
        if rgb_mask is not None:
            maps = maps * rgb_mask[:, None, None, None].to(maps.dtype)
        return self.rgb.classify(maps)


@register_model(
    "xception_frame",
    inputs=("poses", "mask", "frames", "rgb_mask"),
    paper=_PAPER,
    small={"image_width": 0.02, "image_size": 48},
    stated=(Stated(20_929_892, 8_355_000_000),),
)
def xception_frame(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    image: ImageNetworkName = "xception",
    image_frames: int = 1,
    image_size: int = SIZE,
    image_width: float = 1.0,
) -> FrameModel:
    """Build a network of images that judges a clip by one frame, or by the mean of several.

    Args:
        layout, num_classes, channels, frames, persons: see `create_model`.
        image: the network of images.
        image_frames: pictures of a clip.
        image_size: height and width of the pictures, at least 32.
        image_width: share of the network's published numbers of channels.

    Raises:
        ModelError: an option out of its range.
    """
    if image_frames < 1 or image_size < 32:
        raise ModelError(
            "xception_frame: expected image_frames of at least 1 and image_size of at least 32, "
            f"found image_frames={image_frames}, image_size={image_size}"
        )
    return FrameModel(
        layout,
        num_classes,
        channels,
        frames,
        persons,
        rgb=create_image_network(image, num_classes, width=image_width),
        image_frames=image_frames,
        image_size=image_size,
    )
