"""A whole data set on one device, from which batches are gathered without a loop over clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gesta.archive import Archive, FlatClips
from gesta.axes import check_shape
from gesta.errors import ShapeError
from gesta.transforms.batch import NOWHERE, Batch
from gesta.transforms.footage import Footage

# Rows whose gaps are filled at once: bounds the memory that filling takes beside the data.
FILL_ROWS = 1 << 18


class ResidentClips:
    """N clips held on a device with their gaps filled; gives batches of any of them.

    Args:
        flat: the clips, as `gesta.archive.Archive.flat` gives them.
        labels: (N,) their labels, -1 where unknown.
        ids: their N ids.
        device: where they are to lie.
        persons: M of the batches, the first of each clip; None: as many as a batch needs.
        footage: of these clips, for a model that takes more than poses.

    Raises:
        ShapeError: the arrays do not fit each other.
    """

    def __init__(
        self,
        flat: FlatClips,
        labels: NDArray[np.int64],
        ids: Sequence[str],
        device: torch.device | str = "cpu",
        persons: int | None = None,
        footage: Footage | None = None,
    ) -> None:
        _check(flat, labels, ids)
        self.labels = torch.tensor(np.asarray(labels, np.int64))
        self.ids = list(ids)
        self.persons = persons
        self.footage = footage
        self.device = torch.device(device)
        self._id_array = np.array(self.ids, dtype=object)
        self._person_counts = torch.tensor(np.asarray(flat.persons, np.int64))
        self._frame_counts = torch.tensor(np.asarray(flat.frames, np.int64))
        self._offsets = torch.tensor(np.asarray(flat.offsets[:-1], np.int64))

        rows, joints, channels = flat.coords.shape
        # One row more than there are: nobody, which every place without a person points to.
        coords = torch.zeros((rows + 1, joints, channels), device=self.device)
        coords[:rows] = torch.tensor(flat.coords, device=self.device)
        seen = ~coords[..., 0].isnan()
        seen[rows] = False
        self._mask = seen.any(dim=1)
        self._confidence = _confidence(flat.confidence, seen, self._mask)
        _fill_gaps(coords[:rows], seen[:rows], *_tracks(flat))
        self._coords = coords
        self._pixels: Tensor | None = None
        if footage is not None and footage.pixels is not None:
            check_shape("pixels of the footage", footage.pixels, "R V 2", R=rows, V=joints)
            self._pixels = coords.new_full((rows + 1, joints, 2), NOWHERE)
            self._pixels[:rows] = torch.tensor(footage.pixels, device=self.device)

    @classmethod
    def from_archive(
        cls,
        archive: Archive,
        indices: NDArray[np.int64],
        device: torch.device | str = "cpu",
        persons: int | None = None,
        footage: Footage | None = None,
    ) -> ResidentClips:
        """The clips of an archive that ``indices`` (N,) name, in that order.

        Raises:
            ArchiveError: a shard is damaged.
        """
        ids = [archive.ids[index] for index in indices.tolist()]
        return cls(archive.flat(indices), archive.labels[indices], ids, device, persons, footage)

    def __len__(self) -> int:
        """The number of clips, N."""
        return len(self.ids)

    @property
    def waits(self) -> bool:
        """Whether batches are better made before they are needed."""
        return self.footage is not None and self.footage.waits

    def batch(self, positions: Tensor) -> Batch:
        """A batch of the clips at ``positions`` (N,) int64, padded to the longest of them.

        Row i of the batch is clip ``positions[i]`` of these, and its ``Batch.clip`` is i.
        """
        positions = positions.cpu()
        persons, frames = self._person_counts[positions], self._frame_counts[positions]
        people = max(1, int(persons.max())) if self.persons is None else self.persons
        length = max(1, int(frames.max()))

        offsets, persons, frames, labels = (
            values.to(self.device, non_blocking=True)
            for values in (self._offsets[positions], persons, frames, self.labels[positions])
        )
        m = torch.arange(people, device=self.device)[:, None]
        t = torch.arange(length, device=self.device)
        there = (m < persons[:, None, None]) & (t < frames[:, None, None])
        rows = offsets[:, None, None] + m * frames[:, None, None] + t
        index = torch.where(there, rows, len(self._coords) - 1).flatten()

        shape = (len(positions), people, length)

        def gather(values: Tensor) -> Tensor:
            return values.index_select(0, index).view(*shape, *values.shape[1:])

        return Batch(
            poses=gather(self._coords),
            mask=gather(self._mask),
            labels=labels,
            ids=self._id_array[positions.numpy()].tolist(),
            clip=torch.arange(len(positions), device=self.device),
            lengths=frames,
            confidence=None if self._confidence is None else gather(self._confidence),
            pixels=None if self._pixels is None else gather(self._pixels),
            footage=None if self.footage is None else self.footage.at(positions),
        )


def _check(flat: FlatClips, labels: NDArray[np.int64], ids: Sequence[str]) -> None:
    sizes = check_shape("flat coords", flat.coords, "R V C")
    count = check_shape("flat frames", flat.frames, "N")["N"]
    check_shape("flat persons", flat.persons, "N", N=count)
    check_shape("flat offsets", flat.offsets, "N", N=count + 1)
    check_shape("labels", labels, "N", N=count)
    if flat.confidence is not None:
        check_shape("flat confidence", flat.confidence, "R V", R=sizes["R"], V=sizes["V"])
    lengths = np.diff(flat.offsets)
    if len(ids) != count or flat.offsets[-1] != sizes["R"]:
        raise ShapeError(
            f"flat clips: expected {count} ids and {flat.offsets[-1]} rows, found {len(ids)} and "
            f"{sizes['R']}"
        )
    if not np.array_equal(lengths, np.asarray(flat.persons) * np.asarray(flat.frames)):
        raise ShapeError("flat clips: offsets differ from persons times frames")


def _confidence(known: NDArray[np.float32] | None, seen: Tensor, mask: Tensor) -> Tensor | None:
    """(rows + 1, V) confidence, 0 where a joint is missing; None where it would only say that."""
    if known is None:
        return None if torch.equal(seen.all(dim=1), mask) else seen.float()
    confidence = seen.float()
    confidence[:-1] *= torch.tensor(known, device=seen.device)
    return confidence


def _tracks(flat: FlatClips) -> tuple[Tensor, Tensor]:
    """The first row of each person's track, and the row after its last; tracks without rows out."""
    lengths = torch.tensor(np.repeat(np.asarray(flat.frames), np.asarray(flat.persons)))
    lengths = lengths[lengths > 0]
    stops = lengths.cumsum(0)
    return stops - lengths, stops


def _fill_gaps(coords: Tensor, seen: Tensor, starts: Tensor, stops: Tensor) -> None:
    """Fill ``coords`` (rows, V, C) in place as `gesta.clip.fill_missing` does, many tracks at once.

    Args:
        coords: the rows of all tracks.
        seen: (rows, V) bool, which joints are there.
        starts: first row of each track, increasing.
        stops: the row after the last of each track.
    """
    track = 0
    while track < len(starts):
        first = int(starts[track])
        after = int(torch.searchsorted(stops, first + FILL_ROWS, right=True))
        after = max(after, track + 1)
        last = int(stops[after - 1])
        if not bool(seen[first:last].all()):
            bounds = [(b[track:after] - first).to(coords.device) for b in (starts, stops)]
            _fill_tracks(coords[first:last], seen[first:last], *bounds)
        track = after


def _fill_tracks(coords: Tensor, seen: Tensor, starts: Tensor, stops: Tensor) -> None:
    rows = torch.arange(len(coords), device=coords.device)[:, None]
    lengths = stops - starts
    start = starts.repeat_interleave(lengths)[:, None]
    stop = stops.repeat_interleave(lengths)[:, None]

    # The nearest row before and after each at which the joint is seen, if any in the same track.
    before = torch.where(seen, rows, -1).cummax(dim=0).values
    after = torch.where(seen, rows, len(coords)).flip(0).cummin(dim=0).values.flip(0)
    has_before, has_after = before >= start, after < stop
    low = torch.where(has_before, before, torch.where(has_after, after, rows))
    high = torch.where(has_after, after, low)
    share = (rows - low) / (high - low).clamp(min=1)
    joints = torch.arange(coords.shape[1], device=coords.device)
    filled = torch.lerp(coords[low, joints], coords[high, joints], share[..., None].clamp(min=0))

    # A joint that a track never shows lies at the middle of those it does; nobody is zero.
    ever = (has_before | has_after)[..., None]
    known = torch.where(ever, filled, 0)
    middle = known.sum(dim=1, keepdim=True) / ever.sum(dim=1, keepdim=True).clamp(min=1)
    coords.copy_(torch.where(seen[..., None], coords, torch.where(ever, filled, middle)))
