"""The options of a model: read from its builder's signature, checked before it is built."""

from __future__ import annotations

import inspect
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Union, get_args, get_origin

from gesta.errors import ModelError


@dataclass(frozen=True)
class Option:
    """One keyword option of a model's builder.

    Args:
        name: as the builder calls it.
        type: its annotation, with names resolved (``int``, ``Literal[9, 10]``, ``str | None``).
        default: what it is when nobody says.
        told: what the builder's docstring says of it.
    """

    name: str
    type: Any
    default: Any
    told: str = ""

    def __str__(self) -> str:
        """How it is written in a message."""
        return f"{self.name}: {type_name(self.type)} = {self.default!r}"


def read_options(builder: Callable[..., Any]) -> dict[str, Option]:
    """The keyword-only parameters of a builder, in order.

    Raises:
        ModelError: one has no type or no default.
    """
    hints = typing.get_type_hints(builder)
    told = _told(inspect.getdoc(builder) or "")
    options = {}
    for name, parameter in inspect.signature(builder).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if name not in hints or parameter.default is inspect.Parameter.empty:
            raise ModelError(
                f"option {name!r} of {builder.__name__}: expected a type and a default"
            )
        options[name] = Option(name, hints[name], parameter.default, told.get(name, ""))
    return options


def _told(docstring: str) -> dict[str, str]:
    """What a docstring says of each argument, which may go on in lines that stand further in."""
    found = re.findall(r"^ {4}(\w[\w, ]*): (.+(?:\n {8}.+)*)$", docstring, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in found for name in names.split(", ")}


def check_options(model: str, options: dict[str, Option], given: dict[str, Any]) -> dict[str, Any]:
    """All options of a model: those given, converted to their types, and the rest by default.

    Raises:
        ModelError: an option that does not exist, or a value of another type.
    """
    resolved = {name: option.default for name, option in options.items()}
    for name, value in given.items():
        if name not in options:
            near = get_close_matches(name, options, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            known = "; ".join(str(option) for option in options.values()) or "none"
            raise ModelError(f"{model} has no option {name!r}; {hint}it has {known}")
        try:
            resolved[name] = convert(value, options[name].type)
        except ValueError as error:
            raise ModelError(
                f"{model}: option {name}: expected {type_name(options[name].type)}, found {value!r}"
            ) from error
    return resolved


def convert(value: Any, hint: Any) -> Any:  # noqa: ANN401 - any type of option
    """The value as the type says: an int serves as a float, a list as a tuple.

    Raises:
        ValueError: it is of another type.
    """
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _first_that_fits(value, get_args(hint))
    if origin is Literal:
        fits = any(value == choice and type(value) is type(choice) for choice in get_args(hint))
    elif origin is tuple:
        return _convert_tuple(value, get_args(hint))
    elif hint is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if fits else value
    elif hint is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif hint in (None, type(None)):
        fits = value is None
    else:
        fits = isinstance(value, hint)
    if not fits:
        raise ValueError(value)
    return value


def type_name(hint: Any) -> str:  # noqa: ANN401 - any annotation
    """How a type is written for people: ``9 or 10``, ``int or None``."""
    origin = get_origin(hint)
    if origin is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(part) for part in get_args(hint))
    if hint is type(None):
        return "None"
    return str(hint) if origin else getattr(hint, "__name__", str(hint))


def _first_that_fits(value: Any, hints: tuple[Any, ...]) -> Any:  # noqa: ANN401
    for hint in hints:
        try:
            return convert(value, hint)
        except ValueError:
            continue
    raise ValueError(value)


def _convert_tuple(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        raise ValueError(value)
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise ValueError(value)
    return tuple(convert(part, hint) for part, hint in zip(value, hints, strict=True))


def read_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Options written as NAME=VALUE, the value as in TOML, or a plain word.

    Raises:
        ModelError: a text is no such thing.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ModelError(f"option: expected NAME=VALUE, found {text!r}")
        try:
            options[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            options[name] = value
    return options
