from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gesta.cli.arguments import read_arguments


@dataclass(frozen=True)
class Inner:
    """Options of a part.

    Args:
        depth: how deep it goes, in a sentence that
            the source breaks.
    """

    depth: int = 3


@dataclass
class Outer:
    """A verb."""

    out: Path
    """Where it goes, in a sentence that
    the source breaks, too."""
    inner: Inner = field(default_factory=Inner)


def test_values_are_read_into_the_dataclass():
    given = read_arguments(Outer, "gesta verb", ["--out", "x", "--inner.depth", "4"])
    assert given == Outer(Path("x"), Inner(4))


def test_help_breaks_lines_for_the_terminal_and_not_for_the_source(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "160")
    with pytest.raises(SystemExit) as stopped:
        read_arguments(Outer, "gesta verb", ["--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert "Where it goes, in a sentence that the source breaks, too." in told
    assert "how deep it goes, in a sentence that the source breaks." in told
    assert "A verb." in told and "Exit status: 0 done" in told
