"""Values of TOML and JSON turned into what a type asks for, or an error that names the place."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from gesta.errors import RecipeError

Section = TypeVar("Section")


def convert(value: object, wanted: Any, place: str) -> Any:  # noqa: ANN401 - any type
    """A value as the type that a place asks for.

    An int stands for a float, a list for a tuple, and ``"none"`` for None where it may be.

    Raises:
        RecipeError: the value is of another type.
    """
    kind = get_origin(wanted)
    if kind in (Union, types.UnionType):
        return _convert_union(value, get_args(wanted), place)
    if kind is Literal:
        if value in get_args(wanted):
            return value
        raise _wrong(place, f"one of {', '.join(map(str, get_args(wanted)))}", value)
    if kind in (tuple, list):
        return _convert_sequence(value, wanted, place)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is Any or (isinstance(value, wanted) and isinstance(value, bool) <= (wanted is bool)):
        return value
    raise _wrong(place, _NAMES.get(wanted, getattr(wanted, "__name__", str(wanted))), value)


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _convert_union(value: object, members: tuple[Any, ...], place: str) -> Any:  # noqa: ANN401
    errors = []
    for member in members:
        if member is not type(None):
            try:
                converted = convert(value, member, place)
            except RecipeError as error:
                errors.append(error)
            else:
                # "none" is a text like any other only where None is no choice.
                return None if converted == "none" and _none_is_none(members) else converted
    if type(None) in members and value in (None, "none"):
        return None
    raise errors[0]


def _none_is_none(members: tuple[Any, ...]) -> bool:
    literals = [choice for m in members if get_origin(m) is Literal for choice in get_args(m)]
    return type(None) in members and "none" not in literals


def _convert_sequence(value: object, wanted: Any, place: str) -> Any:  # noqa: ANN401 - any type
    if not isinstance(value, list | tuple):
        raise _wrong(place, "a list", value)
    kind, inner = get_origin(wanted), get_args(wanted)
    if kind is tuple and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise _wrong(place, f"{len(inner)} values", value)
    else:
        inner = (inner[0],) * len(value)
    parts = zip(value, inner, strict=True)
    return kind(convert(part, of, f"{place}[{i}]") for i, (part, of) in enumerate(parts))


def _wrong(place: str, expected: str, value: object) -> RecipeError:
    return RecipeError(f"{place}: expected {expected}, found {value!r}")


def check_names(given: Iterable[str], known: Iterable[str], place: str) -> None:
    """Check that all names given are known.

    Raises:
        RecipeError: one is not; it names the nearest one that is.
    """
    known = list(known)
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise RecipeError(f"{place}: there is no option {name!r}; {advice}")


def section_from(cls: type[Section], table: object, place: str) -> Section:
    """A dataclass of options from a table; what is not in the table keeps its default.

    Raises:
        RecipeError: the table is none, names an unknown option, or has a value of another type.
    """
    return cls(**typed_options(cls, table, place))


def typed_options(cls: type, table: object, place: str) -> dict[str, Any]:
    """The options of a dataclass that a table gives, each as the type that it asks for.

    Raises:
        RecipeError: the table is none, names an unknown option, or has a value of another type.
    """
    if not isinstance(table, Mapping):
        raise _wrong(place, "a table of options", table)
    hints = get_type_hints(cls)
    check_names(table, hints, place)
    return {key: convert(value, hints[key], f"{place}.{key}") for key, value in table.items()}
