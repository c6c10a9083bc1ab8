"""Numeric arrays out of MATLAB ``.mat`` files, version 5 to 7.

Read here and not by scipy, whose reader ends the whole process (a segmentation fault) at some
damaged files. Only what skeleton files hold is read: real numbers, compressed or not. Nothing is
executed, and no more memory is taken than the file's own sizes ask for and its bytes fill.

The format, from MathWorks' "MAT-File Format": a header of 128 bytes, then elements, each a tag
(type and size, 8 bytes; or 4 for up to 4 bytes of data) and data padded to 8 bytes. A matrix is an
element of elements: flags, sizes, name, and the numbers in column order.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.errors import FormatError

_HEADER = 128
_MATRIX, _COMPRESSED, _INT32, _INT8, _UINT32 = 14, 15, 5, 1, 6
# What a number is stored as, by the type of its element.
_STORED = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
# What a matrix is, by its class; numbers may be stored in a smaller type than they have.
_CLASSES = {
    **{6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2"},
    **{12: "i4", 13: "u4", 14: "i8", 15: "u8"},
}
_OTHER_CLASSES = {1: "cells", 2: "a struct", 3: "an object", 4: "text", 5: "a sparse matrix"}
_COMPLEX = 0x0800
_LARGEST = 2**30  # bytes of one matrix: a small compressed file must not fill the memory
_NAME_BYTES = 512  # of a compressed matrix, enough for flags, sizes and name


class _Damage(Exception):
    """The bytes do not follow the format."""


@dataclass(frozen=True)
class _Variable:
    """A matrix whose numbers have not been read yet."""

    name: str
    kind: int
    is_complex: bool
    shape: tuple[int, ...]
    body: bytes
    start: int


def is_matlab(data: bytes) -> bool:
    """Whether the bytes begin as those of a MATLAB file (versions 5 to 7.3) do."""
    return data.startswith(b"MATLAB ")


def matlab_names(data: bytes) -> list[str]:
    """The names of the variables; none where the file is damaged or of another version."""
    try:
        order = _order(data)
        return [variable.name for variable in _variables(data, order, whole=False)]
    except _Damage:
        return []


def matlab_array(data: bytes, name: str, key: str) -> NDArray[Any]:
    """The array of numbers that stands under a key.

    Args:
        data: the bytes of the file.
        name: its name, for messages.
        key: what the array is called.

    Raises:
        FormatError: no MATLAB file of version 5 to 7, damaged, no such key, no real numbers, or
            none at all.
    """
    try:
        order = _order(data)
        names = []
        for variable in _variables(data, order, whole=True):
            if variable.name == key:
                return _numbers(variable, order, name)
            names.append(variable.name)
    except _Damage as error:
        expected = "a MATLAB file of version 5 to 7"
        advice = "save it again with -v7" if data.startswith(b"MATLAB 7.3") else ""
        raise FormatError(name, "file", expected, f"{error}", advice) from error
    raise FormatError(name, "file", f"the key {key!r}", ", ".join(names) or "no variables")


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


def _order(data: bytes) -> str:
    """The byte order, "<" or ">", after a check of the header."""
    if data.startswith(b"MATLAB 7.3"):
        raise _Damage("version 7.3 (HDF5)")
    if not data.startswith(b"MATLAB 5.0"):
        raise _Damage(f"{len(data)} bytes that begin {bytes(data[:10])!r}")
    mark = data[_HEADER - 2 : _HEADER]
    if mark not in (b"IM", b"MI"):
        raise _Damage(f"the byte order {mark!r}")
    return "<" if mark == b"IM" else ">"


def _element(data: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Type, start and end of the data of an element, and where the next begins."""
    if at + 8 > len(data):
        raise _Damage(f"the end of the file in a tag at byte {at}")
    kind, size = struct.unpack_from(f"{order}II", data, at)
    if kind >> 16:  # the short form: size and type in one word
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise _Damage(f"a short element of {size} bytes at byte {at}")
        return kind, at + 4, at + 4 + size, at + 8
    end = at + 8 + size
    return kind, at + 8, end, end if kind == _COMPRESSED else end + -size % 8


def _variables(data: bytes, order: str, whole: bool) -> Iterator[_Variable]:
    """The variables of a file; without ``whole`` their names, not their numbers, are there."""
    at = _HEADER
    while at < len(data):
        kind, start, end, following = _element(data, at, order)
        if end > len(data):
            raise _Damage(f"the end of the file before that of the element at byte {at}")
        body, place = data, at
        if kind == _COMPRESSED:
            body, place = _inflated(data[start:end], at, None if whole else _NAME_BYTES), 0
            kind, _, end, _ = _element(body, 0, order)
            if whole and end > len(body):
                raise _Damage(f"compressed data that end early, at byte {at}")
        if kind == _MATRIX:
            yield _header(body, place + 8, order)
        at = following


def _inflated(data: bytes, at: int, limit: int | None) -> bytes:
    machine = zlib.decompressobj()
    try:
        body = machine.decompress(data, _LARGEST if limit is None else limit)
    except zlib.error as error:
        raise _Damage(f"damage in the compressed data at byte {at} ({error})") from error
    if limit is None and not machine.eof:
        raise _Damage(f"compressed data that are cut off or too large, at byte {at}")
    return body


def _header(body: bytes, at: int, order: str) -> _Variable:
    """What precedes the numbers of a matrix: flags, sizes, name."""
    kind, start, end, at = _element(body, at, order)
    if kind != _UINT32 or end - start != 8 or end > len(body):
        raise _Damage("a matrix without flags")
    flags = struct.unpack_from(f"{order}I", body, start)[0]
    kind, start, end, at = _element(body, at, order)
    if kind != _INT32 or (end - start) % 4 or not 8 <= end - start <= 128 or end > len(body):
        raise _Damage("a matrix without sizes")
    shape = struct.unpack_from(f"{order}{(end - start) // 4}i", body, start)
    kind, start, end, at = _element(body, at, order)
    if kind != _INT8 or end > len(body):
        raise _Damage("a matrix without a name")
    if min(shape) < 0:
        raise _Damage(f"a matrix of {shape}")
    name = body[start:end].decode("latin1")
    return _Variable(name, flags & 0xFF, bool(flags & _COMPLEX), shape, body, at)


def _numbers(variable: _Variable, order: str, name: str) -> NDArray[Any]:
    place = f"key {variable.name!r}"
    if variable.kind not in _CLASSES or variable.is_complex or prod(variable.shape) == 0:
        found = _OTHER_CLASSES.get(variable.kind, f"class {variable.kind}")
        if variable.kind in _CLASSES:
            found = "complex ones" if variable.is_complex else f"shape {variable.shape}"
        raise FormatError(name, place, "an array of numbers", found)
    kind, start, end, _ = _element(variable.body, variable.start, order)
    if kind not in _STORED:
        raise _Damage(f"numbers of type {kind} in {variable.name!r}")
    stored = np.dtype(order + _STORED[kind])
    if end > len(variable.body) or end - start != prod(variable.shape) * stored.itemsize:
        raise _Damage(f"{end - start} bytes for {variable.shape} numbers in {variable.name!r}")
    flat = np.frombuffer(variable.body, stored, prod(variable.shape), start)
    return flat.astype(_CLASSES[variable.kind]).reshape(variable.shape, order="F")
