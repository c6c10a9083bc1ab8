"""Rows at a place: the runs they want, and what these measured, as plain values for pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gesta.evaluation import summary
from gesta.reproduce.decision import Decision, decide
from gesta.reproduce.outcome import (
    Outcome,
    difference,
    outcome_from,
    outcome_of,
    singles,
    spread,
)
from gesta.reproduce.paper import Paper, Row
from gesta.reproduce.plan import Place, recipe_for, shortened
from gesta.reproduce.rgb import first_weights
from gesta.reproduce.runs import Starts, Task, Wanted, choosing_runs, final_runs
from gesta.reproduce.settings import Settings
from gesta.training import Recipe, Run

# Runs below this share of the way from chance to all clips have not learnt their task.
LEARNT = 0.1
MEASURES = ("top1", "top5", "mean_class_accuracy")


@dataclass(frozen=True, eq=False)
class Measured:
    """A row at a place, its runs finished.

    Args:
        row, place: which.
        runs: one a seed, whose test scores count; none of a row that is made of others.
        choosing: the runs that have a validation part.
        outcome: what is recognised.
        validation: top-1 on validation, the mean of the runs that have such a part, in per cent.
        figures: what was measured, as plain values.
    """

    row: Row
    place: Place
    runs: tuple[Run, ...]
    choosing: tuple[Run, ...]
    outcome: Outcome
    validation: float
    figures: Mapping[str, Any]

    @property
    def has_learnt(self) -> bool:
        """Whether the runs are at least a tenth of the way from chance to every clip right."""
        chance = 100 / len(self.place.archive.classes)
        return self.outcome.accuracy >= chance + LEARNT * (100 - chance)

    def numbers(self) -> dict[str, Any]:
        """What was measured, as plain values."""
        shared = {"validation": self.validation, "clips": len(self.outcome.ids)}
        return {**self.figures, **shared}

    def above(self, base: Measured) -> dict[str, Any]:
        """The difference to another row of the same place, with its interval."""
        found = difference(base.outcome, self.outcome)
        return {"base": base.row.name, **asdict(found)}


def recipe_of(row: Row, place: Place, paper: Paper, settings: Settings) -> Recipe:
    """The full recipe of a row."""
    return recipe_for(row, place, paper, settings.budget, settings.own, settings.block)


def wanted(row: Row, place: Place, paper: Paper, settings: Settings) -> Wanted:
    """The runs of a row: of the screening with the budget "cpu", otherwise in full."""
    return _wanted(row, place, paper, settings, short=settings.budget == "cpu")


def wanted_in_full(row: Row, place: Place, paper: Paper, settings: Settings) -> Wanted:
    """The runs of a row in full, whatever the budget."""
    return _wanted(row, place, paper, settings, short=False)


def _wanted(row: Row, place: Place, paper: Paper, settings: Settings, short: bool) -> Wanted:
    if row.fuses:
        parts = [_wanted(one, place, paper, settings, short) for one in row.fuses]
        return Wanted((), before=tuple(parts))
    before = {
        part: _started(one, place, paper, settings, short) for part, one in row.starts.items()
    }
    starts: Starts = {
        **first_weights(row, settings.block),
        **{part: one.first[0].key for part, one in before.items()},
    }
    recipe = recipe_of(row, place, paper, settings)
    if short:
        found = choosing_runs(shortened(recipe), place, settings.seeds, starts)
    else:
        found = final_runs(recipe, place, settings.seeds, starts)
    return Wanted(found.first, found.finals, tuple(before.values()))


def _started(row: Row, place: Place, paper: Paper, settings: Settings, short: bool) -> Wanted:
    """The one run of a row that others start from: of the first seed, with a validation part.

    It is shared by all rows that start from it, all their seeds and their final runs, which
    therefore see the validation clips only in what they train themselves.
    """
    found = _wanted(row, place, paper, settings, short)
    return Wanted(found.first[:1], before=found.before)


def measure(row: Row, place: Place, runs: Wanted, settings: Settings) -> Measured:
    """What the finished runs of a row say."""
    if row.fuses:
        return _measure_fused(row, place, runs, settings)
    reported, choosing = _opened(runs.reported, settings), _opened(runs.first, settings)
    top1 = [run.metrics["validation"]["top1"] for run in choosing]
    return Measured(
        row,
        place,
        reported,
        choosing,
        outcome_of(reported),
        sum(top1) / len(top1),
        _figures(reported),
    )


def _opened(tasks: Sequence[Task], settings: Settings) -> tuple[Run, ...]:
    return tuple(settings.workshop.run(task.key) for task in tasks)


def _figures(runs: Sequence[Run]) -> dict[str, Any]:
    metrics = [run.metrics for run in runs]
    first = metrics[0]
    return {
        **{key: spread([one[key] for one in metrics]) for key in MEASURES},
        "parameters": first["parameters"],
        "flops": first["flops"],
        "epochs": [one["epochs"] for one in metrics],
        "seconds": sum(one["seconds"] for one in metrics),
        "runs": [run.name for run in runs],
        "machine": first["machine"],
    }


def _measure_fused(row: Row, place: Place, runs: Wanted, settings: Settings) -> Measured:
    """What the sum of two rows' decisions says; the weight is chosen on validation."""
    first, second = (_opened(part.reported, settings) for part in runs.before)
    learners = [_opened(part.first, settings) for part in runs.before]
    seeds = []
    for number, pair in enumerate(zip(first, second, strict=True)):
        choosing = tuple(part[min(number, len(part) - 1)] for part in learners)
        seeds.append(_decisions((choosing[0], choosing[1]), pair))
    named = [(row.name, [one.test.labelled() for one in members]) for members in seeds]
    tests = [[summary(one.test) for one in members] for members in seeds]
    means = {key: [_mean([test[key] for test in one]) for one in tests] for key in MEASURES}
    validation = [summary(one.validation)["top1"] for members in seeds for one in members]
    parts = [_figures(first), _figures(second)]
    figures = {
        **{key: spread(values) for key, values in means.items()},
        **{key: sum(part[key] for part in parts) for key in ("parameters", "flops", "seconds")},
        "epochs": [],
        "runs": [name for part in parts for name in part["runs"]],
        "machine": parts[0]["machine"],
        "share_of_first": [one.share for members in seeds for one in members],
    }
    return Measured(row, place, (), (), outcome_from(named), _mean(validation), figures)


def _decisions(learners: tuple[Run, Run], tested: tuple[Run, Run]) -> list[Decision]:
    """The fused scores of two runs, or of each member of two groups."""
    columns = [singles(run) for run in (*learners, *tested)]
    return [
        decide((a.validation_scores, b.validation_scores), (c.scores, d.scores))
        for a, b, c, d in zip(*columns, strict=True)
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def best_of(rows: Sequence[Measured], count: int) -> list[Measured]:
    """The rows that are best on validation; of equal ones the first."""
    trained = [one for one in rows if one.runs]
    return sorted(trained, key=lambda one: -one.validation)[:count]
