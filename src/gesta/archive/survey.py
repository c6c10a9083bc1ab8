"""Measuring all joints of an archive, shard by shard, for the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.archive.reader import Archive
from gesta.archive.shard import Shard, checksum
from gesta.archive.table import Ints
from gesta.errors import ArchiveError

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measures:
    """What the joints of N clips are like; a track is one person of one clip.

    Args:
        broken: (N,) clips with infinite coordinates, or joints missing in some channels only.
        joints: (N,) joints that could be there, M T V.
        present: (N,) joints that are there.
        empty_frames: (N,) frames in which nobody shows a joint.
        still: (N,) clips in which joints are seen in successive frames, and none ever moves.
        track_clip: (tracks,) the clip of each track.
        bone_length: (tracks, bones) mean length of each bone; NaN where never seen.
        bone_spread: (tracks, bones) standard deviation of its length over its mean.
    """

    broken: Bools
    joints: Ints
    present: Ints
    empty_frames: Ints
    still: Bools
    track_clip: Ints
    bone_length: Floats
    bone_spread: Floats


@dataclass(frozen=True, eq=False)
class Survey(Measures):
    """The measures of all clips of an archive, and its damage.

    Args:
        damage: what is damaged, in words, and the ids of the clips that are.
    """

    damage: list[tuple[str, list[str]]]


def survey(archive: Archive) -> Survey:
    """Read every shard of an archive once, check its SHA-256, and measure its clips."""
    damage: list[tuple[str, list[str]]] = []
    parts: list[Measures] = []
    first = 0
    bones = np.array(archive.layout.bones, np.int64).reshape(-1, 2)
    for shard in archive.shards:
        try:
            archive.check(shard)
        except ArchiveError as error:
            damage.append((str(error), list(_damaged_clips(shard))))
        parts.append(_measure(shard, bones, first))
        first += shard.entry.clips

    measured: dict[str, Any] = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Measures)
    }
    return Survey(damage=damage, **measured)


def median(values: Floats, axis: int) -> Floats:
    """The (lower) median of what is not NaN; NaN where nothing else is there."""
    ordered = np.sort(values, axis=axis)  # NaN goes last
    count = (~np.isnan(ordered)).sum(axis=axis, keepdims=True)
    if not ordered.shape[axis]:
        return np.full(count.squeeze(axis).shape, np.nan)
    middle = np.maximum(count - 1, 0) // 2
    return np.take_along_axis(ordered, middle, axis=axis).squeeze(axis)


def _damaged_clips(shard: Shard) -> Iterator[str]:
    for i, name in enumerate(shard.texts("id")):
        if checksum(shard.bulk(i)) != int(shard.columns["crc32"][i]):
            yield str(name)


def _measure(shard: Shard, bones: Ints, first: int) -> Measures:
    coords = shard.whole("coords")
    assert coords is not None  # every shard has coords
    persons, frames = shard.column("persons"), shard.column("frames")
    clips = len(persons)
    clip_of_row = np.repeat(np.arange(clips), persons * frames)
    missing, infinite = np.isnan(coords), np.isinf(coords)
    torn = (missing.any(-1) != missing.all(-1)) | infinite.any(-1)
    there = ~missing.any(-1) & ~torn
    track_clip = np.repeat(np.arange(clips), persons)
    track_clip = track_clip[frames[track_clip] > 0]
    length, spread = _bones(np.where(there[..., None], coords, np.nan), bones, frames[track_clip])

    def per_clip(rows: NDArray) -> Ints:
        return np.bincount(clip_of_row, rows, clips).astype(np.int64)

    both, moved = _moves(coords, there, frames[track_clip])
    present = per_clip(there.sum(-1))
    return Measures(
        broken=per_clip(torn.any(-1)) > 0,
        joints=persons * frames * coords.shape[1],
        present=present,
        empty_frames=frames - _seen_frames(there.any(-1), clip_of_row, shard),
        still=(per_clip(both) > 0) & (per_clip(moved) == 0),
        track_clip=track_clip + first,
        bone_length=length,
        bone_spread=spread,
    )


def _seen_frames(row_seen: Bools, clip_of_row: Ints, shard: Shard) -> Ints:
    """(clips,) the frames in which at least one person shows a joint."""
    frames = shard.column("frames")
    begins = np.cumsum(frames) - frames
    inside = np.arange(len(clip_of_row)) - shard.column("row_offsets")[clip_of_row]
    frame_of_row = begins[clip_of_row] + inside % np.maximum(frames[clip_of_row], 1)
    seen = np.zeros(int(frames.sum()), bool)
    seen[frame_of_row[row_seen]] = True
    return np.bincount(np.repeat(np.arange(len(frames)), frames), seen, len(frames)).astype(int)


def _moves(coords: NDArray[np.float32], there: Bools, track_frames: Ints) -> tuple[Bools, Bools]:
    """(rows,) where a joint was there the frame before on its track, and where one has moved."""
    both, moved = np.zeros((2, len(coords)), bool)
    if len(coords) > 1:
        pairs = there[1:] & there[:-1]
        both[1:] = pairs.any(-1)
        moved[1:] = ((coords[1:] != coords[:-1]).any(-1) & pairs).any(-1)
        begins = np.cumsum(track_frames) - track_frames
        both[begins] = moved[begins] = False
    return both, moved


def _bones(coords: NDArray[np.float32], bones: Ints, track_frames: Ints) -> tuple[Floats, Floats]:
    """Mean length of each bone on each track, and its standard deviation over that."""
    if not len(track_frames):
        return np.empty((0, len(bones))), np.empty((0, len(bones)))
    difference = coords[:, bones[:, 0]] - coords[:, bones[:, 1]]
    length = np.sqrt(np.einsum("rbc,rbc->rb", difference, difference))
    begins = np.cumsum(track_frames) - track_frames
    there = ~np.isnan(length)
    count = np.add.reduceat(there, begins, axis=0, dtype=np.float64)
    count[count == 0] = np.nan
    mean = np.add.reduceat(np.where(there, length, 0), begins, axis=0, dtype=np.float64) / count
    off = np.where(there, length - np.repeat(mean, track_frames, axis=0), 0)
    deviation = np.sqrt(np.add.reduceat(off**2, begins, axis=0, dtype=np.float64) / count)
    return mean, deviation / np.where(mean > 0, mean, np.nan)
