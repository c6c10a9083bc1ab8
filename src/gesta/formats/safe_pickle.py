"""Pickles that hold numpy arrays and plain containers, read without running what they ask for.

A pickle is a program: it names any function on the machine and has it called. Here only the few
names that numpy arrays are rebuilt with, whichever numpy wrote them, lead anywhere, and they lead
to functions of this file: numpy's own trust what they are given, and a damaged or hostile pickle
ends the process by them. For the same reason Python's unpickler written in Python is taken, not
the one in C.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gesta.errors import FormatError

_CODE = re.compile(r"f[248]|[iu][1248]|b1|[US]\d{1,4}")
_ORDERS = {"<": "<", ">": ">", "|": "=", "=": "="}


class _Forbidden(Exception):
    """A pickle names something that is no array and no container."""


class _DType:
    """What a pickle says of an array's type: numbers or text, and their byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise _Forbidden(f"an array of type {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401 - whatever stands in the file
        order, parts = state[1], state[2:5]
        if order not in _ORDERS or any(part is not None for part in parts):
            raise _Forbidden("an array of records")
        self.order = _ORDERS[order]

    def read(self, raw: Any) -> NDArray[Any]:  # noqa: ANN401 - whatever stands in the file
        """The numbers in some bytes, in one row."""
        if not isinstance(raw, bytes | bytearray):
            raise pickle.UnpicklingError("an array without bytes")
        # Copied, because a bytearray may change while an array looks at it.
        return np.frombuffer(bytes(raw), np.dtype(self.order + self.code))


class _Array:
    """An array that is rebuilt when its state is there."""

    __slots__ = ("array",)

    def __init__(self, *_: object) -> None:
        self.array: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401 - whatever stands in the file
        _, shape, dtype, is_fortran, raw = state
        if not isinstance(dtype, _DType):
            raise pickle.UnpicklingError("an array without a type")
        self.array = _shaped(dtype.read(raw), shape, "F" if is_fortran else "C")


def _shaped(flat: NDArray[Any], shape: Any, order: str) -> NDArray[Any]:  # noqa: ANN401
    fits = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not fits or prod(shape) != flat.size or order not in ("C", "F"):
        raise pickle.UnpicklingError(f"{flat.size} numbers for an array of shape {shape!r}"[:200])
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _from_buffer(
    raw: object, dtype: object, shape: object, order: object, axes: object = None
) -> _Array:
    """What pickles of protocol 5 write arrays with."""
    if not isinstance(dtype, _DType):
        raise pickle.UnpicklingError("an array without a type")
    built = _Array()
    built.array = _shaped(dtype.read(raw), shape, "C" if order == "K" else str(order))
    if order == "K" and isinstance(axes, tuple):
        built.array = built.array.transpose(axes)
    return built


def _scalar(dtype: object, raw: object) -> Any:  # noqa: ANN401 - a number or a text
    if not isinstance(dtype, _DType):
        raise pickle.UnpicklingError("a number without a type")
    return dtype.read(raw)[:1].item()


def _encode(text: object, encoding: object) -> bytes:
    """What pickles of protocol 2 write bytes with (``_codecs.encode``), for that alone."""
    if not isinstance(text, str) or encoding != "latin1":
        raise _Forbidden(f"_codecs.encode to {encoding!r}")
    return text.encode("latin1")


def _no_bytes(*arguments: object) -> bytes:
    if arguments:
        raise _Forbidden("a call of bytes")
    return b""


def _no_call(*_: object) -> None:
    raise _Forbidden("a call of numpy.ndarray")


class _Admitted:
    """A name that may be called; a pickle cannot change what it does."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 - what the name gives
        return self.call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _Forbidden("a change of a function")


def _numpy_names() -> dict[tuple[str, str], Callable[..., Any]]:
    """The names in pickles of numpy 1 (``numpy.core``) and numpy 2 (``numpy._core``)."""
    found: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): _no_call,
        ("numpy", "dtype"): _DType,
    }
    for package in ("numpy.core", "numpy._core"):
        found[f"{package}.multiarray", "_reconstruct"] = _Array
        found[f"{package}.multiarray", "scalar"] = _scalar
        found[f"{package}.numeric", "_frombuffer"] = _from_buffer
    return found


_NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    **_numpy_names(),
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
    # Protocols up to 2 call them as Python 2 did; bytes is named for empty ones only.
    **{(module, "set"): set for module in ("builtins", "__builtin__")},
    **{(module, "frozenset"): frozenset for module in ("builtins", "__builtin__")},
    **{(module, "bytes"): _no_bytes for module in ("builtins", "__builtin__")},
}


class _Unpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)

    def load_bytearray8(self: Any) -> None:  # noqa: ANN401 - its parts have no types
        # Python's own makes room for as much as the file claims before it looks what is there.
        (size,) = struct.unpack("<Q", self.read(8))
        content = self.read(size)
        if len(content) != size:
            raise EOFError
        self.append(bytearray(content))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def find_class(self, module: str, name: str) -> _Admitted:
        if (module, name) not in _NAMES:
            raise _Forbidden(f"a reference to {module}.{name}, which was not run")
        return _Admitted(_NAMES[module, name])


def load_pickle(data: bytes, name: str) -> Any:  # noqa: ANN401 - any plain container
    """The arrays and containers in a pickle; arrays are read-only, numpy's scalars Python's.

    Args:
        data: the file's bytes.
        name: the file, for messages.

    Raises:
        FormatError: the pickle names anything but numpy arrays of numbers or text, scalars and
            plain containers (nothing of it is called), or it is damaged or no pickle.
    """
    try:
        content = _Unpickler(io.BytesIO(data)).load()
        return _plain(content, {})
    except _Forbidden as error:
        raise FormatError(
            name,
            "pickle",
            "numpy arrays of numbers or text and plain containers only",
            f"{error}",
            "a pickle can run any program: ask where this file comes from",
        ) from error
    except Exception as error:  # noqa: BLE001 - a damaged pickle leads to any exception
        found = f"damage ({type(error).__name__}: {error})" if data else "nothing (0 bytes)"
        raise FormatError(name, "pickle", "a whole pickle", found) from error


def _plain(value: Any, done: dict[int, Any]) -> Any:  # noqa: ANN401 - any plain container
    """The content with arrays in the place of what they were rebuilt by.

    Containers that stand in several places are gone through once. One that holds itself ends in
    a RecursionError, which is damage.
    """
    if isinstance(value, _Array):
        if value.array is None:
            raise pickle.UnpicklingError("an array without content")
        return value.array
    if isinstance(value, _DType | _Admitted):
        raise pickle.UnpicklingError("a name in the place of data")
    if not isinstance(value, dict | list | tuple | set | frozenset):
        return value
    if id(value) not in done:
        if isinstance(value, dict):
            items = value.items()
            done[id(value)] = {_plain(key, done): _plain(one, done) for key, one in items}
        else:
            done[id(value)] = type(value)(_plain(one, done) for one in value)
    return done[id(value)]


def is_pickle(data: bytes) -> bool:
    """Whether the bytes begin as a pickle of protocol 2 to 5 does."""
    return len(data) > 2 and data[0] == 0x80 and 2 <= data[1] <= 5
