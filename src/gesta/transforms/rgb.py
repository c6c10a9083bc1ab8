"""Pictures and context of a batch's rows: of the same frames as their poses, turned alike.

Letters beside those of `gesta.axes`: R rows, F chosen frames of each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gesta.skeleton import Layout
from gesta.transforms.batch import NOWHERE, Batch
from gesta.transforms.crops import crop_boxes, into_crop
from gesta.transforms.footage import Footage, FrameSource, check_read
from gesta.transforms.image import normalise
from gesta.transforms.options import VideoOptions
from gesta.transforms.spatial import swap_sides
from gesta.transforms.temporal import FramePlan

# An estimator that is less sure of a joint guesses.
SURE = 0.15

_OF_FRAMES = {"frames", "frame_index", "frame_joints", "moved_joint"}
_ABSENT = {"video": 0.0, "frames": 0.0, "context": 0.0}
_ABSENT |= {"frame_joints": NOWHERE, "moved_joint": NOWHERE}


def add_pictures(
    rows: Batch,
    plan: FramePlan,
    options: VideoOptions,
    layout: Layout,
    mirrored: Tensor | None,
    generator: torch.Generator | None,
) -> Batch:
    """The rows with all that their footage is asked for.

    Args:
        rows: frames that were read of clips, in place and size as they were recorded.
        plan: which frames these are.
        options: how pictures are cut.
        layout: what the joints are.
        mirrored: (R,) bool, the rows whose bodies are mirrored; None: none.
        generator: what randomness comes from in training; None for a test.
    """
    footage = rows.footage
    if footage is None:
        return rows
    clip = footage.clip[rows.clip.cpu()]
    moment = (plan.position + 0.5).long() if plan.position.is_floating_point() else plan.position
    good = footage.usable[clip]
    found: dict[str, Any] = {}
    if footage.context is not None:
        found["context"] = footage.context.read(clip, moment, mirrored)
    if footage.source is not None:
        reader = _Reader(footage, footage.source, options, clip, mirrored, generator)
        if "video" in footage.inputs:
            joints = None if rows.pixels is None else rows.pixels.flatten(1, 3)
            found["video"], read, found["video_box"] = reader.read(moment, joints)
            good = good & read
        if _OF_FRAMES & set(footage.inputs):
            more, read = _frames(rows, plan, moment, reader, layout)
            found |= more
            good = good & read
    there = good.to(rows.device)
    if not bool(good.all()):
        found = {name: _only(values, there, _ABSENT.get(name)) for name, values in found.items()}
    return rows.replace(rgb_mask=there, **found)


def _only(values: Tensor, there: Tensor, absent: float | None) -> Tensor:
    """What rows without usable RGB have in place of it; ``absent`` None: what they have."""
    if absent is None:
        return values
    return torch.where(there.view(-1, *[1] * (values.ndim - 1)), values, absent)


class _Reader:
    """Cuts and reads pictures of the rows of one batch."""

    def __init__(
        self,
        footage: Footage,
        source: FrameSource,
        options: VideoOptions,
        clip: Tensor,
        mirrored: Tensor | None,
        generator: torch.Generator | None,
    ) -> None:
        self.footage, self.source, self.options = footage, source, options
        self.clip, self.mirrored, self.generator = clip, mirrored, generator

    def read(self, frame: Tensor, joints: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of (R, T) frames, all of a row by one box around its (R, J, 2) joints.

        Several boxes a row: frames (R * F, 1) and joints (R * F, J, 2), a row's together.

        Returns:
            (R, 3, T, H, W) normalised, (R,) bool on the CPU which were read, (R, 4) boxes.
        """
        repeats = len(frame) // len(self.clip)
        clip = self.clip.repeat_interleave(repeats)
        mirrored = None if self.mirrored is None else self.mirrored.repeat_interleave(repeats)
        sizes = self.source.sizes[clip].to(frame.device)
        boxes = crop_boxes(sizes, self.options, joints, self.generator)
        pictures, good = self.source.read(clip, frame, boxes, self.options.size, mirrored)
        check_read(self.source, self.footage, good, self.footage.usable[clip])
        return normalise(pictures), good, boxes


def _frames(
    rows: Batch, plan: FramePlan, moment: Tensor, reader: _Reader, layout: Layout
) -> tuple[dict[str, Tensor], Tensor]:
    """The chosen frames of the rows, their places and joints; and (R,) which could be read."""
    options = reader.options
    index = choose_frames(plan, options.position)
    count, chosen = index.shape
    row = torch.arange(count, device=index.device)[:, None]
    joints = None if rows.pixels is None else rows.pixels.transpose(1, 2)[row, index]
    around = None if joints is None else joints.flatten(0, 1).flatten(1, 2)
    pictures, good, boxes = reader.read(moment[row, index].view(-1, 1), around)
    found = {
        "frame_index": index,
        "frames": pictures[:, :, 0].unflatten(0, (count, chosen)),
        "frame_boxes": boxes.unflatten(0, (count, chosen)),
    }
    if joints is not None:
        mirrored = reader.mirrored
        turned = None if mirrored is None else mirrored.repeat_interleave(chosen)
        placed = into_crop(joints.flatten(0, 1), boxes, options.size, turned)
        placed = placed.unflatten(0, (count, chosen))
        found["moved_joint"] = moved_joints(rows, index, placed)
        if mirrored is not None:
            placed = swap_sides(placed, mirrored, layout, axis=3)
        found["frame_joints"] = placed
    return found, good.view(count, chosen).all(dim=1)


def choose_frames(plan: FramePlan, shares: tuple[float, ...]) -> Tensor:
    """Which of a row's frames lie nearest to shares of the way from its first to its last.

    Measured in the clip, so that a row that repeats its clip has its middle in the clip's middle.

    Args:
        plan: the rows' frames.
        shares: F places, 0 the first frame of the clip that is in the row, 1 the last.

    Returns:
        (R, F) int64, the first of several that are as near.
    """
    position = plan.position.float()
    own = (
        torch.arange(position.shape[1], device=position.device) < plan.length.clamp(min=1)[:, None]
    )
    low = torch.where(own, position, torch.inf).amin(dim=1)[:, None]
    high = torch.where(own, position, -torch.inf).amax(dim=1)[:, None]
    wanted = low + (high - low) * torch.tensor(shares, device=position.device)
    distance = (position[:, None] - wanted[..., None]).abs()
    return torch.where(own[:, None], distance, torch.inf).argmin(dim=2)


def moved_joints(rows: Batch, index: Tensor, placed: Tensor) -> Tensor:
    """Where that joint is which moved furthest to the chosen frames (Zhu et al., eq. 13 and 14).

    The way is measured in the poses as they were recorded, from the first frame of the row that
    shows the person; only joints that were seen in both frames count, with a confidence of `SURE`
    where there is one (reconstructed: the guesses at a joint that nobody sees wander furthest).

    Args:
        rows: frames as they were recorded.
        index: (R, F) the chosen ones.
        placed: (R, F, M, V, 2) where the joints are in the pictures.

    Returns:
        (R, F, 2); `NOWHERE` where there is no such joint, or it is outside of the picture.
    """
    count, people, length, joints, _ = rows.poses.shape
    seen = rows.mask[..., None].expand(-1, -1, -1, joints)
    if rows.confidence is not None:
        seen = seen & (rows.confidence >= SURE)
    row = torch.arange(count, device=index.device)[:, None]
    person = torch.arange(people, device=index.device)
    began = rows.mask.byte().argmax(dim=2)
    start = rows.poses[row, person, began][:, None]
    chosen = rows.poses.transpose(1, 2)[row, index]
    way = (chosen - start).norm(dim=-1)
    both = seen[row, person, began][:, None] & seen.transpose(1, 2)[row, index]
    way = torch.where(both, way, -1.0).flatten(2)
    furthest = way.argmax(dim=2)[..., None, None]
    at = placed.flatten(2, 3).gather(2, furthest.expand(-1, -1, 1, 2))[:, :, 0]
    return torch.where(way.amax(dim=2)[..., None] >= 0, at, NOWHERE)
