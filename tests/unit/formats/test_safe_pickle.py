import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gesta.errors import FormatError
from gesta.formats.safe_pickle import load_pickle

TYPES = ["f2", "f4", "f8", "i1", "u1", "i2", "i8", "u8", "b1", "U5", "S3", ">f4", ">i2", ">U2"]
ARRAYS = st.sampled_from(TYPES).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@given(ARRAYS, st.integers(0, 5), st.permutations(range(4)), st.booleans())
def test_arrays_of_every_kind_come_back(written, protocol, order, reverse):
    written = written.transpose([axis for axis in order if axis < written.ndim])
    if reverse and written.ndim:
        written = written[::-1]
    data = pickle.dumps({"a": [written, (written,)]}, protocol=protocol)
    read = load_pickle(data, "a.pkl")
    assert read["a"][0].dtype == written.dtype
    np.testing.assert_array_equal(read["a"][0], written)
    np.testing.assert_array_equal(read["a"][1][0], written)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_and_scalars_come_back(protocol):
    written = {
        "numbers": [1, 2.5, True, None, 10**30, np.float16(0.5), np.int64(-3), np.bool_(True)],
        "texts": ("a", b"b", np.str_("c")),
        "sets": {frozenset({1, 2}), "x"},
        "ordered": OrderedDict(b=1, a=2),
    }
    read = load_pickle(pickle.dumps(written, protocol=protocol), "a.pkl")
    assert read == written and type(read["numbers"][5]) is float


SHARED: list = [1]
for _ in range(60):
    SHARED = [SHARED, SHARED]
RING: list = []
RING.append(RING)
BAD = {
    "objects": (np.array([{}, 1], dtype=object), "an array of type 'O8'"),
    "records": (np.zeros(2, [("a", "f4")]), "an array of type 'V4'"),
    "dates": (np.zeros(2, "M8[s]"), "an array of type 'M8'"),
    "a dtype": (np.dtype("f4"), "a name in the place of data"),
    "a ring": (RING, "RecursionError"),
    "a function": (os.getcwd, "getcwd, which was not run"),
    "complex": (1 + 2j, "builtins.complex"),
}


@pytest.mark.parametrize(("value", "said"), BAD.values(), ids=BAD)
def test_what_is_no_array_and_no_container_is_refused(value, said):
    with pytest.raises(FormatError) as caught:
        load_pickle(pickle.dumps([value], protocol=4), "a.pkl")
    assert "a.pkl" in str(caught.value) and said in str(caught.value)


def test_containers_that_stand_in_many_places_are_gone_through_once():
    read = load_pickle(pickle.dumps(SHARED), "a.pkl")
    assert read[0] is read[1]


def test_a_pickle_cannot_change_what_a_name_does():
    # numpy.dtype, then BUILD with a state for it
    data = b"\x80\x02cnumpy\ndtype\n}X\x04\x00\x00\x00callK\x01sb."
    with pytest.raises(FormatError, match="a change of a function"):
        load_pickle(data, "a.pkl")
    assert load_pickle(pickle.dumps([np.ones(2)]), "a.pkl")[0].tolist() == [1, 1]


GOOD = pickle.dumps([np.ones((2, 3), np.float32), np.int64(4), {"a": "b"}], protocol=4)
NEW = pickle.dumps([np.ones((2, 3), np.float32), np.int64(4), {"a": "b"}], protocol=5)


@pytest.mark.parametrize("data", [GOOD, NEW])
@settings(max_examples=150)
@given(draws=st.data())
def test_any_damage_gives_content_or_a_message(data, draws):
    # numpy's own functions and the unpickler in C end the process at some of these.
    for _ in range(draws.draw(st.integers(1, 3))):
        at = draws.draw(st.integers(0, len(data) - 1))
        data = data[:at] + draws.draw(st.binary(max_size=4)) + data[at + 1 :]
        data = data or b"\x80"
    try:
        load_pickle(data, "a.pkl")
    except FormatError as error:
        assert "a.pkl" in str(error)
