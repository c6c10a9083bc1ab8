"""Networks of single images by name: what the models of RGB frames look with.

Their state dicts have the keys of the weights that people publish, so that these load as they are;
the classifier of 1000 ImageNet classes may be there or not. Counters of norms are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.models.model import StateDict
from gesta.nn.imagenet import IMAGENET_MEAN, IMAGENET_STD

ImageNetworkName = Literal["xception", "efficientnet_lite0"]


class ImageNetwork(nn.Module, ABC):
    """A network of images to feature maps, with a classifier or without.

    Args:
        channels: C of its maps.
        mean, std: what its published weights want images in [0, 1] normalised by.

    Attributes:
        head_names: its classifier, by the name in published weights.
        size: height and width that it was published for.
    """

    head_names: tuple[str, ...]
    size: int
    scale: Tensor
    shift: Tensor

    def __init__(
        self, channels: int, mean: tuple[float, float, float], std: tuple[float, float, float]
    ) -> None:
        super().__init__()
        self.channels = channels
        pairs = zip(IMAGENET_STD, std, strict=True)
        scale = torch.tensor([theirs / own for theirs, own in pairs])
        shift = torch.tensor(IMAGENET_MEAN) - torch.tensor(mean)
        # Not part of the weights: what they want does not change.
        self.register_buffer("scale", scale[:, None, None], persistent=False)
        self.register_buffer("shift", (shift / torch.tensor(std))[:, None, None], persistent=False)

    def own_names(self, weights: StateDict) -> StateDict:
        """Published weights in the names of this module, without the counters of norms."""
        return {k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Images (R, 3, H, W), normalised as the network wants, to maps (R, C, h, w)."""

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (R, 3, H, W) of a batch, normalised as all are, to maps (R, C, h, w)."""
        return self.features(frames * self.scale + self.shift)

    def classify(self, features: Tensor) -> Tensor:
        """Logits (R, Y) of maps (R, C, h, w): their mean through the classifier.

        Raises:
            ModelError: the network was built without one.
        """
        head = getattr(self, self.head_names[0])
        if head is None:
            raise ModelError(f"{type(self).__name__}: was built without a classifier")
        logits: Tensor = head(features.mean((2, 3)))
        return logits


@dataclass(frozen=True)
class ImageNetworkEntry:
    """What is known of a network of images.

    Args:
        builder: of a number of classes (None: no classifier) and a share of the channels.
        size: height and width that it was published for.
        weights: where weights can be had.
    """

    builder: Callable[[int | None, float], ImageNetwork]
    size: int
    weights: str


_NETWORKS: dict[str, ImageNetworkEntry] = {}


def register_image_network(name: str, entry: ImageNetworkEntry) -> None:
    """Put a network into the registry.

    Raises:
        ModelError: the name is taken.
    """
    if name in _NETWORKS:
        raise ModelError(f"image network {name!r} is registered already")
    _NETWORKS[name] = entry


def list_image_networks() -> list[str]:
    """The names of all networks of images, sorted."""
    return sorted(_NETWORKS)


def image_network_entry(name: str) -> ImageNetworkEntry:
    """What is known of a network of images.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in _NETWORKS:
        known = ", ".join(list_image_networks())
        raise ModelError(f"unknown image network {name!r}; known are {known}")
    return _NETWORKS[name]


def create_image_network(
    name: str, num_classes: int | None = None, *, width: float = 1.0
) -> ImageNetwork:
    """Build a network of images.

    Args:
        name: one of `list_image_networks`.
        num_classes: Y of its classifier; None: it has none.
        width: share of the published numbers of channels, for narrow versions.

    Raises:
        ModelError: an unknown name, or a width that is not above 0.
    """
    if not 0 < width <= 1:
        raise ModelError(f"{name}: expected a width in (0, 1], found {width}")
    return image_network_entry(name).builder(num_classes, width)


def scaled(channels: int, width: float) -> int:
    """A share of a number of channels, at least 4."""
    return max(4, round(channels * width))
