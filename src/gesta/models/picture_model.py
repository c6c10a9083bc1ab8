"""What models of single RGB frames beside the poses have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from gesta.axes import check_shape
from gesta.models.model import SkeletonModel
from gesta.skeleton import Layout


class PictureModel(SkeletonModel):
    """A model of poses (N, M, T, V, C) and pictures (N, F, 3, H, W), which are square.

    Args:
        layout, num_classes, channels, frames, persons: as in `SkeletonModel`.
        image_frames: F.
        image_size: H and W.
    """

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int | None,
        persons: int | None,
        *,
        image_frames: int,
        image_size: int,
    ) -> None:
        super().__init__(layout, num_classes, channels, frames, persons)
        self.image_frames, self.image_size = image_frames, image_size

    def check_frames(self, poses: Tensor, frames: Tensor) -> None:
        """Check pictures (N, F, 3, H, W) beside poses, which say N.

        Raises:
            ShapeError: another shape.
        """
        if torch.compiler.is_compiling():
            return
        side, sizes = self.image_size, {"N": poses.shape[0], "F": self.image_frames}
        check_shape("frames", frames, "N F C H W", C=3, H=side, W=side, **sizes)

    def example_inputs(self, clips: int, frames: int, persons: int) -> dict[str, Tensor]:
        """The pictures, zero."""
        side = self.image_size
        return {"frames": torch.zeros(clips, self.image_frames, 3, side, side)}
