"""Batches of skeleton sequences: what transforms work on and models take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gesta.axes import check_shape
from gesta.clip import Clip, fill_missing, presence
from gesta.errors import ShapeError

if TYPE_CHECKING:
    from gesta.transforms.footage import Footage

# The pixel of a joint that is not in the picture, or that nobody has seen.
NOWHERE = -1e4


@dataclass(frozen=True, eq=False)
class Batch:
    """N rows of poses with what is known of them; each row is a clip or a part of one.

    Args:
        poses: (N, M, T, V, C) float32 without NaN: missing joints are filled in time, persons who
            are not there and frames after a clip's end are zero.
        mask: (N, M, T) bool, where a person shows at least one joint.
        labels: (N,) int64, -1 where a clip has none.
        ids: the clip's id of each row.
        clip: (N,) int64, which clip of the batch as it was collated (0, 1, ...) a row is a view,
            window or segment of.
        lengths: (N,) int64, how many frames a row has of its own; those after are padding. Frames
            in which nobody is seen count, padding does not.
        confidence: (N, M, T, V) float32 in [0, 1], 0 where a joint is missing; None where every
            joint of a person who is there was seen and nothing more is known.

    What follows is there only for models that ask for it. Pictures are RGB, normalised by mean and
    standard deviation of ImageNet, H = W; coordinates in them are pixels from the upper left
    corner, `NOWHERE` for what is outside or was not seen.

    Args:
        video: (N, 3, T, H, W) float32, a picture for each of the T frames.
        video_box: (N, 4) float32, x0, y0, x1, y1 of what they show of the video's whole frames.
        frames: (N, F, 3, H, W) float32, pictures of some frames.
        frame_boxes: (N, F, 4) float32, what they show of the video's whole frames.
        frame_index: (N, F) int64, which of the row's T frames they show.
        frame_joints: (N, F, M, V, 2) float32, where the joints are in these pictures.
        moved_joint: (N, F, 2) float32, where that joint is in them which, over the persons who are
            there, moved furthest from the row's first frame to the one shown.
        context: (N, T, k, m) float32, k vectors for each frame.
        rgb_mask: (N,) bool, False where a row has no usable pictures or context: they are zero.
        pixels: (N, M, T, V, 2) float32, the joints in the whole frames of the video.
        footage: where pictures and context of the clips are read; `clip` says whose a row's are.
    """

    poses: Tensor
    mask: Tensor
    labels: Tensor
    ids: list[str]
    clip: Tensor
    lengths: Tensor
    confidence: Tensor | None = None
    video: Tensor | None = None
    video_box: Tensor | None = None
    frames: Tensor | None = None
    frame_boxes: Tensor | None = None
    frame_index: Tensor | None = None
    frame_joints: Tensor | None = None
    moved_joint: Tensor | None = None
    context: Tensor | None = None
    rgb_mask: Tensor | None = None
    pixels: Tensor | None = None
    footage: Footage | None = None

    def __len__(self) -> int:
        """The number of rows, N."""
        return self.poses.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.poses.device

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device; its ids stay where they are."""
        return self.replace(**self._tensors(lambda values: values.to(device)))

    def replace(self, **changes: Any) -> Batch:  # noqa: ANN401 - any field of a batch
        """A batch with some fields changed; tensors that are not named are shared."""
        return replace(self, **changes)

    def rows(self, index: Tensor) -> Batch:
        """The rows named by an (N',) int64 index, in that order; a row may be named again."""
        index = index.to(self.device)
        ids = [self.ids[row] for row in index.tolist()]
        return self.replace(ids=ids, **self._tensors(lambda values: values[index]))

    def _tensors(self, change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """Every tensor that the batch has, changed."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: change(value) for name, value in values.items() if isinstance(value, Tensor)}


def collate(
    clips: Sequence[Clip], *, persons: int | None = None, footage: Footage | None = None
) -> Batch:
    """Put clips together into one batch, filled and padded.

    Args:
        clips: clips of one layout with the same channels, of any lengths and numbers of persons.
        persons: M of the batch, the first of each clip; None: as many as the clips have.
        footage: of these clips, in this order, for a model that takes more than poses.

    Returns:
        The batch on the CPU. M and T are at least 1, also where every clip is empty.

    Raises:
        ShapeError: no clips, or clips of different joints or channels.
    """
    if not clips:
        raise ShapeError("a batch needs at least one clip; found none")
    joints, channels = len(clips[0].layout), len(clips[0].channels)
    for clip in clips:
        check_shape(f"clip {clip.id!r} in a batch", clip.coords, "M T V C", V=joints, C=channels)
    people = max([1, *(clip.persons for clip in clips)]) if persons is None else persons
    length = max([1, *(clip.frames for clip in clips)])

    poses = np.zeros((len(clips), people, length, joints, channels), np.float32)
    mask = np.zeros(poses.shape[:3], bool)
    confidence = np.zeros(poses.shape[:4], np.float32)
    for row, clip in enumerate(clips):
        place = (row, slice(min(people, clip.persons)), slice(clip.frames))
        poses[place] = fill_missing(clip.coords[:people])
        mask[place] = presence(clip)[:people]
        seen = ~np.isnan(clip.coords[:people, ..., 0])
        confidence[place] = seen if clip.confidence is None else seen * clip.confidence[:people]

    informative = not np.array_equal(confidence, np.broadcast_to(mask[..., None], poses.shape[:4]))
    labels = [-1 if clip.label is None else clip.label for clip in clips]
    return Batch(
        poses=torch.from_numpy(poses),
        mask=torch.from_numpy(mask),
        labels=torch.tensor(labels, dtype=torch.int64),
        ids=[clip.id for clip in clips],
        clip=torch.arange(len(clips)),
        lengths=torch.tensor([clip.frames for clip in clips], dtype=torch.int64),
        confidence=torch.from_numpy(confidence) if informative else None,
        pixels=None if footage is None else _pixels(footage, clips, mask.shape),
        footage=footage,
    )


def _pixels(footage: Footage, clips: Sequence[Clip], shape: tuple[int, ...]) -> Tensor | None:
    if footage.pixels is None:
        return None
    people, start = shape[1], 0
    pixels = np.full((*shape, *footage.pixels.shape[1:]), NOWHERE, np.float32)
    for row, clip in enumerate(clips):
        stop = start + clip.persons * clip.frames
        own = footage.pixels[start:stop].reshape(clip.persons, clip.frames, -1, 2)
        pixels[row, : min(people, clip.persons), : clip.frames] = own[:people]
        start = stop
    return torch.from_numpy(pixels)
