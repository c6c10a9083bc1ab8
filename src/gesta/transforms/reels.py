"""From clips and where their videos are to their `Footage`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.archive import Context
from gesta.clip import Clip
from gesta.errors import ArchiveError, MediaError, ShapeError
from gesta.media import open_video
from gesta.media.projection import joint_pixels
from gesta.transforms.batch import NOWHERE
from gesta.transforms.footage import (
    FROM_FOOTAGE,
    PICTURES,
    ContextRows,
    DecodedFrames,
    Footage,
    Reel,
)
from gesta.transforms.options import VideoOptions

# Finds the file of a clip's video: `gesta.archive.Archive.video_path`, for one.
FindVideo = Callable[[Clip], Path | None]

# How many clips an error lists by name.
_LISTED = 3


def takes_footage(inputs: Sequence[str]) -> bool:
    """Whether a model with these inputs looks at more than poses."""
    return not set(inputs).isdisjoint(FROM_FOOTAGE)


def own_video(clip: Clip) -> Path | None:
    """The video of a clip that is in no archive: its path as it stands."""
    return None if clip.video is None else Path(clip.video.path)


def footage_of(
    clips: Sequence[Clip],
    inputs: Sequence[str],
    options: VideoOptions,
    *,
    find: FindVideo = own_video,
    context: Context | None = None,
    device: torch.device | str = "cpu",
) -> Footage | None:
    """What a model takes of clips beside their poses; None where it takes nothing.

    Args:
        clips: N of them.
        inputs: the names of `Batch` that the model takes.
        options: how pictures are cut and read.
        find: where the video of a clip is.
        context: vectors of the clips, by their ids.
        device: where the model is, which context vectors are brought to where they fit.

    Raises:
        MediaError: clips have no usable video or context, and `options.missing` is "error".
        ShapeError: a clip's context has another number of rows than the clip has frames.
        GestaError: the model needs joints in pictures, and they are not known.
    """
    if not takes_footage(inputs):
        return None
    problems: dict[str, str] = {}
    source = rows = pixels = None
    if set(inputs) & set(PICTURES):
        reels = [_reel(clip, find, problems) for clip in clips]
        source = DecodedFrames(reels, options.workers)
        if options.crop == "projection" or {"frame_joints", "moved_joint"} & set(inputs):
            pixels = _joints(clips, reels, len(clips[0].layout) if clips else 0)
    if "context" in inputs:
        rows = _context_rows(clips, context, problems, device)
    usable = torch.tensor([clip.id not in problems for clip in clips], dtype=torch.bool)
    strict = options.missing == "error"
    if strict and problems:
        raise MediaError(describe(problems, len(clips)) + "; go on without: --missing-rgb skeleton")
    return Footage(
        tuple(inputs), torch.arange(len(clips)), usable, source, rows, pixels, problems, strict
    )


def describe(problems: Mapping[str, str], clips: int) -> str:
    """A line that says of how many clips what is missing, and why for the first of them."""
    listed = "; ".join(f"{name}: {why}" for name, why in list(problems.items())[:_LISTED])
    more = "; ..." if len(problems) > _LISTED else ""
    return f"{len(problems)} of {clips} clips have no usable RGB ({listed}{more})"


def _reel(clip: Clip, find: FindVideo, problems: dict[str, str]) -> Reel | None:
    """The video of a clip; what is wrong with it is noted."""
    try:
        path = find(clip)
        if path is None or clip.video is None:
            problems[clip.id] = "refers to no video"
        elif not clip.frames:
            problems[clip.id] = "has no frames"
        elif not path.exists() or (path.is_file() and not path.stat().st_size):
            problems[clip.id] = f"{path}: no such video, or an empty file"
        else:
            return Reel(str(path), clip.video.times, clip.frame_size or _size_of(path))
    except (ArchiveError, MediaError) as error:
        problems[clip.id] = str(error)
    return None


def _size_of(path: Path) -> tuple[int, int]:
    with open_video(path) as video:
        return video.size


def _joints(
    clips: Sequence[Clip], reels: Sequence[Reel | None], joints: int
) -> NDArray[np.float32]:
    """(rows, V, 2) pixels of all joints, `NOWHERE` where missing or without a video."""
    parts = [np.empty((0, joints, 2), np.float32)]
    for clip, reel in zip(clips, reels, strict=True):
        if reel is None:
            parts.append(np.full((clip.persons * clip.frames, joints, 2), NOWHERE, np.float32))
            continue
        pixels = joint_pixels(clip, size=reel.size)
        parts.append(np.nan_to_num(pixels, nan=NOWHERE).reshape(-1, joints, 2))
    return np.concatenate(parts)


def _context_rows(
    clips: Sequence[Clip],
    context: Context | None,
    problems: dict[str, str],
    device: torch.device | str,
) -> ContextRows:
    """The rows of the clips in a context file; clips that it has not are noted."""
    if context is None:
        raise MediaError(
            "the model takes context vectors: make a file of them (gesta context ARCHIVE ...) and "
            "name it: --context FILE"
        )
    starts, lengths = [], []
    for clip in clips:
        start, stop = context.place(clip.id) if clip.id in context else (0, 0)
        starts.append(start)
        lengths.append(stop - start)
        if stop == start:
            problems.setdefault(clip.id, f"{context.path} has no context of it")
        elif stop - start not in (1, clip.frames):
            raise ShapeError(
                f"{context.path}: clip {clip.id!r}: expected {clip.frames} rows, one a frame, or "
                f"one for all; found {stop - start}; make it anew from this archive"
            )
    rows = _near(torch.from_numpy(context.rows), torch.device(device))
    return ContextRows(rows, torch.tensor(starts), torch.tensor(lengths), context.grid)


def _near(rows: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On a CUDA device where half of what is free holds it; else memory-mapped as it is."""
    if device.type != "cuda":
        return rows
    free, _ = torch.cuda.mem_get_info(device)
    return rows.to(device) if rows.numel() * rows.element_size() < free / 2 else rows
