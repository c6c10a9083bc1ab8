import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.training.toml import to_toml

# TOML knows integers of 64 bits and no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    TEXTS,
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4))
TABLES = st.recursive(
    st.dictionaries(TEXTS, VALUES, max_size=4),
    lambda inner: st.dictionaries(TEXTS, st.one_of(VALUES, inner), max_size=4),
    max_leaves=8,
)


@given(TABLES)
def test_what_is_written_reads_back(table):
    assert tomllib.loads(to_toml(table)) == table


def test_tuples_none_and_odd_floats():
    read = tomllib.loads(to_toml({"a": (1, 2), "b": None, "c": math.inf, "d": math.nan, "e": 1e-5}))
    assert read["a"] == [1, 2] and read["b"] == "none" and read["c"] == math.inf
    assert math.isnan(read["d"]) and read["e"] == 1e-5


def test_what_toml_does_not_know_is_refused():
    with pytest.raises(TypeError, match="object"):
        to_toml({"a": object()})
