"""What every target shares: bytes in; a `GestaError` or a clip out, and nothing else.

``python fuzz_x.py`` needs atheris (``make fuzz`` installs it); the targets and seeds themselves
are plain functions and bytes, which a test runs without it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from gesta.errors import GestaError

Target = Callable[[bytes], Any]


def quiet(parse: Target) -> Target:
    """The same function, for which a refusal is as good as a result."""

    def target(data: bytes) -> Any:  # noqa: ANN401 - whatever the reader gives
        try:
            return parse(data)
        except GestaError:
            return None

    return target


def _own_functions() -> Iterator[FunctionType]:
    """The functions of gesta that are loaded; to watch numpy's as well takes minutes."""
    modules = [name for name in sys.modules if name.partition(".")[0] == "gesta"]
    for name in modules:
        things = list(vars(sys.modules[name]).values())
        for cls in [thing for thing in things if isinstance(thing, type)]:
            things += vars(cls).values()
        for thing in things:
            if isinstance(thing, FunctionType) and thing.__module__ == name:
                yield thing


def fuzz(parse: Target, seeds: Sequence[bytes]) -> None:
    """Let atheris look for bytes that anything but a `GestaError` comes of.

    The last argument of the command line that is no option is the folder of found examples; the
    seeds are written there.
    """
    import atheris

    folders = [Path(word) for word in sys.argv[1:] if not word.startswith("-")]
    for folder in folders[:1]:
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"seed-{number}").write_bytes(seed)
    for function in _own_functions():
        atheris.instrument_func(function)
    atheris.Setup(sys.argv, quiet(parse))
    atheris.Fuzz()
