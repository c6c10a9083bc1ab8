"""Which part of a frame a model sees, for many rows at once.

The boxes are those of `gesta.media.crop`, drawn and measured for a whole batch on its device.

Convention: pixels as in `gesta.media.projection`; a box is (x0, y0, x1, y1) in whole pixels of the
frame. A crop is the box scaled to ``size`` by ``size``, mirrored left to right where a row is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gesta.media.crop import MARGINS, MARGINS_WIDTH
from gesta.transforms.batch import NOWHERE
from gesta.transforms.options import VideoOptions
from gesta.transforms.temporal import draw


def crop_boxes(
    sizes: Tensor, options: VideoOptions, joints: Tensor | None, generator: torch.Generator | None
) -> Tensor:
    """The boxes to cut from frames.

    Args:
        sizes: (R, 2) float32, width and height of the frames.
        options: how to crop.
        joints: (R, J, 2) what a "projection" crop is to hold, `NOWHERE` for what is not known.
        generator: what randomness comes from; None for the crop of a test.

    Returns:
        (R, 4) float32, inside the frames.
    """
    if options.crop == "projection" and joints is not None:
        return projection_boxes(sizes, joints, generator)
    short = sizes.amin(dim=1, keepdim=True)
    place = torch.full_like(sizes, 0.5)
    if generator is not None:
        scales = torch.tensor(options.scales, device=sizes.device)
        chosen = (draw((len(sizes), 1), generator, sizes.device) * len(scales)).long()
        short = short * scales[chosen]
        if options.crop == "random":
            place = draw((len(sizes), 2), generator, sizes.device)
        if options.crop == "corners":
            number = (draw((len(sizes),), generator, sizes.device) * 5).long()
            corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)]
            place = torch.tensor(corners, device=sizes.device)[number]
    side = short.round().clamp(min=1)
    low = ((sizes - side) * place).floor()
    return torch.cat([low, low + side], dim=1)


def projection_boxes(sizes: Tensor, joints: Tensor, generator: torch.Generator | None) -> Tensor:
    """Boxes around joints, grown by a share of the frame's width (Zhu et al., section 3.3).

    In training the growth of either side is drawn, and so is the corner at which the grown box
    stands on that of the joints; in test it is the middle one, to all sides alike. Frames without
    joints are kept whole.

    Args:
        sizes: (R, 2) width and height of the frames.
        joints: (R, J, 2), `NOWHERE` where not known.
        generator: what randomness comes from; None for the crop of a test.

    Returns:
        (R, 4) boxes, at least a pixel wide and high, inside the frames.
    """
    nobody = joints.new_full((len(joints), 1, 2), NOWHERE)  # there may be no joint at all
    joints = torch.cat([joints, nobody], dim=1)
    known = (joints > NOWHERE / 2).all(dim=-1, keepdim=True)
    low = torch.where(known, joints, torch.inf).amin(dim=1)
    high = torch.where(known, joints, -torch.inf).amax(dim=1)
    seen = known.any(dim=1) & ((high >= 0) & (low <= sizes)).all(dim=1, keepdim=True)
    share, place = torch.full_like(sizes, 0.5), torch.full_like(sizes, 0.5)
    if generator is not None:
        share = draw((len(sizes), 2), generator, sizes.device)
        place = (draw((len(sizes), 2), generator, sizes.device) < 0.5).float()
    growth = (MARGINS[0] + (MARGINS[1] - MARGINS[0]) * share) * sizes[:, :1] / MARGINS_WIDTH
    low = torch.where(seen, low - growth * place, 0.0)
    high = torch.where(seen, high + growth * (1 - place), sizes)
    return _whole(low, high, sizes)


def _whole(low: Tensor, high: Tensor, sizes: Tensor) -> Tensor:
    """(R, 4) boxes of whole pixels around others, inside the frames and never empty."""
    low = torch.minimum(low.floor().clamp(min=0), sizes - 1)
    high = torch.minimum(high.ceil(), sizes).maximum(low + 1)
    return torch.cat([low, high], dim=1)


def into_crop(points: Tensor, boxes: Tensor, size: int, mirrored: Tensor | None) -> Tensor:
    """Points of whole frames as points of their crops.

    Args:
        points: (R, ..., 2) pixels of the whole frames.
        boxes: (R, 4) what was cut.
        size: height and width of the crops.
        mirrored: (R,) bool, or None where none is.

    Returns:
        As ``points``; `NOWHERE` for what lies outside of the crop.
    """
    shape = (len(points), *[1] * (points.ndim - 2), 2)
    low, high = boxes[:, :2].view(shape), boxes[:, 2:].view(shape)
    moved = (points - low) * (size / (high - low))
    if mirrored is not None:
        across = torch.where(mirrored.view(shape[:-1]), size - moved[..., 0], moved[..., 0])
        moved = torch.stack([across, moved[..., 1]], dim=-1)
    inside = ((moved >= 0) & (moved < size)).all(dim=-1, keepdim=True)
    return torch.where(inside, moved, NOWHERE)
