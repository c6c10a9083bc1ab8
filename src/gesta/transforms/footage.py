"""Where the pictures and contexts of clips are read: decoded in other processes, or held ready.

Letters beside those of `gesta.axes`: R rows, each of them frames of one clip.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gesta.errors import MediaError
from gesta.media.cache import FrameCache
from gesta.media.moments import leave_interrupts, read_moments
from gesta.media.video import Box, Size
from gesta.transforms.image import cut

# Names of `Batch` that are read from pictures, and all that a model may ask of footage.
PICTURES = ("video", "frames", "frame_index", "frame_joints", "moved_joint")
FROM_FOOTAGE = (*PICTURES, "context", "rgb_mask")

# Bytes of float32 frames that are cut at once; bounds the memory beside the data.
_AT_ONCE = 1 << 28


class FrameSource(Protocol):
    """Gives frames of clips, cut and scaled.

    Attributes:
        sizes: (clips, 2) float32, width and height of the frames that boxes mean.
    """

    sizes: Tensor

    @property
    def waits(self) -> bool:
        """Whether reading takes long and is better begun before a batch is needed."""

    def read(
        self, clip: Tensor, frame: Tensor, boxes: Tensor, size: int, mirrored: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Read frames.

        Args:
            clip: (R,) int64 on the CPU.
            frame: (R, T) int64, numbers of the clip's pose frames.
            boxes: (R, 4) in whole pixels, on the device where the result is wanted.
            size: height and width to scale to.
            mirrored: (R,) bool rows to turn left to right, or None.

        Returns:
            (R, 3, T, size, size) float32 in [0, 1], and (R,) bool on the CPU: which could be read.
        """


@dataclass(frozen=True, eq=False)
class Footage:
    """Pictures and contexts of N clips, as far as a model asks for them.

    Args:
        inputs: the names of `Batch` that the model takes.
        clip: (N,) int64 on the CPU: the clips' places in the sources.
        usable: (clips,) bool on the CPU, which clips of the sources have what is asked for.
        source: of pictures.
        context: of context vectors.
        pixels: (rows, V, 2) float32, the joints of all clips in their frames, a clip's rows its
            (person, frame) in that order, `NOWHERE` where not known; None where nothing asks.
        problems: why clips are not usable, by id.
        strict: whether a clip whose pictures turn out to be unreadable is an error.
    """

    inputs: tuple[str, ...]
    clip: Tensor
    usable: Tensor
    source: FrameSource | None = None
    context: ContextRows | None = None
    pixels: NDArray[np.float32] | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    strict: bool = True

    @property
    def waits(self) -> bool:
        """Whether batches are better made before they are needed."""
        return self.source is not None and self.source.waits

    def at(self, positions: Tensor) -> Footage:
        """That of the clips at some (N',) positions."""
        return replace(self, clip=self.clip[positions.cpu()])

    def shuffled(self, generator: torch.Generator) -> Footage:
        """Each clip with the pictures and context of another: the control of whether they matter.

        Clips change places in a ring of random order, so that none keeps its own; those without
        anything to give keep that.
        """
        clip = self.clip.clone()
        places = self.usable[clip].nonzero()[:, 0]
        order = places[torch.randperm(len(places), generator=generator)]
        clip[order] = self.clip[order.roll(1)]
        return replace(self, clip=clip)


class StoredFrames:
    """Frames that are held decoded, small and whole.

    Args:
        groups: (rows, H, W, 3) uint8, one for each size of frames; memory-mapped or on a device.
        group: (clips,) int64, the group of each clip.
        start: (clips,) int64, the row of its group in which a clip's frames begin.
        length: (clips,) int64, how many it has.
        sizes: (clips, 2) float32, width and height of the frames as they were recorded.
        problems: why clips have no frames, by their places.
    """

    waits = False

    def __init__(
        self,
        groups: Sequence[Tensor],
        group: Tensor,
        start: Tensor,
        length: Tensor,
        sizes: Tensor,
        problems: Mapping[int, str] | None = None,
    ) -> None:
        self.groups, self.group, self.start, self.length = groups, group, start, length
        self.sizes, self.reasons = sizes, dict(problems or {})

    @classmethod
    def of(cls, cache: FrameCache, device: torch.device | str = "cpu") -> StoredFrames:
        """Those of a cache: on a CUDA device where half of what is free there holds them."""
        group, start, length = map(torch.tensor, (cache.group, cache.start, cache.length))
        groups = [near(_shared(group), torch.device(device)) for group in cache.groups]
        sizes = torch.tensor(cache.sizes, dtype=torch.float32)
        return cls(groups, group, start, length, sizes, cache.problems)

    def at(self, places: NDArray[np.int64]) -> StoredFrames:
        """Those of the clips at some (N,) places; the frames themselves are shared."""
        index = torch.from_numpy(places)
        columns = (self.group, self.start, self.length, self.sizes)
        group, start, length, sizes = (values[index] for values in columns)
        why = {
            new: self.reasons[old] for new, old in enumerate(places.tolist()) if old in self.reasons
        }
        return StoredFrames(self.groups, group, start, length, sizes, why)

    def read(
        self, clip: Tensor, frame: Tensor, boxes: Tensor, size: int, mirrored: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As `FrameSource.read` says; frames beyond a clip's own begin again at its first."""
        pictures = boxes.new_zeros((len(clip), 3, frame.shape[1], size, size))
        there = self.length[clip] > 0
        for number in self.group[clip[there]].unique().tolist():
            rows = ((self.group[clip] == number) & there).nonzero()[:, 0]
            bytes_a_row = 4 * frame.shape[1] * self.groups[number][0].numel()
            for part in rows.split(max(1, _AT_ONCE // bytes_a_row)):
                chosen = part.to(boxes.device)
                frames = self._gather(number, clip[part], frame[chosen], boxes.device)
                scale = self._scale(frames, clip[part], boxes.device)
                turned = None if mirrored is None else mirrored[chosen]
                pictures[chosen] = cut(frames, boxes[chosen] * scale, size, turned)
        return pictures, there

    def _gather(self, number: int, clip: Tensor, frame: Tensor, device: torch.device) -> Tensor:
        store = self.groups[number]
        start, length = (
            values[clip, None].to(store.device) for values in (self.start, self.length)
        )
        index = start + frame.to(store.device) % length
        return (
            store.index_select(0, index.flatten()).view(*index.shape, *store.shape[1:]).to(device)
        )

    def _scale(self, frames: Tensor, clip: Tensor, device: torch.device) -> Tensor:
        held = torch.tensor([frames.shape[3], frames.shape[2]], dtype=torch.float32)
        return (held / self.sizes[clip]).repeat(1, 2).to(device)


@dataclass(frozen=True, eq=False)
class Reel:
    """The video of a clip: its path, the (T,) seconds of its frames, their width and height."""

    path: str
    times: NDArray[np.float64]
    size: Size


# What a worker is asked for: the arguments of `read_moments`.
_Task = tuple[str, NDArray[np.float64], Box, Size, Size]


class DecodedFrames:
    """Frames that are decoded when they are asked for.

    Args:
        reels: the video of each clip, None for one that has none.
        workers: processes that decode; 0: this one does.
    """

    def __init__(self, reels: Sequence[Reel | None], workers: int = 0) -> None:
        self.reels, self.workers = list(reels), workers
        sizes = [(1, 1) if reel is None else reel.size for reel in reels]
        self.sizes = torch.tensor(sizes, dtype=torch.float32).view(-1, 2)
        self.problems: list[str] = []

    @property
    def waits(self) -> bool:
        """True where other processes do the work."""
        return self.workers > 0

    def read(
        self, clip: Tensor, frame: Tensor, boxes: Tensor, size: int, mirrored: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As `FrameSource.read` says; what cannot be decoded is noted in ``problems``."""
        boxes_of, frames_of = boxes.cpu().long().tolist(), frame.cpu().numpy()
        tasks = [
            self._task(*one, size) for one in zip(clip.tolist(), frames_of, boxes_of, strict=True)
        ]
        found = np.zeros((len(tasks), frame.shape[1], size, size, 3), np.uint8)
        good = torch.zeros(len(tasks), dtype=torch.bool)
        for row, images in enumerate(self._run(tasks)):
            if isinstance(images, str):
                self.problems.append(images)
            elif images is not None:
                found[row], good[row] = images, True
        pictures = torch.from_numpy(found).to(boxes.device).permute(0, 4, 1, 2, 3).float() / 255
        if mirrored is not None:
            pictures = torch.where(mirrored.view(-1, 1, 1, 1, 1), pictures.flip(4), pictures)
        return pictures, good

    def _task(self, clip: int, frame: NDArray[np.int64], box: list[int], size: int) -> _Task | None:
        reel = self.reels[clip]
        if reel is None or not len(reel.times):
            return None
        x0, y0, x1, y1 = box
        times = reel.times[frame % len(reel.times)]
        return reel.path, times, (x0, y0, x1, y1), (size, size), reel.size

    def _run(self, tasks: Sequence[_Task | None]) -> Iterable[NDArray[np.uint8] | str | None]:
        if not self.workers:
            return (None if task is None else read_moments(*task) for task in tasks)
        try:
            begin = _decoders(self.workers).submit
            running = [None if task is None else begin(read_moments, *task) for task in tasks]
            return [None if one is None else one.result() for one in running]
        except BrokenProcessPool as error:
            _decoders.cache_clear()
            raise MediaError(
                "a process that decodes video died: out of memory, or the program that trains "
                'does so outside of `if __name__ == "__main__":`; try video.workers 0'
            ) from error


@cache
def _decoders(workers: int) -> ProcessPoolExecutor:
    """The processes that decode, shared by all parts of a training; they end with the program.

    They import what decodes and no torch, and are spawned, because threads run here.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, leave_interrupts)


class ContextRows:
    """Context vectors of clips, read like poses.

    Args:
        rows: (rows, k, m) float16 or float32, memory-mapped or on a device.
        start, length: (clips,) int64, the rows of each clip: one for each of its frames (or for
            `every` of them in turn), or a single one for all of them; none for a clip that has
            none.
        grid: height and width of the grid that the k vectors are of, which is turned left to
            right where a row is; None where they have no place.
        every: for how many frames a row holds.
    """

    def __init__(
        self,
        rows: Tensor,
        start: Tensor,
        length: Tensor,
        grid: tuple[int, int] | None = None,
        every: int = 1,
    ) -> None:
        self.rows, self.start, self.length = rows, start, length
        self.grid, self.every = grid, every

    def read(self, clip: Tensor, frame: Tensor, mirrored: Tensor | None) -> Tensor:
        """(R, T, k, m) float32 of (R,) clips and (R, T) frames of them; zero for clips without."""
        length = self.length[clip]
        where = self.rows.device
        start, steps = (v[:, None].to(where) for v in (self.start[clip], length.clamp(min=1)))
        row = frame.to(where) // self.every % steps
        index = (start + row).clamp(max=len(self.rows) - 1)
        context = self.rows[index].to(frame.device).float()
        context = context * (length > 0).to(frame.device)[:, None, None, None]
        if mirrored is None or self.grid is None:
            return context
        places = torch.arange(context.shape[2], device=frame.device).view(self.grid).flip(1)
        turned = context[:, :, places.flatten()]
        return torch.where(mirrored[:, None, None, None], turned, context)


def near(rows: Tensor, device: torch.device) -> Tensor:
    """On a CUDA device where half of what is free holds it; else memory-mapped as it is."""
    if device.type != "cuda":
        return rows
    free, _ = torch.cuda.mem_get_info(device)
    return rows.to(device) if rows.numel() * rows.element_size() < free / 2 else rows


def _shared(mapped: NDArray[np.uint8]) -> Tensor:
    """A tensor of a mapped file, copied where it is written: torch knows no read-only memory."""
    name = getattr(mapped, "filename", None)
    if name is None or not mapped.size:
        return torch.tensor(mapped)
    return torch.from_numpy(np.memmap(name, mapped.dtype, "c", shape=mapped.shape))


def check_read(source: FrameSource, footage: Footage, good: Tensor, asked: Tensor) -> None:
    """Raise where pictures that were asked for could not be read and that is an error.

    Raises:
        MediaError: a clip's pictures cannot be decoded; the message says why.
    """
    if not footage.strict or bool((good | ~asked).all()):
        return
    reasons = getattr(source, "problems", [])
    raise MediaError(
        f"{reasons[-1] if reasons else 'the frames of a clip cannot be read'}; fetch the video "
        "again, or go on without such clips' pictures: --missing-rgb skeleton"
    )
