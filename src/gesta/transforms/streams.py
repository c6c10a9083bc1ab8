"""The streams that networks look at: joints, bones, and how either moves."""

from __future__ import annotations

import torch
from torch import Tensor

from gesta.skeleton import Layout


def bones(poses: Tensor, layout: Layout) -> Tensor:
    """Each joint minus its parent, zero for the root.

    Args:
        poses: (..., V, C).
        layout: what the joints are.

    Returns:
        (..., V, C), bone v at the place of its child.
    """
    parents = torch.tensor(layout.parents, device=poses.device)
    return poses - poses.index_select(-2, parents)


def bone_confidence(confidence: Tensor, layout: Layout) -> Tensor:
    """(..., V) the lower confidence of a bone's two ends, from that of the joints."""
    parents = torch.tensor(layout.parents, device=confidence.device)
    return torch.minimum(confidence, confidence.index_select(-1, parents))


def motion(values: Tensor, mask: Tensor) -> Tensor:
    """The difference of each frame to the next; zero in the last and where one of both is masked.

    Args:
        values: (N, M, T, V, C).
        mask: (N, M, T) bool.

    Returns:
        (N, M, T, V, C).
    """
    both = (mask[:, :, :-1] & mask[:, :, 1:])[..., None, None]
    moved = torch.zeros_like(values)
    torch.sub(values[:, :, 1:], values[:, :, :-1], out=moved[:, :, :-1])
    moved[:, :, :-1] *= both
    return moved


def motion_confidence(confidence: Tensor) -> Tensor:
    """(N, M, T, V) the lower confidence of a frame and the next, zero in the last."""
    lower = torch.zeros_like(confidence)
    torch.minimum(confidence[:, :, :-1], confidence[:, :, 1:], out=lower[:, :, :-1])
    return lower
