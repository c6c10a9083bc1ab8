"""Shards: safetensors files of flat ragged arrays; ``docs/archive-format.md`` describes them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from gesta.archive.manifest import Body, ShardEntry
from gesta.archive.table import INT_COLUMNS, content_digest
from gesta.clip import Clip, VideoReference
from gesta.errors import ArchiveError, GestaError

UNKNOWN = -(2**31)  # camera, setup, replication
HAS_CONFIDENCE, HAS_PIXELS, HAS_VIDEO = 1, 2, 4
TEXT_COLUMNS = ("id", "subject", "source", "video")

# Tensors that grow with the frames: read by slices, checked clip by clip. All others are columns.
BULK = ("coords", "confidence", "pixels", "times")

Array = NDArray[Any]

# What each column is: safetensors' name of its type, and its size a clip beyond the first.
_COLUMNS: dict[str, tuple[str, tuple[int, ...], int]] = {
    "row_offsets": ("I64", (), 1),
    "time_offsets": ("I64", (), 1),
    "persons": ("I32", (), 0),
    "frames": ("I32", (), 0),
    "labels": ("I32", (), 0),
    "flags": ("U8", (), 0),
    "crc32": ("U32", (), 0),
    "digests": ("U64", (), 0),
    "frame_rate": ("F64", (), 0),
    "frame_size": ("I32", (2,), 0),
    **{name: ("I32", (), 0) for name in INT_COLUMNS},
    **{f"{name}.offsets": ("I64", (), 1) for name in TEXT_COLUMNS},
    **{f"{name}.known": ("U8", (), 0) for name in TEXT_COLUMNS if name != "id"},
}
_TEXT_BYTES = tuple(f"{name}.bytes" for name in TEXT_COLUMNS)


@dataclass(frozen=True, eq=False)
class EncodedClip:
    """A clip made ready for a shard: its bulk arrays by rows, and its checksums."""

    clip: Clip
    bulk: dict[str, Array]
    crc32: int
    digest: int

    @property
    def bytes(self) -> int:
        """How much its bulk arrays take."""
        return sum(array.nbytes for array in self.bulk.values())


def encode(clip: Clip) -> EncodedClip:
    """Copy a clip's arrays into rows, (person, frame) in that order.

    Raises:
        ArchiveError: a number does not fit the shard's types.
    """
    size = clip.frame_size or (0, 0)
    numbers = [getattr(clip, name) for name in INT_COLUMNS] + [clip.label, *size]
    # The smallest int32 says "unknown".
    if not all(UNKNOWN < number < 2**31 for number in numbers if number is not None):
        raise ArchiveError(
            f"clip {clip.id!r}: camera, setup, replication, label and frame size are 32-bit "
            f"numbers; found {numbers}"
        )
    coords = _rows(clip.coords)
    bulk: dict[str, Array] = {"coords": coords}
    if clip.confidence is not None:
        bulk["confidence"] = _rows(clip.confidence)
    if clip.pixels is not None:
        bulk["pixels"] = _rows(clip.pixels)
    if clip.video is not None:
        bulk["times"] = np.array(clip.video.times, np.float64)
    digest = content_digest(coords.reshape(clip.coords.shape))
    return EncodedClip(clip, bulk, checksum(bulk), digest)


def _rows(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """A (M*T, ...) copy whose every NaN has the same bits, so that equal clips are equal bytes."""
    rows = array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])
    # In C order: a transposed array would keep its own, and its bytes be written in that.
    return np.ascontiguousarray(np.where(np.isnan(rows), np.float32(np.nan), rows))


def checksum(bulk: dict[str, Array]) -> int:
    """The CRC-32 of a clip: over its coords, confidence, pixels and times, those it has."""
    crc = 0
    for name in BULK:
        if name in bulk:
            crc = zlib.crc32(np.ascontiguousarray(bulk[name]).data, crc)
    return crc


def columns_checksum(columns: dict[str, Array]) -> int:
    """The CRC-32 over all columns of a shard, in the order of their names."""
    crc = 0
    for name in sorted(columns):
        crc = zlib.crc32(np.ascontiguousarray(columns[name]).data, crc)
    return crc


def build_columns(clips: Sequence[EncodedClip]) -> dict[str, Array]:
    """The columns of a shard of these clips."""
    plain = [item.clip for item in clips]
    flags = [
        HAS_CONFIDENCE * (c.confidence is not None)
        + HAS_PIXELS * (c.pixels is not None)
        + HAS_VIDEO * (c.video is not None)
        for c in plain
    ]
    times = [0 if c.video is None else c.frames for c in plain]
    columns: dict[str, Array] = {
        "row_offsets": _offsets([c.persons * c.frames for c in plain]),
        "time_offsets": _offsets(times),
        "persons": np.array([c.persons for c in plain], np.int32),
        "frames": np.array([c.frames for c in plain], np.int32),
        "labels": np.array([-1 if c.label is None else c.label for c in plain], np.int32),
        "flags": np.array(flags, np.uint8),
        "crc32": np.array([item.crc32 for item in clips], np.uint32),
        "digests": np.array([item.digest for item in clips], np.uint64),
        "frame_rate": np.array([c.frame_rate or np.nan for c in plain], np.float64),
        "frame_size": np.array([c.frame_size or (0, 0) for c in plain], np.int32).reshape(-1, 2),
    }
    for name in INT_COLUMNS:
        numbers = [getattr(c, name) for c in plain]
        columns[name] = np.array([UNKNOWN if n is None else n for n in numbers], np.int32)
    for name in TEXT_COLUMNS:
        texts = [_text(c, name) for c in plain]
        encoded = [(text or "").encode() for text in texts]
        columns[f"{name}.bytes"] = np.frombuffer(b"".join(encoded), np.uint8)
        columns[f"{name}.offsets"] = _offsets([len(text) for text in encoded])
        if name != "id":
            columns[f"{name}.known"] = np.array([text is not None for text in texts], np.uint8)
    return columns


def _text(clip: Clip, name: str) -> str | None:
    if name == "video":
        return None if clip.video is None else clip.video.path
    return getattr(clip, name)


def _offsets(sizes: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)


def build_shard(clips: Sequence[EncodedClip], body: Body) -> tuple[bytes, int]:
    """The bytes of a shard file, and the checksum of its columns."""
    columns = build_columns(clips)
    tensors = dict(columns)
    joints, channels = len(body.layout), len(body.channels)
    trailing = {"coords": (joints, channels), "confidence": (joints,), "pixels": (joints, 2)}
    for name, shape in trailing.items():
        if name == "coords" or any(name in item.bulk for item in clips):
            parts = [
                item.bulk.get(name, np.full((len(item.bulk["coords"]), *shape), np.nan, np.float32))
                for item in clips
            ]
            tensors[name] = np.concatenate(parts)
    times = [item.bulk["times"] for item in clips if "times" in item.bulk]
    tensors["times"] = np.concatenate([np.empty(0), *times])
    # One key: safetensors writes several in any order, and equal clips shall be equal files.
    metadata = {"gesta": json.dumps({"format": "gesta-shard", **body.to_dict()})}
    return safetensors.numpy.save(tensors, metadata), columns_checksum(columns)


class Shard:
    """An opened shard: its columns in memory, its bulk memory-mapped.

    Raises:
        ArchiveError: it is missing, or differs from what the manifest and ``body`` promise.
    """

    def __init__(self, folder: Path, entry: ShardEntry, body: Body) -> None:
        self.path, self.entry, self._body = folder / entry.name, entry, body
        try:
            size = self.path.stat().st_size
            self._file = safe_open(str(self.path), framework="numpy")
            names = set(self._file.keys())
            self._expect("bytes", entry.bytes, size)
            self._check_headers(names)
            self.columns: dict[str, Array] = {
                name: self._file.get_tensor(name) for name in sorted(names - set(BULK))
            }
        except (OSError, SafetensorError) as error:
            raise ArchiveError(self._damage(str(error))) from error
        found = columns_checksum(self.columns)
        self._expect("checksum of its columns", entry.columns_crc32, found)
        self._check_offsets()

    def column(self, name: str) -> NDArray[np.int64]:
        """A column of whole numbers, as int64."""
        return self.columns[name].astype(np.int64)

    def texts(self, name: str) -> list[str | None]:
        """A column of text; None where unknown."""
        text, offsets = self.columns[f"{name}.bytes"].tobytes(), self.column(f"{name}.offsets")
        bounds = offsets.tolist()
        try:
            values = [text[a:b].decode() for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
        except UnicodeDecodeError as error:
            raise ArchiveError(self._damage(f"{name}: {error}")) from error
        if name == "id":
            return list(values)
        known = self.columns[f"{name}.known"].tolist()
        return [value if k else None for value, k in zip(values, known, strict=True)]

    def whole(self, name: str) -> NDArray[np.float32] | None:
        """A bulk tensor at once, read-only and memory-mapped; None where no clip has it.

        Ten times as fast as safetensors' own ``get_tensor``, which copies the bytes twice.
        """
        if name not in self._file.keys():
            return None
        shape = tuple(self._file.get_slice(name).get_shape())
        if not shape[0]:
            return np.empty(shape, np.float32)
        return np.memmap(self.path, np.float32, "r", self._place(name), shape)

    def clip(self, i: int) -> Clip:
        """The clip at a place in this shard, its checksum compared.

        Raises:
            ArchiveError: its bytes are not those that were written.
        """
        columns = self.columns
        persons, frames = int(columns["persons"][i]), int(columns["frames"][i])
        flags, video = int(columns["flags"][i]), self._text_at("video", i)
        bulk = self.bulk(i)
        id_ = self._text_at("id", i)
        if checksum(bulk) != int(columns["crc32"][i]):
            raise ArchiveError(self._damage(f"clip {id_!r} fails its checksum (crc32)"))
        shape = (persons, frames)
        width, height = (int(n) for n in columns["frame_size"][i])
        rate, label = float(columns["frame_rate"][i]), int(columns["labels"][i])
        numbers = {name: int(columns[name][i]) for name in INT_COLUMNS}
        try:
            return Clip(
                coords=_clip_shape(bulk["coords"], shape),
                layout=self._body.layout,
                channels=self._body.channels,
                space=self._body.space,
                confidence=_clip_shape(bulk["confidence"], shape)
                if flags & HAS_CONFIDENCE
                else None,
                pixels=_clip_shape(bulk["pixels"], shape) if flags & HAS_PIXELS else None,
                frame_rate=None if np.isnan(rate) else rate,
                frame_size=(width, height) if width or height else None,
                video=VideoReference(video or "", bulk["times"]) if flags & HAS_VIDEO else None,
                id=id_ or "",
                label=None if label < 0 else label,
                subject=self._text_at("subject", i),
                source=self._text_at("source", i),
                **{name: None if n == UNKNOWN else n for name, n in numbers.items()},
            )
        except GestaError as error:
            raise ArchiveError(self._damage(str(error))) from error

    def bulk(self, i: int) -> dict[str, NDArray]:
        """The rows and times of one clip, those it has."""
        columns = self.columns
        flags = int(columns["flags"][i])
        wanted = ["coords"]
        wanted += ["confidence"] if flags & HAS_CONFIDENCE else []
        wanted += ["pixels"] if flags & HAS_PIXELS else []
        start, stop = (int(n) for n in columns["row_offsets"][i : i + 2])
        bulk = {name: self._slice(name, start, stop) for name in wanted}
        if flags & HAS_VIDEO:
            start, stop = (int(n) for n in columns["time_offsets"][i : i + 2])
            bulk["times"] = self._slice("times", start, stop)
        return bulk

    def _place(self, name: str) -> int:
        """Where in the file a tensor begins; the header has been checked by safetensors."""
        with open(self.path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        return 8 + length + int(header[name]["data_offsets"][0])

    def _slice(self, name: str, start: int, stop: int) -> NDArray:
        part = self._file.get_slice(name)
        if start == stop:  # safetensors refuses empty slices
            dtype = np.float64 if name == "times" else np.float32
            return np.empty((0, *part.get_shape()[1:]), dtype)
        return part[start:stop]

    def _text_at(self, name: str, i: int) -> str | None:
        if name != "id" and not self.columns[f"{name}.known"][i]:
            return None
        start, stop = self.columns[f"{name}.offsets"][i : i + 2]
        try:
            return self.columns[f"{name}.bytes"][start:stop].tobytes().decode()
        except UnicodeDecodeError as error:
            raise ArchiveError(self._damage(f"{name} of clip {i}: {error}")) from error

    def _check_headers(self, names: set[str]) -> None:
        clips, rows, joints = self.entry.clips, self.entry.rows, len(self._body.layout)
        wanted: dict[str, tuple[str, list[int]]] = {
            name: (dtype, [clips + more, *shape]) for name, (dtype, shape, more) in _COLUMNS.items()
        }
        wanted["coords"] = ("F32", [rows, joints, len(self._body.channels)])
        if "confidence" in names:
            wanted["confidence"] = ("F32", [rows, joints])
        if "pixels" in names:
            wanted["pixels"] = ("F32", [rows, joints, 2])
        flat = {"times": "F64", **dict.fromkeys(_TEXT_BYTES, "U8")}
        self._expect("tensors", sorted({*wanted, *flat}), sorted(names))
        for name in sorted(names):
            part = self._file.get_slice(name)
            dtype, shape = part.get_dtype(), part.get_shape()
            found = (dtype, list(shape))
            self._expect(name, wanted.get(name, (flat.get(name), shape[:1])), found)

    def _check_offsets(self) -> None:
        columns, flags = self.columns, self.columns["flags"]
        rows = self.column("persons") * self.column("frames")
        times = np.where(flags & HAS_VIDEO, self.column("frames"), 0)
        sizes = {"row_offsets": rows, "time_offsets": times}
        ends = {"row_offsets": self.entry.rows, "time_offsets": self._length("times")}
        ends |= {f"{name}.offsets": len(columns[f"{name}.bytes"]) for name in TEXT_COLUMNS}
        for name, end in ends.items():
            offsets = self.column(name)
            steps = np.diff(offsets)
            good = offsets[0] == 0 and offsets[-1] == end and (steps >= 0).all()
            if not good or (name in sizes and not np.array_equal(steps, sizes[name])):
                raise ArchiveError(self._damage(f"{name} do not fit the sizes of the clips"))
        for bit, name in ((HAS_CONFIDENCE, "confidence"), (HAS_PIXELS, "pixels")):
            if (flags & bit).any() and name not in self._file.keys():
                raise ArchiveError(self._damage(f"clips have {name}, and there is no such tensor"))

    def _length(self, name: str) -> int:
        return int(self._file.get_slice(name).get_shape()[0])

    def _expect(self, what: str, expected: object, found: object) -> None:
        if expected != found:
            raise ArchiveError(self._damage(f"{what}: expected {expected}, found {found}"))

    def _damage(self, what: str) -> str:
        return f"{self.path}: {what}; restore the file from a copy or prepare the archive again"


def _clip_shape(rows: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    return rows.reshape(*shape, *rows.shape[1:])
