"""Cutting, scaling and normalising pictures, many rows with boxes of their own at once."""

from __future__ import annotations

import torch
from torch import Tensor

# Of ImageNet's training pictures in [0, 1], red, green, blue; what public image weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def normalise(pictures: Tensor) -> Tensor:
    """Pictures (R, 3, ...) in [0, 1] less the mean of ImageNet, over its standard deviation."""
    shape = (1, 3, *[1] * (pictures.ndim - 2))
    mean = torch.tensor(MEAN, device=pictures.device).view(shape)
    deviation = torch.tensor(DEVIATION, device=pictures.device).view(shape)
    return (pictures - mean) / deviation


def cut(frames: Tensor, boxes: Tensor, size: int, mirrored: Tensor | None = None) -> Tensor:
    """Cut a box from all frames of each row and scale it.

    Scaling is linear between pixels and, where it shrinks, the mean of what falls together
    (a triangle as wide as a pixel of the result). Rows and columns are weighted sums, so that all
    rows are cut by two matrix products, whatever their boxes.

    Args:
        frames: (R, T, H, W, 3) uint8.
        boxes: (R, 4) x0, y0, x1, y1 in pixels of these frames.
        size: height and width of the result.
        mirrored: (R,) bool, the rows that are turned left to right; None: none.

    Returns:
        (R, 3, T, size, size) float32 in [0, 1].
    """
    rows, length, height, width, _ = frames.shape
    down = scaling_weights(boxes[:, 1], boxes[:, 3], height, size)
    across = scaling_weights(boxes[:, 0], boxes[:, 2], width, size)
    if mirrored is not None:
        across = torch.where(mirrored[:, None, None], across.flip(1), across)
    lines = frames.view(rows, length, height, width * 3).float()
    lines = (down[:, None] / 255) @ lines
    lines = lines.view(rows, length, size, width, 3).permute(0, 4, 1, 2, 3)
    pictures = lines.reshape(rows, -1, width) @ across.mT
    return pictures.view(rows, 3, length, size, size)


def scaling_weights(start: Tensor, stop: Tensor, length: int, size: int) -> Tensor:
    """How much of each of ``length`` pixels is in each of ``size`` between two places.

    Args:
        start, stop: (R,) the ends of the part that is scaled.
        length: of the line of pixels.
        size: of the line that it becomes.

    Returns:
        (R, size, length), rows of which add up to 1.
    """
    step = ((stop - start) / size)[:, None]
    pixel = torch.arange(size, device=start.device) + 0.5
    centre = start[:, None] + pixel * step
    distance = torch.arange(length, device=start.device) + 0.5 - centre[..., None]
    weights = (1 - distance.abs() / step.clamp(min=1)[..., None]).clamp(min=0)
    return weights / weights.sum(dim=-1, keepdim=True)
