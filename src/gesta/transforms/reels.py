"""From clips and where their videos are to their `Footage`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.archive import Context
from gesta.clip import Clip, VideoReference
from gesta.errors import ArchiveError, MediaError, ShapeError
from gesta.media import FrameCache, open_video
from gesta.media.projection import joint_pixels
from gesta.transforms.batch import NOWHERE
from gesta.transforms.footage import (
    FROM_FOOTAGE,
    PICTURES,
    ContextRows,
    DecodedFrames,
    Footage,
    Reel,
    StoredFrames,
    near,
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
    clips: Iterable[Clip],
    inputs: Sequence[str],
    options: VideoOptions,
    *,
    find: FindVideo = own_video,
    context: Context | None = None,
    stored: StoredFrames | None = None,
    device: torch.device | str = "cpu",
) -> Footage | None:
    """What a model takes of clips beside their poses; None where it takes nothing.

    Args:
        clips: N of them; gone through once.
        inputs: the names of `Batch` that the model takes.
        options: how pictures are cut and read.
        find: where the video of a clip is.
        context: vectors of the clips, by their ids.
        stored: the frames of these clips, in this order; None: they are decoded.
        device: where the model is, which context vectors are brought to where they fit.

    Raises:
        MediaError: clips have no usable video or context, and `options.missing` is "error".
        ShapeError: a clip's context has another number of rows than the clip has frames.
        GestaError: the model needs joints in pictures, and they are not known.
    """
    if not takes_footage(inputs):
        return None
    problems: dict[str, str] = {}
    pictured = not set(PICTURES).isdisjoint(inputs)
    placed = pictured and (
        options.crop == "projection" or not {"frame_joints", "moved_joint"}.isdisjoint(inputs)
    )
    reels: list[Reel | None] = []
    pixels: list[NDArray[np.float32]] = []
    usable: list[bool] = []
    vectors = _Vectors(context) if "context" in inputs else None
    for place, clip in enumerate(clips):  # in one pass: a large archive need not be held at once
        if pictured:
            reel = _reel(clip, find) if stored is None else _stored_reel(place, stored)
            if isinstance(reel, str):
                problems[clip.id] = reel
            reels.append(None if isinstance(reel, str) else reel)
        if placed:
            pixels.append(_joints(clip, reels[-1]))
        if vectors is not None:
            vectors.add(clip, problems)
        usable.append(clip.id not in problems)
    strict = options.missing == "error"
    if strict and problems:
        raise MediaError(
            describe(problems, len(usable)) + "; go on without: --missing-rgb skeleton"
        )
    return Footage(
        inputs=tuple(inputs),
        clip=torch.arange(len(usable)),
        usable=torch.tensor(usable, dtype=torch.bool),
        source=(stored or DecodedFrames(reels, options.workers)) if pictured else None,
        context=None if vectors is None else vectors.on(torch.device(device)),
        pixels=np.concatenate(pixels) if pixels else None,
        problems=problems,
        strict=strict,
    )


def describe(problems: Mapping[str, str], clips: int) -> str:
    """A line that says of how many clips what is missing, and why for the first of them."""
    listed = "; ".join(f"{name}: {why}" for name, why in list(problems.items())[:_LISTED])
    more = "; ..." if len(problems) > _LISTED else ""
    return f"{len(problems)} of {clips} clips have no usable RGB ({listed}{more})"


def _reel(clip: Clip, find: FindVideo) -> Reel | str:
    """The video of a clip, or why it cannot be used."""
    try:
        path = find(clip)
        if path is None or clip.video is None:
            return "refers to no video"
        if not clip.frames:
            return "has no frames"
        if not path.exists() or (path.is_file() and not path.stat().st_size):
            return f"{path}: no such video, or an empty file"
        return Reel(str(path), clip.video.times, clip.frame_size or _size_of(path))
    except (ArchiveError, MediaError) as error:
        return str(error)


def _stored_reel(place: int, stored: StoredFrames) -> Reel | str:
    """As `_reel`, for frames that are held: of the video only its size counts."""
    if place in stored.reasons:
        return stored.reasons[place]
    if not int(stored.length[place]):
        return "has no frames"
    width, height = stored.sizes[place].int().tolist()
    return Reel("", np.empty(0), (width, height))


def build_cache(
    folder: str | Path,
    clips: Iterable[Clip],
    options: VideoOptions,
    find: FindVideo,
    progress: Callable[[int, int], None] | None = None,
) -> FrameCache:
    """The cache of the frames of clips, filled where it is not.

    Args:
        folder: of the cache.
        clips: all of an archive: runs on parts of it share the cache.
        options: `cache` is the shorter side, and `workers` decode.
        find: where the video of a clip is.
        progress: called with the number of clips that are done, and that of all.

    Raises:
        MediaError: the cache cannot be written.
    """
    videos = []
    for clip in clips:
        reel = _reel(clip, find)
        videos.append(None if isinstance(reel, str) else VideoReference(reel.path, reel.times))
    processes = max(1, options.workers)
    return FrameCache.build(
        folder, videos, side=options.cache, processes=processes, wait=True, progress=progress
    )


def _size_of(path: Path) -> tuple[int, int]:
    with open_video(path) as video:
        return video.size


def _joints(clip: Clip, reel: Reel | None) -> NDArray[np.float32]:
    """(rows, V, 2) pixels of a clip's joints, `NOWHERE` where missing or without a video."""
    joints = len(clip.layout)
    if reel is None:
        return np.full((clip.persons * clip.frames, joints, 2), NOWHERE, np.float32)
    pixels = joint_pixels(clip, size=reel.size)
    return np.nan_to_num(pixels, nan=NOWHERE).reshape(-1, joints, 2)


class _Vectors:
    """Finds the rows of clips in a context file."""

    def __init__(self, context: Context | None) -> None:
        if context is None:
            raise MediaError(
                "the model takes context vectors: make a file of them (gesta context ARCHIVE ...) "
                "and name it: --context FILE"
            )
        self.context = context
        self.starts: list[int] = []
        self.lengths: list[int] = []

    def add(self, clip: Clip, problems: dict[str, str]) -> None:
        """Note where the rows of a clip are, or that there are none."""
        context = self.context
        start, stop = context.place(clip.id) if clip.id in context else (0, 0)
        self.starts.append(start)
        self.lengths.append(stop - start)
        if stop == start:
            problems.setdefault(clip.id, f"{context.path} has no context of it")
        elif stop - start not in (1, rows := context.rows_of(clip.frames)):
            each = "a frame" if context.every == 1 else f"for every {context.every} frames"
            raise ShapeError(
                f"{context.path}: clip {clip.id!r}: expected {rows} rows, one {each}, or "
                f"one for all; found {stop - start}; make it anew from this archive"
            )

    def on(self, device: torch.device) -> ContextRows:
        """All that was found, on a device where it fits."""
        rows = near(torch.from_numpy(self.context.rows), device)
        starts, lengths = torch.tensor(self.starts), torch.tensor(self.lengths)
        context = self.context
        return ContextRows(rows, starts.long(), lengths.long(), context.grid, context.every)
