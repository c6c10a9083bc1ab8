"""What is known about each clip besides its joints; protocols are functions of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.errors import ProtocolError

COLUMNS = ("subject", "camera", "setup", "replication", "source")
INT_COLUMNS = ("camera", "setup", "replication")

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClipTable:
    """The metadata of N clips, column by column.

    Args:
        ids: unique names.
        labels: (N,) class indices, -1 where unlabelled.
        digests: (N,) what `content_digest` gives.
        subject, source: names, None where unknown.
        camera, setup, replication: numbers, None where unknown.
    """

    ids: list[str]
    labels: Ints
    digests: NDArray[np.uint64]
    subject: list[str | None]
    source: list[str | None]
    camera: list[int | None]
    setup: list[int | None]
    replication: list[int | None]

    @classmethod
    def from_clips(cls, clips: Iterable[Clip]) -> ClipTable:
        """The table of clips that are not in an archive (yet)."""
        clips = list(clips)
        labels = [-1 if clip.label is None else clip.label for clip in clips]
        return cls(
            ids=[clip.id for clip in clips],
            labels=np.array(labels, np.int64),
            digests=np.array([content_digest(clip.coords) for clip in clips], np.uint64),
            subject=[clip.subject for clip in clips],
            source=[clip.source for clip in clips],
            camera=[clip.camera for clip in clips],
            setup=[clip.setup for clip in clips],
            replication=[clip.replication for clip in clips],
        )

    def __len__(self) -> int:
        """The number of clips, N."""
        return len(self.ids)

    def column(self, name: str) -> list[str | None]:
        """A column as text, as protocols compare it; None where unknown.

        Raises:
            ProtocolError: no column is called that.
        """
        if name not in COLUMNS:
            raise ProtocolError(f"no column {name!r}; clips have {', '.join(COLUMNS)}")
        return [None if value is None else str(value) for value in getattr(self, name)]


def content_digest(coords: NDArray[np.float32]) -> int:
    """A 64-bit digest of the coordinates, by which identical clips are found.

    BLAKE2b with 8 bytes of output, read as a little-endian number, over the C-ordered
    little-endian float32 values followed by the four sizes (M, T, V, C) as little-endian int64.
    A clip that shows no joint at all has 0: it is no copy of another such clip.

    Args:
        coords: (M, T, V, C), every NaN the same quiet NaN.
    """
    if np.isnan(coords).all():
        return 0
    digest = hashlib.blake2b(np.ascontiguousarray(coords, "<f4").data, digest_size=8)
    digest.update(np.array(coords.shape, "<i8").tobytes())
    return int.from_bytes(digest.digest(), "little")
