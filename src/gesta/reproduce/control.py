"""The control that fusion papers lack: test clips with the RGB or the context of another clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gesta.archive import Archive
from gesta.evaluation import Scores
from gesta.reproduce.outcome import Outcome, outcome_from, singles
from gesta.training import Run, evaluate
from gesta.training.run import EVALUATIONS

SEED = 0


def with_scene_of_another(runs: Sequence[Run], archive: Archive) -> Outcome:
    """What the runs of a row recognise when each test clip has another one's RGB or context.

    Scores are kept in the runs, as those of `gesta.training.evaluate`, and not made twice.

    Args:
        runs: one a seed, or a group of folds each, of a model that sees RGB.
        archive: their data.

    Raises:
        RunError: a model takes poses alone.
    """
    return outcome_from(
        [
            (str(run.path), [_shuffled(single, archive).labelled() for single in singles(run)])
            for run in runs
        ]
    )


def _shuffled(run: Run, archive: Archive) -> Scores:
    kept = _kept(run)
    return evaluate(run, archive, shuffle=SEED) if kept is None else Scores.load(kept)


def _kept(run: Run) -> Path | None:
    found = sorted(run.path.glob(f"{EVALUATIONS}/*-test-shuffled_{SEED}/scores.safetensors"))
    return found[0] if found else None
