"""Rows at a place: the runs they want, and what these measured, as plain values for pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gesta.reproduce.outcome import Outcome, difference, outcome_of, spread
from gesta.reproduce.paper import Paper, Row
from gesta.reproduce.plan import Place, recipe_for, shortened
from gesta.reproduce.rgb import first_weights
from gesta.reproduce.runs import Starts, Wanted, choosing_runs, final_runs
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
        runs: one a seed, whose test scores count.
        choosing: the runs that have a validation part.
        outcome: what the runs recognise.
    """

    row: Row
    place: Place
    runs: tuple[Run, ...]
    choosing: tuple[Run, ...]
    outcome: Outcome

    @property
    def validation(self) -> float:
        """Top-1 on validation, the mean of the runs that have such a part, in per cent."""
        values = [run.metrics["validation"]["top1"] for run in self.choosing]
        return sum(values) / len(values)

    @property
    def has_learnt(self) -> bool:
        """Whether the runs are at least a tenth of the way from chance to every clip right."""
        chance = 100 / len(self.place.archive.classes)
        return self.outcome.accuracy >= chance + LEARNT * (100 - chance)

    def numbers(self) -> dict[str, Any]:
        """What the runs measured, as plain values."""
        metrics = [run.metrics for run in self.runs]
        first = metrics[0]
        return {
            **{key: spread([one[key] for one in metrics]) for key in MEASURES},
            "validation": self.validation,
            "clips": len(self.outcome.ids),
            "parameters": first["parameters"],
            "flops": first["flops"],
            "epochs": [one["epochs"] for one in metrics],
            "seconds": sum(one["seconds"] for one in metrics),
            "runs": [run.name for run in self.runs],
            "machine": first["machine"],
        }

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
    recipe = recipe_of(row, place, paper, settings)
    before = {
        stream: _shared(one, place, paper, settings, short) for stream, one in row.starts.items()
    }
    starts: Starts = {
        **first_weights(recipe.model, settings.block),
        **{stream: one.first[0].key for stream, one in before.items()},
    }
    if short:
        found = choosing_runs(shortened(recipe), place, settings.seeds, starts)
    else:
        found = final_runs(recipe, place, settings.seeds, starts)
    return Wanted(found.first, found.finals, tuple(before.values()))


def _shared(row: Row, place: Place, paper: Paper, settings: Settings, short: bool) -> Wanted:
    """The one run of a row that others start from: of the first seed, with a validation part.

    It is shared by all rows that start from it, all their seeds and their final runs, which
    therefore see the validation clips only in what they train themselves.
    """
    found = _wanted(row, place, paper, settings, short)
    return Wanted(found.first[:1], before=found.before)


def measure(row: Row, place: Place, runs: Wanted, settings: Settings) -> Measured:
    """What the finished runs of a row say."""
    reported = tuple(settings.workshop.run(task.key) for task in runs.reported)
    choosing = tuple(settings.workshop.run(task.key) for task in runs.first)
    return Measured(row, place, reported, choosing, outcome_of(reported))


def best_of(rows: Sequence[Measured], count: int) -> list[Measured]:
    """The rows that are best on validation; of equal ones the first."""
    return sorted(rows, key=lambda one: -one.validation)[:count]
