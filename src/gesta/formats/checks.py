"""Checks that readers share: what a file must be before its numbers mean anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.errors import FormatError


def file_bytes(path: str | Path) -> bytes:
    """The bytes of a file.

    Raises:
        FormatError: it is not there or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        found = "none" if missing else error.strerror or str(error)
        raise FormatError(path, "file", "a file that can be read", found) from error


def text_of(data: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        FormatError: the bytes are no UTF-8, or there are none.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(name, f"byte {error.start}", "UTF-8 text", "binary data") from error
    if not text.strip():
        raise FormatError(name, "file", "text", f"nothing ({len(data)} bytes)")
    return text


def json_of(data: bytes, name: str) -> Any:  # noqa: ANN401 - JSON is anything
    """The content of a JSON file.

    Raises:
        FormatError: it is no JSON.
    """
    text = text_of(data, name)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise FormatError(name, place, "JSON", error.msg, "the file may be cut off") from error
    except RecursionError as error:
        raise FormatError(name, "file", "JSON", "brackets nested too deeply") from error


def finite(
    values: NDArray[Any], name: str, axes: str, *, where: str = "", allow_nan: bool = False
) -> NDArray[np.float32]:
    """The numbers as float32, all of them finite.

    Args:
        values: any numbers.
        name: the file.
        axes: what the axes are called in the message, such as "frame joint".
        where: what stands before them there.
        allow_nan: whether NaN may stand for what is missing.

    Raises:
        FormatError: a number is infinite, too large for float32, or NaN where that is no number.
    """
    with np.errstate(over="ignore"):
        numbers = np.asarray(values).astype(np.float32)
    good = np.isfinite(numbers) | np.isnan(numbers) if allow_nan else np.isfinite(numbers)
    if not good.all():
        index = tuple(int(i) for i in np.argwhere(~good)[0])
        place = ", ".join(f"{a} {i}" for a, i in zip(axes.split(), index, strict=False))
        found = str(np.asarray(values)[index])
        raise FormatError(name, f"{where}: {place}" if where else place, "finite numbers", found)
    return numbers


def without_zeros(coords: NDArray[np.float32]) -> NDArray[np.float32]:
    """Joints at exactly zero in all channels become NaN: that is how files write "not seen".

    No joint of a real body lies in the camera's centre or in the outermost pixel's corner.
    """
    return np.where((coords == 0).all(axis=-1, keepdims=True), np.float32(np.nan), coords)
