"""Protocols: which clips train and which test, declared as data and evaluated on metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from gesta.archive.table import COLUMNS, ClipTable, Ints
from gesta.errors import ProtocolError, first_of

SEPARABLE = ("subject", "camera", "setup", "source")


@dataclass(frozen=True)
class Protocol:
    """How a data set's clips are divided; a pure function of a `ClipTable`.

    Either ``column`` or ids say which clips are in a part; the side that is None is the rest.
    Unlabelled and excluded clips, and those that neither side names, take part in nothing.

    Args:
        name: for example ``"cross_subject"``; members of a group end in ``_<number>``.
        separates: columns whose values never stand on both sides; ``doctor`` checks it.
        column: the column that divides.
        train, test: its values as text.
        train_ids, test_ids: ids, instead of a column.
        drop_test_duplicates: leave out test clips that are identical to a training clip.
        excluded_ids: clips that take part in nothing.
        known_duplicates: so many test clips are known to be identical to training clips;
            ``doctor`` tells up to that many as a note instead of an error.
        note: known defects and where the counts come from; ``doctor`` shows it.

    Raises:
        ProtocolError: the declaration contradicts itself.
    """

    name: str
    separates: tuple[str, ...] = ()
    column: str | None = None
    train: tuple[str, ...] | None = None
    test: tuple[str, ...] | None = None
    train_ids: tuple[str, ...] | None = None
    test_ids: tuple[str, ...] | None = None
    drop_test_duplicates: bool = False
    excluded_ids: tuple[str, ...] = ()
    known_duplicates: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        """Check that the declaration says one thing."""
        by_column, by_ids = (self.train, self.test), (self.train_ids, self.test_ids)
        has_values, has_ids = by_column != (None, None), by_ids != (None, None)
        if has_values == has_ids or has_values != (self.column is not None):
            raise ProtocolError(
                f"protocol {self.name!r}: give a column with its train or test values, or "
                "train_ids or test_ids, and not both"
            )
        unknown = set(self.separates) - set(SEPARABLE)
        if unknown or (self.column is not None and self.column not in COLUMNS):
            raise ProtocolError(
                f"protocol {self.name!r}: columns are {', '.join(COLUMNS)}, those to separate "
                f"{', '.join(SEPARABLE)}; found {self.column!r} and {self.separates}"
            )
        train, test = by_column if has_values else by_ids
        both = set(train or ()) & set(test or ())
        if both:
            raise ProtocolError(
                f"protocol {self.name!r}: {_some(both)} stands in train and in test"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain containers that `from_dict` reads back; what has its default is left out."""
        table: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "name" or value != field.default:
                table[field.name] = list(value) if isinstance(value, tuple) else value
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Protocol:
        """Read what `to_dict` gives.

        Raises:
            ProtocolError: a key is unknown, a value of another type, or it contradicts itself.
        """
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in table.items()
        }
        known = {field.name: field for field in fields(cls)}
        for key, value in values.items():
            if key not in known or not _fits(str(known[key].type), value):
                raise ProtocolError(f"protocol {table.get('name')!r}: bad entry {key!r}: {value!r}")
        if "name" not in values:
            raise ProtocolError("a protocol has no name")
        return cls(**values)


def train_and_test(protocol: Protocol, table: ClipTable) -> tuple[Ints, Ints]:
    """The two sides of a protocol, before a validation part is cut from the first.

    Returns:
        Ascending clip indices, int64, of the train and the test side; either may be empty.

    Raises:
        ProtocolError: the protocol divides by a column that some clips do not have.
    """
    excluded = set(protocol.excluded_ids)
    takes_part = table.labels >= 0
    if excluded:
        takes_part &= ~_is_in(table.ids, excluded)
    if protocol.column is None:
        values: list[str | None] = list(table.ids)
        train, test = protocol.train_ids, protocol.test_ids
    else:
        values = table.column(protocol.column)
        train, test = protocol.train, protocol.test
        _check_known(protocol, table, values, takes_part)
    # The constructor saw to it that at least one side is given.
    in_train = _is_in(values, set(train)) if train is not None else ~_is_in(values, set(test or ()))
    in_test = _is_in(values, set(test)) if test is not None else ~in_train
    in_train, in_test = in_train & takes_part, in_test & takes_part
    if protocol.drop_test_duplicates:
        in_test &= ~is_copy(table, np.flatnonzero(in_train))
    return np.flatnonzero(in_train), np.flatnonzero(in_test)


def is_copy(table: ClipTable, of: Ints) -> np.ndarray:
    """(N,) bool: which clips are identical to one of the clips ``of``; empty clips never are."""
    return (table.digests != 0) & np.isin(table.digests, table.digests[of])


def _check_known(
    protocol: Protocol, table: ClipTable, values: list[str | None], takes_part: np.ndarray
) -> None:
    unknown = [table.ids[i] for i in np.flatnonzero(takes_part) if values[i] is None]
    if unknown:
        raise ProtocolError(
            f"protocol {protocol.name!r} divides by {protocol.column}, which {len(unknown)} of "
            f"{len(table)} clips do not have ({_some(unknown)}); use another protocol, or "
            f"prepare the archive with that column"
        )


def _is_in(values: Iterable[str | None], wanted: set[str]) -> np.ndarray:
    return np.fromiter((value in wanted for value in values), bool)


def _some(values: Iterable[str]) -> str:
    return first_of([repr(value) for value in sorted(values)], 3)


def _fits(declared: str, value: object) -> bool:
    """Whether a value read from JSON is of the type that the field's annotation names."""
    if value is None:
        return "None" in declared
    if declared.startswith("tuple"):
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return type(value) is {"str": str, "bool": bool, "int": int}[declared.split(" ")[0]]
