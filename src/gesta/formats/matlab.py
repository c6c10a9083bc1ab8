"""Numeric arrays out of MATLAB ``.mat`` files, version 7 or earlier."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.errors import FormatError


def is_matlab(data: bytes) -> bool:
    """Whether the bytes begin as those of a MATLAB file (versions 5 to 7.3) do."""
    return data.startswith(b"MATLAB ")


def matlab_names(data: bytes) -> list[str]:
    """The names of the variables; none where the file is damaged or of another version."""
    from scipy.io import whosmat

    try:
        return [name for name, _, _ in whosmat(BytesIO(data))]
    except Exception:  # a damaged file makes scipy raise almost anything
        return []


def matlab_array(data: bytes, name: str, key: str) -> NDArray[Any]:
    """The array of numbers that stands under a key.

    Args:
        data: the bytes of the file.
        name: its name, for messages.
        key: what the array is called.

    Raises:
        FormatError: no MATLAB file up to version 7, no such key, no numbers, or none at all.
    """
    # Imported here: it takes longer than all else that reading a text file needs.
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(BytesIO(data), variable_names=[key])
    except Exception as error:  # a damaged file makes scipy raise almost anything
        found = f"{len(data)} bytes that cannot be read ({type(error).__name__}: {error})"
        raise FormatError(name, "file", "a MATLAB file up to version 7", found) from error
    if key not in content:
        names = ", ".join(matlab_names(data)) or "no variables"
        raise FormatError(name, "file", f"the key {key!r}", names)
    array = np.asarray(content[key])
    if array.dtype.kind not in "iuf" or array.size == 0:
        found = f"{array.dtype} of shape {array.shape}"
        raise FormatError(name, f"key {key!r}", "an array of numbers", found)
    return array


def expect_axes(
    array: NDArray[Any], name: str, key: str, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """The array, after a check of its shape; None stands for a size that is free.

    MATLAB drops a last axis of size one: it is put back.

    Raises:
        FormatError: the array has another shape.
    """
    if array.ndim == len(shape) - 1 and shape[-1] is None:
        array = array[..., None]
    fits = array.ndim == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("T" if size is None else str(size) for size in shape)
        raise FormatError(name, f"key {key!r}", f"shape ({wanted})", f"shape {array.shape}")
    return array
