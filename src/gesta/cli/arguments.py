"""Reading a command line into a dataclass, and what ``--help`` says of it."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from typing import Annotated, TypeVar, get_type_hints

import tyro

_OF_EVERY_VERB = """--json gives one JSON document on stdout, and all else on stderr.
Exit status: 0 done, 1 failed, 2 bad arguments, 130 stopped by Ctrl-C."""

Arguments = TypeVar("Arguments")


def read_arguments(
    kind: type[Arguments], prog: str, argv: list[str], told: str | None = None
) -> Arguments:
    """Read a command line.

    Args:
        kind: a dataclass with an option a field; the string below a field is its help.
        prog: the command, for ``--help``.
        argv: the words that follow it.
        told: what ``--help`` says before the options; by default the docstring of ``kind``.

    Raises:
        SystemExit: with 2 on bad arguments, with 0 after ``--help``.
    """
    text = _explained(inspect.getdoc(kind) or "" if told is None else told)
    _join_sentences(kind)  # type: ignore[arg-type]  # mypy: a class of a TypeVar is not hashable
    return tyro.cli(kind, prog=prog, args=argv, description=text)


def _explained(text: str) -> str:
    """What a verb's --help says before its options: its own text, and what holds for all verbs.

    Prose is wrapped for the terminal, examples stay as they are. All but the first line is
    indented, which keeps tyro from joining lines.
    """
    width = min(shutil.get_terminal_size().columns, 100) - 2
    first, *rest = f"{text}\n\n{_OF_EVERY_VERB}".split("\n\n")
    blocks = [part if part.startswith("$ ") else textwrap.fill(part, width) for part in rest]
    return "\n\n".join([first, *(textwrap.indent(block, "  ") for block in blocks)])


@cache  # it changes the class
def _join_sentences(kind: type) -> None:
    """Join the lines of each field's help, which tyro would break where the source does."""
    hints = get_type_hints(kind, include_extras=True)
    for name, text in (*_strings_below_fields(kind), *_args_of_docstring(kind)):
        if name in kind.__annotations__:
            kind.__annotations__[name] = Annotated[hints[name], tyro.conf.arg(help=text)]
    for hint in get_type_hints(kind).values():
        if is_dataclass(hint) and isinstance(hint, type):
            _join_sentences(hint)


def _strings_below_fields(kind: type) -> Iterator[tuple[str, str]]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):  # made by make_dataclass, which gives its help itself
        return
    [definition] = ast.parse(source).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, below in zip(body, body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            yield field.target.id, _one_line(below.value.value)


def _args_of_docstring(kind: type) -> Iterator[tuple[str, str]]:
    _, _, listed = (inspect.getdoc(kind) or "").partition("\nArgs:\n")
    listed = listed.partition("\n\n")[0]
    for name, text in re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", listed, re.MULTILINE):
        yield name, _one_line(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
