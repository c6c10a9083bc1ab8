"""The command line's frame: overview, exit statuses, JSON apart from prose."""

import json
import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace

import pytest
import tyro

from gesta.cli import VERBS, main
from gesta.cli.console import Console
from gesta.errors import GestaError


@dataclass
class Arguments:
    """Say a word. Example: gesta demo hello."""

    word: tyro.conf.Positional[str]
    """what to say"""


@pytest.fixture
def verb(monkeypatch):
    """A stand-in verb whose behaviour a test sets."""

    def install(run):
        module = ModuleType("gesta.cli.demo")
        module.Arguments, module.run = Arguments, run
        monkeypatch.setitem(sys.modules, "gesta.cli.demo", module)

    return install


def test_overview_names_every_verb(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)
    assert main([]) == 2


def test_help_is_wrapped_and_says_what_holds_for_every_verb(verb, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    verb(lambda arguments, console: None)
    example = f"$ gesta demo hello{' ' * 40}stays on its line"
    told = f"""Say a word.

    {example}

    {"prose is wrapped " * 9}
    """
    monkeypatch.setattr(Arguments, "__doc__", told)
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert stop.value.code == 0 and lines[2] == "Say a word."
    assert f"  {example}" in lines
    assert max(len(line) for line in lines if "wrapped" in line) <= 60
    assert "--json" in "".join(lines) and "2 bad arguments" in " ".join(lines)


def test_unknown_verb(capsys):
    assert main(["trian"]) == 2
    assert "did you mean 'train'" in capsys.readouterr().err


def test_bad_arguments_exit_with_2(verb):
    verb(lambda arguments, console: None)
    with pytest.raises(SystemExit) as stop:
        main(["demo"])
    assert stop.value.code == 2


def test_json_has_stdout_for_itself(verb, capsys):
    def run(arguments, console):
        console.say(f"saying [{arguments.word}]")
        console.table(["a", "b"], [["x", 1.5]])
        with console.progress("work") as progress:
            progress(3, 3, "done")
        console.exit_status = 1
        return {"word": arguments.word}

    verb(run)
    assert main(["demo", "hello", "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"word": "hello"}
    assert "saying [hello]" in captured.err
    assert "1.50" in captured.err
    assert "work 3/3" in captured.err
    assert main(["demo", "hello"]) == 1
    assert "saying [hello]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (GestaError("no joints"), 1, "gesta: error: no joints"),
        (FileNotFoundError(2, "No such file or directory", "a.json"), 1, "a.json"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_errors_are_one_line(verb, capsys, error, status, text):
    def run(arguments, console):
        raise error

    verb(run)
    assert main(["demo", "hello"]) == status
    captured = capsys.readouterr()
    assert text in captured.err
    assert "Traceback" not in captured.err


def test_the_time_left_of_work_that_goes_on_is_that_of_the_rest(monkeypatch, capsys):
    now = iter((0.0, 0.0, 0.0, 10.0, 10.0))
    monkeypatch.setattr("gesta.cli.console.time", SimpleNamespace(monotonic=lambda: next(now)))
    with Console().progress("work") as progress:
        progress(900, 1000)
        progress(920, 1000, "on")
    assert capsys.readouterr().out == "work 920/1000 (2.0/s, 40 s left) on\n"


def test_slow_work_is_counted_by_the_minute(monkeypatch, capsys):
    now = iter((0.0, 0.0, 0.0, 40.0, 40.0))
    monkeypatch.setattr("gesta.cli.console.time", SimpleNamespace(monotonic=lambda: next(now)))
    with Console().progress("videos") as progress:
        progress(0, 4)
        progress(2, 4)
    assert capsys.readouterr().out == "videos 2/4 (3.0/min, 40 s left)\n"
