"""Anybody's poses in npz files, one clip a file, and the same written.

``coords`` (M, T, V, C) or (T, V, C) with C = 2 or 3, NaN where a joint is missing; and where known
``confidence`` (M, T, V), ``pixels`` (M, T, V, 2), ``frame_rate``, ``frame_size`` (width, height),
``layout`` (a name), ``space``. Without ``space`` three channels are ``camera_metres`` and two are
``pixels``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.clip import SPACES, Clip
from gesta.errors import FormatError, GestaError
from gesta.formats.checks import file_bytes, finite
from gesta.formats.npz import load_npz
from gesta.skeleton import Layout, get_layout

Table = dict[str, NDArray[Any]]
_KEYS = ("coords", "confidence", "pixels", "frame_rate", "frame_size", "layout", "space")


def is_arrays_npz(keys: list[str]) -> bool:
    """Whether an npz with these arrays is one clip of anybody's."""
    return "coords" in keys


def parse_arrays_npz(data: bytes, name: str, layout: Layout | str | None = None) -> Clip:
    """One clip; its id is the file's name without ending.

    Args:
        data: the file's bytes.
        name: the file.
        layout: which joints the V are; None where the file says it.

    Raises:
        FormatError: no npz, an array that is missing, unknown, or does not fit the others, an
            infinite number, or no layout.
    """
    arrays = load_npz(data, name)
    unknown = [key for key in arrays if key not in _KEYS]
    if "coords" not in arrays or unknown:
        found = ", ".join(arrays) or "none"
        raise FormatError(name, "arrays", f"coords, and any of {', '.join(_KEYS[1:])}", found)
    joints = _layout(arrays, name, layout)
    coords = _poses(arrays, name, "coords", len(joints), (2, 3))
    shape, channels = coords.shape[:3], coords.shape[3]
    confidence, pixels = _beside(arrays, name, shape)
    missing = np.isnan(coords).any(axis=-1, keepdims=True)
    try:
        return Clip(
            np.where(missing, np.float32(np.nan), coords),
            joints,
            ("x", "y", "z")[:channels],
            _space(arrays, name, channels),  # type: ignore[arg-type]
            confidence=confidence,
            pixels=pixels,
            frame_rate=_frame_rate(arrays, name),
            frame_size=_frame_size(arrays, name),
            id=Path(name).stem,
        )
    except GestaError as error:
        raise FormatError(name, "arrays", "arrays that make a clip", str(error)) from error


def read_arrays_npz(path: str | Path, layout: Layout | str | None = None) -> Clip:
    """Read a file; see `parse_arrays_npz`."""
    return parse_arrays_npz(file_bytes(path), str(path), layout)


def write_arrays_npz(path: str | Path, clip: Clip) -> None:
    """Write a clip as `read_arrays_npz` reads it back; id, label and recording go elsewhere."""
    arrays: dict[str, Any] = {"coords": clip.coords, "space": clip.space}
    arrays["layout"] = clip.layout.name
    for key in ("confidence", "pixels", "frame_rate", "frame_size"):
        if getattr(clip, key) is not None:
            arrays[key] = getattr(clip, key)
    np.savez_compressed(path, **arrays)


def _layout(arrays: Table, name: str, layout: Layout | str | None) -> Layout:
    if layout is not None:
        return get_layout(layout)
    if "layout" not in arrays:
        advice = "name it with --layout (a known name or a .toml file), or put it in the file"
        raise FormatError(name, "array 'layout'", "the name of a layout", "none", advice)
    return get_layout(_word(arrays, name, "layout"))


def _poses(
    arrays: Table, name: str, key: str, joints: int, sizes: tuple[int, ...]
) -> NDArray[np.float32]:
    """An array (M, T, V, size), the first axis added where it is left out."""
    array = arrays[key]
    if array.dtype.kind not in "fiu":
        raise FormatError(name, f"array {key!r}", "numbers", str(array.dtype))
    whole = array[None] if array.ndim == 3 else array
    if whole.ndim != 4 or whole.shape[2] != joints or whole.shape[3] not in sizes:
        wanted = f"(M, T, {joints}, {' or '.join(str(size) for size in sizes)})"
        raise FormatError(name, f"array {key!r}", f"shape {wanted}", f"{array.shape}")
    if not whole.shape[1]:
        raise FormatError(name, f"array {key!r}", "at least one frame", f"shape {array.shape}")
    return finite(whole, name, "person frame joint channel", where=key, allow_nan=True)


def _beside(
    arrays: Table, name: str, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    confidence = pixels = None
    if "confidence" in arrays:
        array = arrays["confidence"]
        whole = array[None] if array.ndim == 2 else array
        if whole.shape != shape or whole.dtype.kind not in "fiu":
            raise FormatError(name, "array 'confidence'", f"shape {shape}", f"{array.shape}")
        confidence = finite(whole, name, "person frame joint", where="confidence")
    if "pixels" in arrays:
        pixels = _poses(arrays, name, "pixels", shape[2], (2,))
        if pixels.shape[:3] != shape:
            found = f"{arrays['pixels'].shape}"
            raise FormatError(name, "array 'pixels'", f"shape {(*shape, 2)}", found)
    return confidence, pixels


def _word(arrays: Table, name: str, key: str) -> str:
    value = arrays[key]
    if value.ndim or value.dtype.kind != "U":
        raise FormatError(name, f"array {key!r}", "one word", f"{value.dtype} of {value.shape}")
    return str(value)


def _space(arrays: Table, name: str, channels: int) -> str:
    space = _word(arrays, name, "space") if "space" in arrays else ""
    if space and space not in SPACES:
        raise FormatError(name, "array 'space'", f"one of {', '.join(SPACES)}", repr(space))
    return space or ("camera_metres" if channels == 3 else "pixels")


def _frame_rate(arrays: Table, name: str) -> float | None:
    value = arrays.get("frame_rate")
    if value is None:
        return None
    if value.size != 1 or value.dtype.kind not in "fiu" or not 0 < float(value.item()) < 1e6:
        raise FormatError(name, "array 'frame_rate'", "one positive number", f"{value}"[:60])
    return float(value.item())


def _frame_size(arrays: Table, name: str) -> tuple[int, int] | None:
    value = arrays.get("frame_size")
    if value is None:
        return None
    if value.shape != (2,) or value.dtype.kind not in "fiu" or not (value >= 1).all():
        raise FormatError(name, "array 'frame_size'", "width and height", f"{value}"[:60])
    return int(value[0]), int(value[1])
