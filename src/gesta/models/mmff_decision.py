"""MMFF's decision fusion: both streams judge alone, and their probabilities are added.

The row "Decision Fusion" of the paper's Table 6; see `gesta.models.mmff`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gesta.models.image_network import ImageNetwork
from gesta.models.model import SkeletonModel
from gesta.models.picture_model import PictureModel

# Keeps the logarithm of a probability that vanishes finite.
_TINY = 1e-12


class MmffDecision(PictureModel):
    """Both streams with classifiers of their own, and the weighted sum of their probabilities.

    Args:
        skeleton: the skeleton stream.
        rgb: F networks of images with classifiers, or one for all frames.
        image_frames: F.
        image_size: height and width of the pictures.
        share: of the RGB stream's probabilities.

    Attributes:
        share: () that share, until `choose_share` has set it.
    """

    stream_names = ("skeleton", "rgb")
    share: Tensor

    def __init__(
        self,
        skeleton: SkeletonModel,
        rgb: list[ImageNetwork],
        *,
        image_frames: int,
        image_size: int,
        share: float = 0.5,
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
        self.skeleton, self.rgb = skeleton, nn.ModuleList(rgb)
        self.register_buffer("share", torch.tensor(share))
        self.inputs = ("poses", "mask", "frames", "rgb_mask")
        self.head_names = tuple(f"skeleton.{name}" for name in skeleton.head_names) + tuple(
            f"rgb.{i}.{name}" for i, network in enumerate(rgb) for name in network.head_names
        )

    def forward(
        self,
        poses: Tensor,
        mask: Tensor | None = None,
        *,
        frames: Tensor,
        rgb_mask: Tensor | None = None,
    ) -> Tensor:
        """The logarithm (N, Y) of the weighted sum of both streams' probabilities.

        Args:
            poses, mask, frames, rgb_mask: as for `Mmff.forward`.

        Raises:
            ShapeError: an input of another shape or type than the model was made for.
        """
        return fuse_decisions(*self._decide(poses, mask, frames, rgb_mask))

    def forward_heads(  # type: ignore[override]  # it takes these and no more
        self,
        poses: Tensor,
        mask: Tensor | None = None,
        *,
        frames: Tensor,
        rgb_mask: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Logits (N, Y) of the skeleton stream, of the RGB stream, and their fusion.

        The fusion has no gradient here: each stream learns alone.
        """
        moved, looked, share = self._decide(poses, mask, frames, rgb_mask)
        return moved, looked, fuse_decisions(moved.detach(), looked.detach(), share)

    def _decide(
        self, poses: Tensor, mask: Tensor | None, frames: Tensor, rgb_mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, Y) of both streams and the share (N,) of the second."""
        self.check_frames(poses, frames)
        moved: Tensor = self.skeleton(poses, mask)
        last = len(self.rgb) - 1
        seen = [self._look(min(i, last), frame) for i, frame in enumerate(frames.unbind(1))]
        looked = torch.stack(seen).mean(0)
        share = self.share.expand(len(poses))
        if rgb_mask is not None:
            share = share * rgb_mask
            looked = looked * rgb_mask[:, None].to(looked.dtype)
        return moved, looked, share

    def choose_share(self, skeleton: Tensor, rgb: Tensor, labels: Tensor) -> float:
        """Set the weight of the RGB stream by clips that it did not learn from.

        Of 101 weights from 0 to 1 the one that is right most often, of these the one that gives
        the right classes the highest likelihood.

        Args:
            skeleton, rgb: logits (n, Y) of the streams.
            labels: (n,) int64.

        Returns:
            The weight.
        """
        best = (-1.0, 0.0, 0.0)
        for percent in range(101):
            share = torch.full((len(labels),), percent / 100, device=skeleton.device)
            fused = fuse_decisions(skeleton, rgb, share)
            right = (fused.argmax(1) == labels).float().mean()
            likely = fused.gather(1, labels[:, None]).mean()
            best = max(best, (float(right), float(likely), percent / 100))
        self.share.fill_(best[2])
        return best[2]

    def _look(self, own: int, frame: Tensor) -> Tensor:
        network = self.rgb[own]
        logits: Tensor = network.classify(network(frame))  # type: ignore[operator]
        return logits


def fuse_decisions(skeleton: Tensor, rgb: Tensor, share: Tensor) -> Tensor:
    """``log((1 - share) softmax(skeleton) + share softmax(rgb))`` of logits (n, Y), share (n,)."""
    share = share[:, None]
    both = (1 - share) * skeleton.float().softmax(1) + share * rgb.float().softmax(1)
    return both.clamp(min=_TINY).log()
