import io
import struct
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gesta.errors import FormatError
from gesta.formats.matlab import matlab_array, matlab_names

TYPES = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


def mat(compress: bool = False, **variables) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=compress)
    return file.getvalue()


@given(
    st.sampled_from(TYPES).flatmap(lambda t: arrays(t, array_shapes(min_dims=2, max_dims=4))),
    st.booleans(),
)
def test_numbers_come_back_as_scipy_writes_them(written, compress):
    data = mat(compress, other=np.ones(3), key=written, last="text")
    read = matlab_array(data, "a.mat", "key")
    assert read.dtype == written.dtype
    np.testing.assert_array_equal(read, written)
    assert matlab_names(data) == ["other", "key", "last"]


def test_the_other_byte_order():
    flags = struct.pack(">IIII", 6, 8, 6, 0)
    sizes = struct.pack(">IIii", 5, 8, 2, 3)
    name = struct.pack(">HH4s", 3, 1, b"key\0")
    numbers = struct.pack(">II6h4x", 3, 12, 1, 2, 3, 4, 5, 6)  # doubles kept as int16
    body = flags + sizes + name + numbers
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    data = header + struct.pack(">II", 14, len(body)) + body
    assert matlab_array(data, "a.mat", "key").tolist() == [[1, 3, 5], [2, 4, 6]]
    assert matlab_array(data, "a.mat", "key").dtype == np.float64


def test_names_of_large_compressed_variables_are_read_without_them():
    zeros = np.zeros((4000, 1000))
    data = mat(True, first=zeros, second=zeros)
    assert matlab_names(data) == ["first", "second"] and len(data) < 100_000


def test_a_small_file_does_not_fill_the_memory():
    machine = zlib.compressobj()
    bomb = machine.compress(struct.pack("<II", 14, 2**31 - 8) + bytes(2**20)) + machine.flush()
    data = mat()[:128] + struct.pack("<II", 15, len(bomb)) + bomb
    with pytest.raises(FormatError, match="compressed data that end early"):
        matlab_array(data, "a.mat", "key")


GOOD = mat(key=np.ones((20, 3, 4)))


@pytest.mark.parametrize("data", [GOOD, mat(True, key=np.ones((20, 3, 4)))])
@settings(max_examples=300)
@given(draws=st.data())
def test_any_damage_gives_numbers_or_a_message(data, draws):
    # The first 200 bytes hold all that says how the rest is to be read.
    for _ in range(draws.draw(st.integers(1, 3))):
        at = draws.draw(st.integers(0, 200))
        data = data[:at] + draws.draw(st.binary(max_size=4)) + data[at + 1 :]
    try:
        assert matlab_array(data, "a.mat", "key").size > 0
    except FormatError as error:
        assert "a.mat" in str(error)
    assert isinstance(matlab_names(data), list)


def test_an_unknown_type_of_numbers_is_told():
    # At such a file scipy's reader ends the process.
    at = GOOD.index(struct.pack("<II", 9, 20 * 3 * 4 * 8))
    with pytest.raises(FormatError, match="numbers of type 86"):
        matlab_array(GOOD[:at] + b"V" + GOOD[at + 1 :], "a.mat", "key")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes that begin b''"),
        (b"MATLAB 7.3 MAT-file", "version 7.3 (HDF5); save it again with -v7"),
        (GOOD[:100], "the byte order"),
        (GOOD[:128], "expected the key 'key', found no variables"),
        (GOOD[:-9], "the end of the file"),
        (mat(other=np.ones(2)), "found other"),
        (mat(key=np.ones(2) * 1j), "complex ones"),
        (mat(key={"a": 1}), "a struct"),
        (mat(key=np.empty((0, 3))), "shape (0, 3)"),
    ],
    # scipy writes the time into the files, and names of tests must be the same in each process.
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_what_is_wrong_is_said(data, said):
    with pytest.raises(FormatError) as caught:
        matlab_array(data, "a.mat", "key")
    assert "a.mat" in str(caught.value) and said in str(caught.value)
