"""Which frames of a clip become a row's frames: plans are drawn or laid out, then applied.

A plan is made from the clips' lengths alone; `sample` then gathers from all clips at once.
Letters beside those of `gesta.axes`: R rows of a plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gesta.transforms.batch import Batch
from gesta.transforms.options import InputOptions


@dataclass(frozen=True)
class Span:
    """A part of a clip for each of R rows, at least one frame long.

    Args:
        start: (R,) int64 its first frame.
        length: (R,) int64 how many frames.
    """

    start: Tensor
    length: Tensor

    def rows(self, index: Tensor) -> Span:
        """The spans named by an index."""
        return Span(self.start[index], self.length[index])


@dataclass(frozen=True)
class FramePlan:
    """Where each of T frames of R rows is read.

    Args:
        row: (R,) int64 row of the batch that it is read from, in order, each at least once.
        position: (R, T) frame, int64; or float32, and then poses are interpolated linearly between
            the frames around it and the mask is that of the nearer.
        length: (R,) int64 how many of the T frames are the row's own; padding follows.
    """

    row: Tensor
    position: Tensor
    length: Tensor


# In test these take the middle frame of each of equal parts, or several of each.
IN_EQUAL_PARTS = ("uniform", "random", "random_or_crop")


def draw(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Uniform float32 in [0, 1) on a device, drawn on the generator's own."""
    return torch.rand(shape, generator=generator, device=generator.device).to(device)


def plan_training(
    frames: Tensor, options: InputOptions, crop: tuple[float, float], generator: torch.Generator
) -> FramePlan:
    """A random plan: of each clip a part of random length and place, sampled as options say.

    Args:
        frames: (N,) int64 the clips' lengths.
        options: frames, sampling and segments.
        crop: smallest and largest share of a clip that is used.
        generator: what randomness comes from.

    Returns:
        A plan of N x G rows: the G segments of a clip stand one after the other.
    """
    device = frames.device
    low, high = crop
    share, place = draw((2, len(frames)), generator, device)
    span = cut(whole(frames), low + (high - low) * share, place)
    row = torch.arange(len(frames), device=device).repeat_interleave(options.segments)
    span = split(span, options.segments)
    if options.sampling == "random" and options.frames is not None:
        return _full(row, drawn(span, options.frames, generator))
    if options.sampling == "random_or_crop" and options.frames is not None:
        # Half the rows as in "random", without a crop, half cropped (Wang, 2019, section 3.1).
        cropped = uniform(span, options.frames, torch.tensor(0.5, device=device))
        random = drawn(split(whole(frames), options.segments), options.frames, generator)
        coin = draw((len(row), 1), generator, device) < 0.5
        return _full(row, torch.where(coin, random, cropped))
    if options.sampling == "uniform" and options.frames is not None:
        offset = draw((len(row), options.frames), generator, device)
        return _full(row, uniform(span, options.frames, offset))
    return _plan(row, span, options, draw((len(row),), generator, device))


def plan_test(frames: Tensor, options: InputOptions) -> FramePlan:
    """The same plan at every call: the centre of each clip, or several views of it.

    With sampling "uniform", "random" and "random_or_crop" view k of K takes the frame at
    (k + 1/2)/K of each part; with the others the views are parts of the clip whose places are
    spread from its start to its end. With sampling "window" a clip has a row for each window.

    Args:
        frames: (N,) int64 the clips' lengths.
        options: frames, sampling, crop, views and segments.

    Returns:
        A plan of N x K x G rows in that order (segments stand within a view), or of as many rows
        as there are windows.
    """
    count, views, device = len(frames), options.views, frames.device
    view = torch.arange(views, device=device).repeat(count)
    row = torch.arange(count, device=device).repeat_interleave(views)
    centre = torch.full(row.shape, 0.5, device=device)
    spread = centre if views == 1 else view / (views - 1)
    place = centre if options.sampling in IN_EQUAL_PARTS else spread
    span = cut(whole(frames).rows(row), options.crop, place)
    if options.sampling == "window" and options.frames is not None:
        return windows(span, options.frames)
    row, place, view = (v.repeat_interleave(options.segments) for v in (row, place, view))
    span = split(span, options.segments)
    if options.sampling in IN_EQUAL_PARTS and options.frames is not None:
        return _full(row, uniform(span, options.frames, ((view + 0.5) / views)[:, None]))
    return _plan(row, span, options, place)


def _plan(row: Tensor, span: Span, options: InputOptions, place: Tensor) -> FramePlan:
    """The plan of the samplings that read frames in a row or interpolate between them."""
    if options.frames is None:
        longest = int(span.length.max())
        return FramePlan(row, consecutive(span, longest), span.length)
    if options.sampling == "resize":
        return _full(row, resize(span, options.frames))
    span = cut(span, options.frames / span.length, place)
    if options.sampling == "zero_pad":
        return FramePlan(row, consecutive(span, options.frames), span.length)
    return _full(row, repeated(span, options.frames))


def _full(row: Tensor, position: Tensor) -> FramePlan:
    return FramePlan(row, position, torch.full_like(row, position.shape[1]))


def whole(frames: Tensor) -> Span:
    """All of each clip; a clip without frames counts as one, which is empty."""
    return Span(torch.zeros_like(frames), frames.clamp(min=1))


def cut(span: Span, share: Tensor | float, place: Tensor) -> Span:
    """A share of each span at a place: 0 its start, 1/2 its centre, 1 its end.

    Places drawn uniformly from [0, 1) give each start the same probability. At least one frame is
    left, and a share over 1 leaves all.
    """
    length = (span.length * share).round().long().clamp(min=1).minimum(span.length)
    gap = span.length - length
    return Span(span.start + (place * (gap + 1)).long().minimum(gap), length)


def split(span: Span, segments: int) -> Span:
    """Each span cut into G parts, equal but for rounding: (R x G) spans, those of a span together.

    Parts of a span shorter than G frames are one frame long, and neighbours may share it.
    """
    if segments == 1:
        return span
    part = torch.arange(segments, device=span.start.device)
    length = span.length[:, None]
    low, high = part * length // segments, (part + 1) * length // segments
    return Span((span.start[:, None] + low).flatten(), (high - low).clamp(min=1).flatten())


def resize(span: Span, frames: int) -> Tensor:
    """(R, T) float32 positions at equal distances from a span's first frame to its last.

    A single frame is the span's first.
    """
    steps = torch.arange(frames, device=span.start.device, dtype=torch.float32)
    return span.start[:, None] + steps * (span.length - 1)[:, None] / max(frames - 1, 1)


def uniform(span: Span, frames: int, offset: Tensor) -> Tensor:
    """(R, T) positions, one in each of T equal parts of a span, in order.

    As in PoseConv3D (Duan et al., "Revisiting Skeleton-based Action Recognition", section 3.2).
    Parts shorter than a frame give a frame several times.

    Args:
        span: where to read.
        frames: T.
        offset: broadcast to (R, T), where in its part each lies, in [0, 1).
    """
    part = torch.arange(frames, device=span.start.device)
    # Multiplied before it is divided: whole numbers must not come out a little too small.
    inside = ((part + offset) * span.length[:, None] / frames).long()
    return span.start[:, None] + inside.minimum(span.length[:, None] - 1)


def drawn(span: Span, frames: int, generator: torch.Generator) -> Tensor:
    """(R, T) positions drawn at random from each span, in order.

    Every set of T frames is as likely as any other; of a span of fewer than T frames, T are drawn
    with replacement.
    """
    device = span.start.device
    step = torch.arange(int(span.length.max()), device=device)
    key = draw((len(span.start), len(step)), generator, device)
    # The T smallest of random keys are a random set; a key of 2 is behind all that are drawn.
    key = torch.where(step < span.length[:, None], key, 2.0)
    repeated = (draw((len(key), frames), generator, device) * span.length[:, None]).long()
    chosen = repeated.minimum(span.length[:, None] - 1)
    if len(step) >= frames:
        distinct = key.topk(frames, dim=1, largest=False).indices
        chosen = torch.where(span.length[:, None] >= frames, distinct, chosen)
    return span.start[:, None] + chosen.sort(dim=1).values


def consecutive(span: Span, frames: int) -> Tensor:
    """(R, T) positions from a span's first frame on; after its last they stay there."""
    step = torch.arange(frames, device=span.start.device)
    return span.start[:, None] + step.minimum(span.length[:, None] - 1)


def repeated(span: Span, frames: int) -> Tensor:
    """(R, T) positions from a span's first frame on, again from the start after its last."""
    return (
        span.start[:, None] + torch.arange(frames, device=span.start.device) % span.length[:, None]
    )


def windows(span: Span, frames: int) -> FramePlan:
    """All windows of T frames side by side; the last one repeats its frames until it is full.

    Returns:
        A plan of ceil(length / T) rows for each span, those of a span together.
    """
    count = (span.length + frames - 1) // frames
    row = torch.arange(len(count), device=count.device).repeat_interleave(count)
    number = torch.arange(len(row), device=count.device) - (count.cumsum(0) - count)[row]
    start = span.start[row] + number * frames
    length = (span.length[row] - number * frames).clamp(max=frames)
    return _full(row, repeated(Span(start, length), frames))


def sample(batch: Batch, plan: FramePlan) -> Batch:
    """Read the frames of a plan.

    Returns:
        A batch of R rows and T frames, whose `clip` names the clips that the rows come from.
        Coordinates are linear between frames, confidence too; the mask is the nearer frame's.
    """
    position, interpolated = plan.position, plan.position.is_floating_point()
    low = position.long()
    nearest = (position + 0.5).long() if interpolated else position
    own = torch.arange(position.shape[1], device=position.device) < plan.length[:, None]
    poses, confidence = _frames(batch.poses, plan.row, low), batch.confidence
    if confidence is not None:
        confidence = _frames(confidence, plan.row, low)
    if interpolated:
        high = (low + 1).clamp(max=batch.poses.shape[2] - 1)
        share = (position - low)[:, None, :, None]
        poses.lerp_(_frames(batch.poses, plan.row, high), share[..., None])
        if confidence is not None and batch.confidence is not None:
            confidence.lerp_(_frames(batch.confidence, plan.row, high), share)
    return Batch(
        poses=poses,
        mask=_frames(batch.mask, plan.row, nearest) & own[:, None],
        labels=batch.labels[plan.row],
        ids=_repeat_ids(batch.ids, plan.row),
        clip=batch.clip[plan.row],
        lengths=plan.length,
        confidence=confidence,
        pixels=None if batch.pixels is None else _frames(batch.pixels, plan.row, nearest),
        footage=batch.footage,
    )


def _repeat_ids(ids: list[str], row: Tensor) -> list[str]:
    # Plans keep the order and give each clip a row: as many rows as clips are the clips, which
    # spares a training step the wait for a device.
    return ids if len(row) == len(ids) else [ids[clip] for clip in row.tolist()]


def _frames(values: Tensor, row: Tensor, frame: Tensor) -> Tensor:
    """(R, M, T', ...) from ``values`` (N, M, T, ...), for (R,) rows and (R, T') frames of each."""
    _, people, length = values.shape[:3]
    person = torch.arange(people, device=values.device)[:, None]
    index = (row[:, None, None] * people + person) * length + frame[:, None]
    flat = values.reshape(-1, *values.shape[3:])
    return flat.index_select(0, index.flatten()).view(*index.shape, *values.shape[3:])
