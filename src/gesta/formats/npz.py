"""npz files, read so that damage gives a message and no pickle in them is opened."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.errors import FormatError


def load_npz(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file; pickled objects in it are refused.

    Raises:
        FormatError: no npz, damaged, or with objects in it.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as content:
            arrays = {key: content[key] for key in content.files}
    except Exception as error:  # noqa: BLE001 - numpy and zipfile raise whatever damage leads to
        found = f"{type(error).__name__}: {error}" if data else "nothing (0 bytes)"
        raise FormatError(name, "file", "a whole npz of plain arrays", found) from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy hands out other members as bytes
            raise FormatError(name, f"member {key!r}", "an array", "a file of another kind")
    return arrays


def npz_keys(data: bytes) -> list[str]:
    """The names of the arrays in an npz, none where the bytes are none."""
    if not data.startswith(b"PK"):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [entry.removesuffix(".npy") for entry in archive.namelist()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return []
