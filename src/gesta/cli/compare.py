"""``gesta compare``: two runs on the same clips."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gesta.cli.console import Console
from gesta.errors import RunError
from gesta.evaluation import Difference, Scores, compare
from gesta.training import Run


@dataclass
class Arguments:
    """Compare two runs clip by clip: is the second better than the first?

    $ gesta compare runs/utd_mhad-cross_subject-st_gcn-joint-0 runs/fused
    """

    first: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A finished run, a group of folds, or a fusion."""
    second: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """Another one of the same protocol."""
    resamples: int = 10_000
    """How often clips are drawn with replacement."""
    seed: int = 0
    """Of the drawing."""
    classes: int = 10
    """How many of the most changed classes are shown."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Print differences in percentage points, second minus first, with 95 % intervals."""
    if arguments.classes < 0:
        raise RunError(f"--classes: expected at least 0, found {arguments.classes}")
    first, second = _scores(arguments.first), _scores(arguments.second)
    result = compare(first, second, resamples=arguments.resamples, seed=arguments.seed)
    for title, change in (("top-1", result.top1), ("mean class", result.mean_class_accuracy)):
        console.say(f"{title} {_points(change)}")
    console.say(
        f"recognised by one only: {result.only_first} first, {result.only_second} second "
        f"(McNemar p = {result.p_value:.3g}, {result.clips} clips)"
    )
    rows = [
        [row.name, row.clips, row.first, row.second, row.second - row.first]
        for row in result.classes[: arguments.classes]
    ]
    console.table(["class", "clips", "first", "second", "difference"], rows)
    return {"first": str(arguments.first), "second": str(arguments.second), **asdict(result)}


def _scores(path: Path) -> Scores:
    """The scores in a folder; of a group those of all its clips, which folds have and seeds not.

    Raises:
        RunError: there are none.
    """
    given = Run(path)
    file = path / "scores.safetensors"
    if given.members and given.is_finished and not file.is_file():
        names = ", ".join(str(member.path) for member in given.members)
        raise RunError(
            f"{path}: its runs test on the same clips and have no scores as one; name one of "
            f"them: {names}"
        )
    return Scores.load(file)


def _points(change: Difference) -> str:
    return f"{change.value:+.2f} points, 95 % interval {change.low:+.2f} to {change.high:+.2f}"
