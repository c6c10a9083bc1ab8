"""Writing the TOML of recipes: scalars, lists of scalars, and tables of both."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence


def to_toml(table: Mapping[str, object]) -> str:
    """A table as TOML that `tomllib` reads back; None is written as "none".

    Raises:
        TypeError: a value is nothing that TOML knows.
    """
    return "\n".join(_table(table, ())).strip() + "\n"


def _table(table: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    if path and (plain or not table):
        lines = ["", f"[{'.'.join(map(_key, path))}]", *lines]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _table(value, (*path, key))
    return lines


def _key(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key)
    return key if bare else _text(key)


def _text(text: str) -> str:
    # TOML's basic strings are JSON's, but that it escapes DEL as well.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"cannot write {type(value).__name__} as TOML")
