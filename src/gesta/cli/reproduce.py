"""``gesta reproduce``: a table of a paper trained again, or its claims judged."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gesta.cli.arguments import read_arguments
from gesta.cli.console import Console
from gesta.cli.train import ConsoleObserver
from gesta.errors import RecipeError
from gesta.reproduce import find_target, reproduce
from gesta.reproduce.content import mean_and_std, plain, with_interval
from gesta.reproduce.pages import file_name
from gesta.reproduce.rgb import Block, Budget
from gesta.training.recipe import read_table


@dataclass
class Arguments:
    """Train every row of a paper's table and set it beside the paper's numbers.

    $ gesta reproduce san/table-3 --data data/sbu --data data/utd_mhad --out reproduced
    $ gesta reproduce csta/claims --data data/nw_ucla --out reproduced --budget cpu --seeds 0,1,2
    $ gesta reproduce mmff/table-6 --data data/jhmdb --out reproduced --weights lite0.pth

    Runs are kept by what they train: the same command goes on after a stop, and targets that
    share rows share their runs. The pages are NAME.html, NAME.md and NAME.json in --out.
    """

    target: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="PAPER/TABLE")]]
    """A table, with the figures that are made of its rows, or the claims: san/table-1 to 6,
    csta/table-1 to 3, csta/activation, cross_attention/table-3 to 10, cross_attention/context,
    mmff/table-2 to 7, mmff/figure-7; and san/claims, csta/claims, cross_attention/claims,
    mmff/claims."""
    data: tyro.conf.UseAppendAction[tuple[Path, ...]]
    """An archive; may be given several times. A claim is measured on the first that can answer
    it, a table on all of them."""
    out: Path
    """Folder of the pages and, by default, of the runs."""
    budget: Budget = "gpu"
    """"gpu": gesta's recipes for the data set in full; "cpu": every row in a quarter of the
    epochs and with smaller pictures, then the best of a table in full; "paper": the paper's own
    settings."""
    full: int = 2
    """With the budget "cpu": how many of a table's rows, those best on validation, are then trained
    in full."""
    weights: Path | None = None
    """ImageNet weights of EfficientNet-Lite0, which then stands for Xception in models of RGB
    frames. Results are a block of their own, pre-trained, in files of their own."""
    context: Path | None = None
    """Context file of the archive's clips (gesta context), which cross-attention then reads in
    place of video; pre-trained likewise."""
    seeds: str = "0"
    """Seeds of each row: 0,1,2."""
    protocol: str | None = None
    """Instead of the data set's usual one. On NTU RGB+D cross_subject_all and cross_view_all keep
    the clips that show nobody, as the papers count them."""
    runs: Path | None = None
    """Folder of the runs, which several targets can share; by default OUT/runs."""
    jobs: int = 1
    """Runs trained at a time, each in a process of its own."""
    recipe: Path | None = None
    """A recipe file with options for all rows, above the shipped recipes."""


def parse(argv: list[str]) -> Arguments:
    """Read the command line.

    Raises:
        SystemExit: with 2 on bad arguments, with 0 after ``--help``.
    """
    given = read_arguments(Arguments, "gesta reproduce", argv)
    try:
        find_target(given.target)
        seeds_of(given.seeds)
        Block(given.weights, given.context)
        if given.jobs < 1:
            raise RecipeError(f"--jobs: expected at least 1, found {given.jobs}")
        if not given.data:
            raise RecipeError("say what to measure on: --data ARCHIVE")
    except RecipeError as error:
        print(f"gesta: error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    return given


def seeds_of(text: str) -> tuple[int, ...]:
    """The seeds in ``0,1,2``.

    Raises:
        RecipeError: it is something else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise RecipeError(
            f"--seeds: expected numbers with commas between (0,1,2), found {text!r}"
        ) from error


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Train what is not there yet, and print what the pages say."""
    own = {} if arguments.recipe is None else read_table(arguments.recipe)
    with ConsoleObserver(console) as observer:
        try:
            document = reproduce(
                arguments.target,
                arguments.data,
                arguments.out,
                budget=arguments.budget,
                seeds=seeds_of(arguments.seeds),
                protocol=arguments.protocol,
                runs=arguments.runs,
                jobs=arguments.jobs,
                own=own,
                weights=arguments.weights,
                context=arguments.context,
                in_full=arguments.full,
                observer=observer,
            )
        except KeyboardInterrupt:
            observer.close()
            raise KeyboardInterrupt("the same command goes on where it was") from None
    if document["kind"] == "claims":
        _say_claims(document, console)
    else:
        _say_table(document, console)
    console.say(str(arguments.out / f"{file_name(document)}.html"))
    return document


def _say_table(document: dict[str, Any], console: Console) -> None:
    columns = ["row", "on", "paper", "top-1", "difference", "order"]
    rows = []
    for place in document["places"]:
        for row in document["rows"]:
            numbers = place["rows"].get(row["name"])
            if numbers is None:
                continue
            change = numbers.get("difference")
            rows.append(
                [
                    row["name"],
                    place["title"],
                    " / ".join(map(plain, row["paper"])),
                    mean_and_std(numbers["top1"]),
                    with_interval(change) if change else "",
                    numbers.get("order", ""),
                ]
            )
    console.table(columns, rows)


def _say_claims(document: dict[str, Any], console: Console) -> None:
    rows = [
        [claim["statement"], ", ".join(claim["on"]) or claim["why"], claim["verdict"]]
        for claim in document["claims"]
    ]
    console.table(["claim", "measured on", "verdict"], rows)
    rows = [
        [claim["statement"], claim["computed"], claim["verdict"]]
        for claim in document["arithmetic"]
    ]
    console.table(["by arithmetic", "the numbers give", "verdict"], rows)
