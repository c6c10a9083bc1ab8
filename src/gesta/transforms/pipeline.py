"""From clips as they were recorded to what a model takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gesta.axes import check_shape
from gesta.errors import RecipeError
from gesta.skeleton import Layout
from gesta.transforms.augment import (
    Deformation,
    draw_deformation,
    draw_frames,
    draw_joints,
    draw_noise,
    draw_order,
)
from gesta.transforms.batch import NOWHERE, Batch
from gesta.transforms.options import AugmentOptions, InputOptions, VideoOptions, check_stream
from gesta.transforms.rgb import add_pictures
from gesta.transforms.spatial import (
    body_sizes,
    check_view,
    first_seen,
    mean_place,
    median_size,
    middle_of,
    swap_sides,
    track_of,
    transform,
    view_rotation,
)
from gesta.transforms.streams import bone_confidence, bones, motion, motion_confidence
from gesta.transforms.temporal import FramePlan, plan_test, plan_training, sample


@dataclass(frozen=True)
class Placement:
    """How the N clips of a batch are placed: ``rotation (x - origin) / size``.

    Args:
        person: (N,) the first person of each.
        origin: (N, C) what becomes 0.
        rotation: (N, C, C).
        size: (N,) what becomes 1.
        pivot: (N, C) the point, once placed, that random rotations and mirrors leave in place.
        unit: (N,) the body's size once placed.
    """

    person: Tensor
    origin: Tensor
    rotation: Tensor
    size: Tensor
    pivot: Tensor
    unit: Tensor


@dataclass(frozen=True)
class InputPipeline:
    """Turns batches of clips into input of a model, on the batch's device.

    The order is fixed: persons; place, view and size; frames (in training a random part of the
    clip); random changes in space; stream; confidence. Place, view and size are measured on the
    whole clip and applied to the frames that are read of it, which is the same and less work;
    only the origin and the size of every frame are measured on the frames that were read.

    What is masked comes out zero, in all streams.

    Args:
        input: what is done in training and in test.
        augment: what is done in training only.
        layout: what the joints are.
        stream: "joint", "bone", "joint_motion" or "bone_motion".
        video: how pictures are cut, where the batch has footage; None: they are not read.

    Raises:
        RecipeError: the stream is unknown, or the layout has not the joints that a view needs.
    """

    input: InputOptions
    augment: AugmentOptions
    layout: Layout
    stream: str = "joint"
    video: VideoOptions | None = None

    def __post_init__(self) -> None:
        """Check that the parts go together."""
        check_stream(self.stream)
        if self.input.view == "normalised":
            check_view(self.layout)

    def channels(self, channels: int) -> int:
        """How many channels a model gets from poses with so many (2 or 3).

        Raises:
            RecipeError: the view needs three.
        """
        if self.input.view == "normalised" and channels != 3:
            raise RecipeError(
                f'input.view "normalised": expected 3 channels (x, y, z), found {channels}; leave '
                'input.view at "none"'
            )
        return channels + self.input.confidence

    def __call__(
        self, batch: Batch, *, training: bool, generator: torch.Generator | None = None
    ) -> Batch:
        """The input for a batch; the batch is left as it is.

        Args:
            batch: clips as `collate` or `ResidentClips` give them.
            training: whether a random view of each clip is wanted, or the same ones at each call.
            generator: what randomness comes from; needed in training, unused otherwise.

        Returns:
            A batch with a row for each view, window or segment of each clip, a clip's rows one
            after the other; `clip` says whose each is. Its confidence is that of the stream.

        Raises:
            ShapeError: the batch has another number of joints than the layout.
            RecipeError: no generator in training, or a view that needs three channels.
        """
        sizes = check_shape("poses", batch.poses, "N M T V C", V=len(self.layout))
        self.channels(sizes["C"])
        batch = fit_persons(batch, self.input.persons)
        if not training:
            plan = plan_test(batch.lengths, self.input)
            placement = self._measure(batch, training)
            rows = self._with_pictures(sample(batch, plan), plan, None, None)
            return self._finish(self._placed(rows, placement, plan.row, None), None)
        if generator is None:
            raise RecipeError("random views need a generator=torch.Generator(); found none")
        return self._random_view(batch, generator)

    def _random_view(self, batch: Batch, generator: torch.Generator) -> Batch:
        count, people, *_, channels = batch.poses.shape
        if self.augment.shuffle_persons:
            chance = self.augment.shuffle_persons
            batch = take_persons(batch, draw_order(count, people, chance, generator, batch.device))
        placement = self._measure(batch, training=True)
        change = None
        if self.augment.deforms:
            change = draw_deformation(count, channels, self.augment, generator, batch.device)
        plan = plan_training(batch.lengths, self.input, self.augment.crop, generator)
        rows = self._with_pictures(sample(batch, plan), plan, change, generator)
        rows = self._placed(rows, placement, plan.row, change)
        return self._finish(self._disturbed(rows, placement.unit[plan.row], generator), generator)

    def _with_pictures(
        self,
        rows: Batch,
        plan: FramePlan,
        change: Deformation | None,
        generator: torch.Generator | None,
    ) -> Batch:
        """What the model takes beside poses, of rows that are still as they were recorded."""
        if self.video is None or rows.footage is None:
            return rows
        mirrored = change.mirrored[plan.row] if change is not None and self.augment.mirror else None
        return add_pictures(rows, plan, self.video, self.layout, mirrored, generator)

    @property
    def _centred(self) -> bool:
        return self.input.centre != "none" or self.input.view == "va_pre"

    def _measure(self, batch: Batch, training: bool) -> Placement:
        """Measure on whole clips what options ask for; the rest is zero, identity or one."""
        poses, options, augment = batch.poses, self.input, self.augment
        count, channels = len(batch), poses.shape[-1]
        person, frame = first_seen(batch.mask)
        body = track_of(poses, person)[torch.arange(count, device=poses.device), frame]
        origin = poses.new_zeros((count, channels))
        if options.centre == "scene":
            origin = scene_middle(batch, frame, self.layout)
        elif self._centred:
            origin = middle_of(body, self.layout.origin)
        rotation = torch.eye(channels, device=poses.device).expand(count, -1, -1)
        if options.view == "normalised":
            rotation = view_rotation(body, self.layout)
        size, unit = poses.new_ones(count), poses.new_ones(count)
        if options.size != "none" or (training and (augment.jitter or augment.translate)):
            measured = median_size(body_sizes(poses, self.layout), batch.mask)
            size, unit = (size, measured) if options.size == "none" else (measured, unit)
        pivot = poses.new_zeros((count, channels))
        if training and augment.deforms and not self._centred:
            middle = mean_place(poses, batch.mask) / size[:, None]
            pivot = (rotation @ middle[:, :, None])[:, :, 0]
        return Placement(person, origin, rotation, size, pivot, unit)

    def _placed(
        self, rows: Batch, placement: Placement, row: Tensor, change: Deformation | None
    ) -> Batch:
        """Place, turn and scale the rows (whose clips `row` names), with a random change."""
        poses, options = rows.poses, self.input
        person = placement.person[row]
        if options.centre == "every_frame":
            poses = poses - track_of(middle_of(poses, self.layout.origin), person)[:, None, :, None]
        elif self._centred:
            poses = poses - placement.origin[row, None, None, None]
        if options.size == "frame":
            sizes = track_of(body_sizes(poses, self.layout), person)
            poses = poses / sizes.maximum(placement.size[row, None] / 2)[:, None, :, None, None]
        matrix = placement.rotation
        if options.size == "body":
            matrix = matrix / placement.size[:, None, None]
        shift = torch.zeros_like(placement.pivot)
        if change is not None:
            matrix = change.matrix @ matrix
            moved = (change.matrix @ placement.pivot[:, :, None])[:, :, 0]
            shift = placement.pivot - moved + change.shift * placement.unit[:, None]
        if change is not None or options.size == "body" or options.view == "normalised":
            poses = transform(poses, matrix[row], shift[row])
        if change is None or not self.augment.mirror:
            return rows.replace(poses=poses)
        mirrored, confidence = change.mirrored[row], rows.confidence
        if confidence is not None:
            confidence = swap_sides(confidence, mirrored, self.layout, axis=3)
        poses = swap_sides(poses, mirrored, self.layout, axis=3)
        return rows.replace(poses=poses, confidence=confidence)

    def _disturbed(self, rows: Batch, unit: Tensor, generator: torch.Generator) -> Batch:
        """Add noise to the joints of the rows, and drop frames."""
        if self.augment.jitter:
            noise = draw_noise(rows.poses, self.augment.jitter, generator)
            rows = rows.replace(poses=rows.poses + noise * unit[:, None, None, None, None])
        if self.augment.frame_dropout:
            mask = draw_frames(rows.mask, self.augment.frame_dropout, generator)
            rows = rows.replace(mask=mask)
        return rows

    def _finish(self, rows: Batch, generator: torch.Generator | None) -> Batch:
        """The stream of the rows, without the joints that are dropped, zero where masked."""
        confidence = rows.confidence
        dropout = self.augment.joint_dropout if generator is not None else 0.0
        if confidence is None and (self.input.confidence or dropout):
            confidence = rows.mask[..., None].expand(rows.poses.shape[:-1]).float()
        poses, confidence = self._streamed(rows.poses, rows.mask, confidence)
        there = rows.mask[..., None]
        if dropout and generator is not None:
            count, people, _, joints, _ = poses.shape
            left = draw_joints(count, people, joints, dropout, generator, poses.device)
            there = there & left
        poses = poses * there[..., None]
        if confidence is not None:
            confidence = confidence * there
            if self.input.confidence:
                poses = torch.cat([poses, confidence[..., None]], dim=-1)
        return rows.replace(poses=poses, confidence=confidence)

    def _streamed(
        self, poses: Tensor, mask: Tensor, confidence: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        if self.stream.startswith("bone"):
            poses = bones(poses, self.layout)
            confidence = None if confidence is None else bone_confidence(confidence, self.layout)
        if self.stream.endswith("motion"):
            poses = motion(poses, mask)
            confidence = None if confidence is None else motion_confidence(confidence)
        return poses, confidence


def fit_persons(batch: Batch, persons: int | None) -> Batch:
    """The first persons of a batch, or absent ones added, so that there are as many as asked for.

    Args:
        batch: any batch.
        persons: M wanted; None leaves the batch as it is.
    """
    people = batch.poses.shape[1]
    if persons is None or persons == people:
        return batch

    def fit(values: Tensor, nobody: float = 0.0) -> Tensor:
        if persons < people:
            return values[:, :persons]
        shape = (len(values), persons - people, *values.shape[2:])
        return torch.cat([values, values.new_full(shape, nobody)], dim=1)

    return batch.replace(
        poses=fit(batch.poses),
        mask=fit(batch.mask),
        confidence=None if batch.confidence is None else fit(batch.confidence),
        pixels=None if batch.pixels is None else fit(batch.pixels, NOWHERE),
    )


def scene_middle(batch: Batch, frame: Tensor, layout: Layout) -> Tensor:
    """(N, C) the mean of the origins of all who are there in one frame (N,) of each clip."""
    row = torch.arange(len(batch), device=batch.device)
    there = batch.mask[row, :, frame][..., None]
    origins = middle_of(batch.poses[row, :, frame], layout.origin) * there
    return origins.sum(dim=1) / there.sum(dim=1).clamp(min=1)


def take_persons(batch: Batch, order: Tensor) -> Batch:
    """The persons of each clip in an order of their own.

    Args:
        batch: any batch.
        order: (N, M) int64, which person of the clip comes first, second, ...
    """
    row = torch.arange(len(batch), device=order.device)[:, None]
    return batch.replace(
        poses=batch.poses[row, order],
        mask=batch.mask[row, order],
        confidence=None if batch.confidence is None else batch.confidence[row, order],
        pixels=None if batch.pixels is None else batch.pixels[row, order],
    )
