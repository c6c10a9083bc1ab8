"""Context files: k vectors of m numbers for each frame of clips, for each few, or for each clip.

One safetensors file: ``context`` (rows, k, m) float16, ``offsets`` (N+1,) int64 of the rows of
each clip, their ids as ``ids.bytes`` and ``ids.offsets``; the metadata says by what they were
made. A clip has as many rows as frames, or a single one that holds for all of them; where the
metadata has ``every`` K, each row holds for K frames in turn, the last for those that are left.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from gesta.archive.durable import check_place, sync_folder
from gesta.errors import FormatError, ShapeError

KIND = "gesta context 1"
_TENSORS = ("context", "offsets", "ids.bytes", "ids.offsets")


@dataclass(frozen=True, eq=False)
class Context:
    """The vectors of some clips.

    Args:
        path: of the file.
        rows: (rows, k, m) float16, memory-mapped.
        offsets: (N+1,) int64, where the rows of each clip begin and end.
        ids: of the N clips.
        about: what made them; ``grid`` "7x7" says that the k vectors lie in a grid of the frame,
            ``every`` "4" that a row holds for four frames.
    """

    path: Path
    rows: NDArray[np.float16]
    offsets: NDArray[np.int64]
    ids: tuple[str, ...]
    about: Mapping[str, str]

    @property
    def grid(self) -> tuple[int, int] | None:
        """Height and width of the grid of the k vectors, None where they have no places."""
        height, _, width = self.about.get("grid", "").partition("x")
        return (int(height), int(width)) if width else None

    @property
    def every(self) -> int:
        """For how many frames a row holds."""
        return int(self.about.get("every", "1"))

    def rows_of(self, frames: int) -> int:
        """How many rows a clip of so many frames has, if it has more than one for all of them."""
        return -(-frames // self.every)

    def of(self, clip: str) -> NDArray[np.float16]:
        """The rows (T or 1, k, m) of a clip, fewer where one holds for several frames.

        Raises:
            KeyError: the file has none of that id.
        """
        start, stop = self.place(clip)
        return self.rows[start:stop]

    def place(self, clip: str) -> tuple[int, int]:
        """Where the rows of a clip begin and end.

        Raises:
            KeyError: the file has none of that id.
        """
        index = self._places[clip]
        return int(self.offsets[index]), int(self.offsets[index + 1])

    def __contains__(self, clip: object) -> bool:
        """Whether the file has a clip of that id."""
        return clip in self._places

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.ids)}


def write_context(
    path: str | Path,
    clips: Iterable[tuple[str, NDArray[Any]]],
    about: Mapping[str, str] | None = None,
) -> Context:
    """Write a context file, clip by clip, whole or not at all.

    Args:
        path: of the file.
        clips: ids with (T, k, m) numbers, T the frames of the clip, or (k, m) for all of them.
        about: what made them, for people; ``grid`` "HxW" where the k vectors lie in a grid, and
            ``every`` "K" where clips have a row for every K frames.

    Raises:
        ShapeError: a clip's numbers have another k or m, are not finite, or its id comes twice.
        OSError: the file cannot be written.
    """
    path = Path(path)
    check_place(path)
    beside = path.with_name(path.name + ".rows")
    ids: list[str] = []
    counts, shape = [0], None
    try:
        with open(beside, "wb") as file:
            for name, values in clips:
                rows = _rows(name, values, shape)
                shape = rows.shape[1:]
                file.write(np.ascontiguousarray(rows).tobytes())
                ids.append(name)
                counts.append(counts[-1] + len(rows))
        if shape is None or len(set(ids)) < len(ids):
            raise ShapeError(f"{path}: expected clips, each of them once; found {len(ids)} entries")
        _compose(path, beside, ids, np.array(counts, np.int64), shape, dict(about or {}))
    finally:
        beside.unlink(missing_ok=True)
    return open_context(path)


def open_context(path: str | Path) -> Context:
    """Open a context file.

    Raises:
        FormatError: it is no such file, or is damaged.
    """
    path = Path(path)
    expected = "a context file, as `gesta context` writes it"
    if not path.is_file():
        raise FormatError(path, "file", expected, "none")
    try:
        with safe_open(str(path), framework="numpy") as file:
            about = dict(file.metadata() or {})
            if about.pop("kind", None) != KIND or not set(_TENSORS) <= set(file.keys()):
                raise FormatError(path, "metadata", expected, "another kind of safetensors file")
            shape = tuple(file.get_slice("context").get_shape())
            kind = file.get_slice("context").get_dtype()
            columns = {name: file.get_tensor(name) for name in _TENSORS[1:]}
    except SafetensorError as error:
        raise FormatError(path, "file", expected, str(error)) from error
    offsets, text = columns["offsets"], columns["ids.bytes"].tobytes()
    bounds = columns["ids.offsets"].tolist()
    if not about.get("every", "1").isdecimal() or not int(about.get("every", "1")):
        raise FormatError(path, "every", "a number of frames, at least 1", about["every"])
    good = len(shape) == 3 and kind == "F16" and len(offsets) == len(bounds)
    if not good or offsets[0] != 0 or offsets[-1] != shape[0] or (np.diff(offsets) < 0).any():
        raise FormatError(path, "offsets", f"rows of clips up to {shape[:1]}", str(offsets[-1:]))
    ids = tuple(text[a:b].decode() for a, b in zip(bounds[:-1], bounds[1:], strict=True))
    # Copy on write: what reads it may hand it on as writable memory, and the file stays as it is.
    rows: NDArray[np.float16] = np.empty(shape, np.float16)
    if shape[0]:
        rows = np.memmap(path, np.float16, "c", _place(path), shape)
    return Context(path, rows, offsets, ids, about)


def _rows(name: str, values: NDArray[Any], shape: tuple[int, ...] | None) -> NDArray[np.float16]:
    rows = np.asarray(values)
    rows = rows[None] if rows.ndim == 2 else rows
    if rows.ndim != 3 or 0 in rows.shape[1:] or shape not in (None, rows.shape[1:]):
        wanted = "(T, k, m) or (k, m)" if shape is None else f"(T, {shape[0]}, {shape[1]})"
        raise ShapeError(f"context of clip {name!r}: expected {wanted}, found {values.shape}")
    with np.errstate(over="ignore"):
        short = rows.astype(np.float16)
    if not np.isfinite(short).all():
        raise ShapeError(
            f"context of clip {name!r}: expected finite numbers below 65504, as float16 holds them"
        )
    return short


def _compose(
    path: Path,
    rows: Path,
    ids: list[str],
    offsets: NDArray[np.int64],
    shape: tuple[int, ...],
    about: dict[str, str],
) -> None:
    """Put header, columns and rows into one file, the large tensor first."""
    encoded = [name.encode() for name in ids]
    places = np.concatenate([[0], np.cumsum([len(text) for text in encoded])]).astype(np.int64)
    columns: list[tuple[str, str, list[int], bytes]] = [
        ("offsets", "I64", [len(offsets)], offsets.tobytes()),
        ("ids.offsets", "I64", [len(places)], places.tobytes()),
        ("ids.bytes", "U8", [int(places[-1])], b"".join(encoded)),
    ]
    end = rows.stat().st_size
    # Whole numbers of eight bytes begin at multiples of eight.
    padding = -end % 8
    header: dict[str, Any] = {
        "__metadata__": {**{key: str(value) for key, value in about.items()}, "kind": KIND},
        "context": {"dtype": "F16", "shape": [int(offsets[-1]), *shape], "data_offsets": [0, end]},
    }
    if padding:
        pad = {"dtype": "U8", "shape": [padding], "data_offsets": [end, end + padding]}
        header["padding"] = pad
        end += padding
    for name, dtype, size, data in columns:
        header[name] = {"dtype": dtype, "shape": size, "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    beside = path.with_name(path.name + ".tmp")
    try:
        with open(beside, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            with open(rows, "rb") as source:
                shutil.copyfileobj(source, file, 1 << 24)
            file.write(b"\0" * padding + b"".join(data for *_, data in columns))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def _place(path: Path) -> int:
    """Where in the file the rows begin."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return 8 + length + int(header["context"]["data_offsets"][0])
