"""What every model knows about itself, and the check of what it is given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gesta.axes import check_shape
from gesta.errors import ShapeError
from gesta.skeleton import Layout

StateDict = dict[str, Tensor]


class SkeletonModel(nn.Module):
    """A model of poses (N, M, T, V, C) to logits (N, Y).

    Args:
        layout: the skeleton, which says V.
        num_classes: Y.
        channels: C of the poses.
        frames: the only T it takes; None: any.
        persons: the only M it takes; None: any.

    Attributes:
        head_names: the submodules that are specific to the classes, which fine-tuning replaces;
            dots lead into submodules.
        stream_names: the submodules that can be trained alone before what joins them.
        name, inputs, options: set by `create_model`.
    """

    head_names: tuple[str, ...] = ("head",)
    stream_names: tuple[str, ...] = ()
    name: str
    inputs: tuple[str, ...]
    options: dict[str, Any]

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int | None = None,
        persons: int | None = None,
    ) -> None:
        super().__init__()
        self.layout, self.num_classes, self.channels = layout, num_classes, channels
        self.frames, self.persons = frames, persons

    def forward_heads(
        self, poses: Tensor, mask: Tensor | None = None, **more: Tensor
    ) -> tuple[Tensor, ...]:
        """The logits (N, Y) of every classifier; training adds up their losses.

        The last one predicts: it is what `forward` gives. A model with further classifiers
        overrides this.

        Args:
            poses, mask, more: as for `forward`.
        """
        return (self(poses, mask, **more),)

    def example_inputs(self, clips: int, frames: int, persons: int) -> dict[str, Tensor]:
        """The inputs besides poses and mask that forward needs, zero, in the shapes it wants.

        A model of poses needs none; one that takes video overrides this, so that what it costs
        can be counted and the contract tests can run it.
        """
        return {}

    def check_inputs(self, poses: Tensor, mask: Tensor | None) -> None:
        """Check poses (N, M, T, V, C) and mask (N, M, T) against what the model was made for.

        Raises:
            ShapeError: another shape; poses that are not floating point; a mask that is not bool.
        """
        if torch.compiler.is_compiling():  # reading sizes here would fix them in the graph
            return
        sizes = check_shape(
            "poses",
            poses,
            "N M T V C",
            M=self.persons,
            T=self.frames,
            V=len(self.layout),
            C=self.channels,
        )
        if not poses.is_floating_point():
            raise ShapeError(f"poses: expected floating point numbers, found {poses.dtype}")
        if min(sizes[letter] for letter in "NMT") == 0:
            raise ShapeError(f"poses: N, M and T must be at least 1, found {tuple(poses.shape)}")
        if mask is None:
            return
        check_shape("mask", mask, "N M T", **{letter: sizes[letter] for letter in "NMT"})
        if mask.dtype != torch.bool:
            raise ShapeError(f"mask: expected bool, True where a person is, found {mask.dtype}")


def is_within(name: str, parts: tuple[str, ...]) -> bool:
    """Whether a parameter or submodule is one of some named ones, or inside of one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)
