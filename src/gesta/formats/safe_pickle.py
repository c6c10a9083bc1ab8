"""Pickles that hold numpy arrays and plain containers, read without running what they ask for.

A pickle is a program: it names any function on the machine and has it called. Here only the
few functions that numpy arrays are rebuilt with can be named, whichever numpy wrote them; anything
else stops the reading before it is called.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from gesta.errors import FormatError


def _encode(text: str, encoding: str) -> bytes:
    """What pickles of protocol 2 write bytes with (``_codecs.encode``), for that alone."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError(f"_codecs.encode to {encoding!r}")
    return text.encode("latin1")


def _numpy_rebuilders() -> dict[tuple[str, str], Callable[..., Any] | type]:
    """The functions that a pickled array, scalar or dtype names, of numpy 1 and of numpy 2."""
    rebuild = np.empty(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    from_buffer = np.empty(1).__reduce_ex__(5)[0]
    found: dict[tuple[str, str], Callable[..., Any] | type] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }
    for package in ("numpy.core", "numpy._core"):
        found[f"{package}.multiarray", "_reconstruct"] = rebuild  # type: ignore[assignment]
        found[f"{package}.multiarray", "scalar"] = scalar  # type: ignore[assignment]
        found[f"{package}.numeric", "_frombuffer"] = from_buffer  # type: ignore[assignment]
    return found


_ADMITTED: dict[tuple[str, str], Callable[..., Any] | type] = {
    **_numpy_rebuilders(),
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "bytearray"): bytearray,
}


class _Forbidden(Exception):
    """A pickle names something that is no array and no container."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as in the base class
        if (module, name) not in _ADMITTED:
            raise _Forbidden(f"{module}.{name}")
        return _ADMITTED[module, name]


def load_pickle(data: bytes, name: str) -> Any:  # noqa: ANN401 - any plain container
    """The arrays and containers in a pickle.

    Args:
        data: the file's bytes.
        name: the file, for messages.

    Raises:
        FormatError: the pickle names anything but numpy arrays, scalars, dtypes and plain
            containers (nothing of it is called), or it is damaged or no pickle.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except _Forbidden as error:
        raise FormatError(
            name,
            "pickle",
            "numpy arrays and plain containers only",
            f"a reference to {error}, which was not run",
            "a pickle can run any program: ask where this file comes from",
        ) from error
    except Exception as error:  # noqa: BLE001 - a damaged pickle leads to any exception
        found = f"damage ({type(error).__name__}: {error})" if data else "nothing (0 bytes)"
        raise FormatError(name, "pickle", "a whole pickle", found) from error


def is_pickle(data: bytes) -> bool:
    """Whether the bytes begin as a pickle of protocol 2 to 5 does."""
    return len(data) > 2 and data[0] == 0x80 and 2 <= data[1] <= 5
