"""The command line: one file a verb, found and imported only when it is asked for."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from gesta.cli.console import Console

VERBS = {
    "demo": "embedded data: prepare, doctor, train, evaluate, report",
    "prepare": "files of a data set -> an archive",
    "extract": "own videos: poses, tracks -> an archive",
    "doctor": "check an archive and its protocol before trusting it",
    "view": "animate a clip, or a page of an archive's clips",
    "context": "features of a frozen image network for every frame, which training reads",
    "train": "train a model, a recipe, or a run's recipe again",
    "evaluate": "score a run on the test part of a protocol",
    "fuse": "combine the scores of several runs, weights learnt on validation",
    "compare": "two runs: paired bootstrap interval and per-class differences",
    "predict": "what people do in new videos and clips, and when",
    "explain": "the joints and frames that mattered",
    "report": "write the HTML report of a run again",
    "export": "a run as ONNX",
    "reproduce": "a paper's table trained again beside its numbers, or its claims judged",
    "bench": "latency and throughput of models on this machine",
    "models": "the models, their parameters and multiply-adds",
    "datasets": "the data sets, their classes and protocols",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``gesta VERB ...`` and return the exit status: 0, 1 failed, 2 bad arguments."""
    _print_any_name()
    try:
        try:
            return _main(list(sys.argv[1:] if argv is None else argv))
        finally:
            # What is still buffered fails here, where it can be told, and not as Python ends.
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output (head, less) went away: that is no failure of ours.
        _silence_stdout()
        return 0
    except KeyboardInterrupt as stop:
        advice = str(stop) or "the same command goes on where it can"
        print(f"gesta: stopped; {advice}", file=sys.stderr)
        return 130
    except OSError as error:
        _silence_stdout()
        print(f"gesta: error: {_reason(error)}", file=sys.stderr)
        return 1


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        from gesta.version import __version__

        print(f"gesta {__version__}")
        return 0
    verb, *rest = arguments
    if verb not in VERBS:
        print(f"gesta: error: unknown verb {verb!r}{_nearest(verb)}\n", file=sys.stderr)
        print(_overview(), file=sys.stderr)
        return 2
    as_json = "--json" in rest
    return _run(verb, [word for word in rest if word != "--json"], as_json)


def _overview() -> str:
    lines = [f"  {verb:<11}{summary}" for verb, summary in VERBS.items()]
    return "\n".join(
        [
            "usage: gesta VERB [arguments]",
            "",
            "Recognise what people do from how they move.",
            "",
            *lines,
            "",
            "gesta VERB --help explains a verb, with an example; every verb takes --json.",
            "",
            "Exit status: 0 done; 1 failed, also where a file, a clip or another name that is",
            "asked for is not there, or doctor finds an error; 2 the command line cannot be read:",
            "an unknown verb, option or value of an option, a model that train or a target that",
            "reproduce does not know; 130 stopped by Ctrl-C.",
        ]
    )


def _nearest(verb: str) -> str:
    from difflib import get_close_matches

    matches = get_close_matches(verb, VERBS, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def _run(verb: str, argv: list[str], as_json: bool) -> int:
    from gesta.cli.console import Console
    from gesta.errors import GestaError

    console = Console(json=as_json)
    try:
        module = import_module(f"gesta.cli.{verb}")
        document = module.run(_parse(module, verb, argv), console)
    except GestaError as error:
        return _fail(str(error), console)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(_reason(error), console)
    except MemoryError as error:
        return _fail(f"out of memory; {error}".rstrip("; "), console)
    if as_json:
        print(json.dumps(_plain(document), indent=2, allow_nan=False))
    return console.exit_status


def _parse(module: ModuleType, verb: str, argv: list[str]) -> Any:  # noqa: ANN401 - a verb's own
    if hasattr(module, "parse"):
        return module.parse(argv)
    from gesta.cli.arguments import read_arguments

    return read_arguments(module.Arguments, f"gesta {verb}", argv)


def _fail(message: str, console: Console) -> int:
    print(f"gesta: error: {message}", file=sys.stderr)
    if console.json:
        print(json.dumps({"error": message}))
    return 1


def _reason(error: OSError) -> str:
    """What the system refused, and where; of a renaming the name that was asked for."""
    place = error.filename2 or error.filename
    reason = error.strerror or str(error)
    return reason if place is None else f"{os.fsdecode(place)}: {reason}"


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a verb returns
    """Only what JSON can write: no numpy, no paths, and null for numbers that are none."""
    for method in ("tolist", "__fspath__"):
        if hasattr(value, method):
            value = getattr(value, method)()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _print_any_name() -> None:
    """Print escapes for what the terminal's encoding lacks, or a file name that is no text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Let what cannot be written any more go nowhere, instead of failing again at the end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
