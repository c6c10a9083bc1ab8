"""Fusing the scores of runs into a folder of their own, members of groups one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gesta.errors import RunError
from gesta.evaluation import Scores, Weights, equal_weights, fuse, learn_weights, summary
from gesta.training.group import average, pooled_scores
from gesta.training.machine import command_line, describe_versions
from gesta.training.run import EVALUATIONS, Run, undone_on_error


def fuse_runs(
    runs: Sequence[str | Path],
    out: str | Path,
    *,
    weights_from: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """Fuse the test scores of runs, with weights learnt on validation scores.

    Writes ``scores.safetensors``, ``validation_scores.safetensors`` and ``metrics.json`` into a
    new folder. Of groups (folds) each member is fused with the others' of the same name, and the
    metrics are means. What all runs were evaluated on besides is fused with the same weights,
    into ``evaluations`` as there.

    Args:
        runs: two or more finished runs, or groups, of one protocol.
        out: the new folder.
        weights_from: the runs whose validation scores the weights are learnt on, in the order of
            ``runs``; by default these themselves. Final runs have no validation scores.

    Returns:
        What is in ``metrics.json``.

    Raises:
        RunError: the runs do not fit each other, or the folder is there already.
    """
    opened = [Run.open(path) for path in runs]
    learners = [Run.open(path) for path in weights_from] or opened
    if len({run.path.resolve() for run in opened}) < max(2, len(opened)):
        raise RunError("fusing takes two runs or more, each of them once")
    if len(learners) != len(opened):
        raise RunError(f"{len(opened)} runs need as many runs to learn weights from")
    folder = Path(out)
    if folder.exists() and any(folder.iterdir()):
        raise RunError(f"{out}: is there already; give another --out")
    with undone_on_error(folder):
        return _fuse(opened, learners, Run(folder))


def _fuse(runs: Sequence[Run], learners: Sequence[Run], out: Run) -> dict[str, Any]:
    names = [member.name for member in runs[0].members]
    for run in [*runs, *learners]:
        if [member.name for member in run.members] != names:
            raise RunError(f"{run.path} and {runs[0].path} have different members; fuse like runs")
    if not names:
        return _fuse_single(runs, learners, out)
    metrics = []
    for name in names:
        own = [Run(run.path / name) for run in runs]
        others = [Run(run.path / name) for run in learners]
        metrics.append(_fuse(own, others, Run(out.path / name)))
    out.write_json("group.json", {"members": names})
    table = {
        **{key: metrics[0][key] for key in ("model", "dataset", "stream", "seed", "final")},
        "fused": [str(run.path) for run in runs],
        "protocol": runs[0].recipe.protocol,
        "members": names,
        "test_clips": round(sum(one["test_clips"] for one in metrics) / len(metrics)),
        **average(metrics),
        "equal_weights": average([one["equal_weights"] for one in metrics]),
        **pooled_scores(out),
        "versions": describe_versions(),
        "command": command_line(),
    }
    out.write_json("metrics.json", table)
    return table


def _fuse_single(runs: Sequence[Run], learners: Sequence[Run], out: Run) -> dict[str, Any]:
    _check_alike(runs, learners)
    tests = [run.scores for run in runs]
    validation = [_validation(run) for run in learners]
    weights = learn_weights(validation)
    fused_validation = fuse(validation, weights)
    table = _fuse_scores(tests, weights, runs, out)
    table["test_clips"] = table.pop("clips")
    table |= {
        "fused": [str(run.path) for run in runs],
        "scale": weights.scale,
        "validation": summary(fused_validation),
        "single": {str(run.path): summary(scores) for run, scores in zip(runs, tests, strict=True)},
    }
    fused_validation.save(out.path / "validation_scores.safetensors")
    _fuse_evaluations(runs, weights, out)
    out.write_json("metrics.json", table)
    return table


def _fuse_evaluations(runs: Sequence[Run], weights: Weights, out: Run) -> None:
    folders = [run.path / EVALUATIONS for run in runs]
    for first in sorted(folders[0].glob("*/scores.safetensors")):
        files = [folder / first.relative_to(folders[0]) for folder in folders]
        if not all(map(Path.is_file, files)):
            continue
        tests = [Scores.load(file) for file in files]
        place = Run(out.path / EVALUATIONS / first.parent.name)
        table = _fuse_scores(tests, weights, runs, place)
        place.write_json("metrics.json", table | {"part": tests[0].provenance.get("part")})


def _fuse_scores(
    tests: Sequence[Scores], weights: Weights, runs: Sequence[Run], out: Run
) -> dict[str, Any]:
    """Save the fused scores; what is said of all that is fused."""
    fused = fuse(tests, weights)
    out.path.mkdir(parents=True, exist_ok=True)
    fused.save(out.path / "scores.safetensors")
    return {
        **_shared(tests),
        "weights": _named(weights, runs),
        **summary(fused),
        "equal_weights": summary(fuse(tests, equal_weights(len(tests)))),
        "versions": describe_versions(),
        "command": command_line(),
    }


def _check_alike(runs: Sequence[Run], learners: Sequence[Run]) -> None:
    """Weights of one run's model and stream are not handed to another's."""
    for run, learner in zip(runs, learners, strict=True):
        own, other = run.recipe, learner.recipe
        if (own.model, own.stream, own.protocol) != (other.model, other.stream, other.protocol):
            raise RunError(
                f"{learner.path} ({other.model}, {other.stream}, {other.protocol}) cannot give "
                f"the weight of {run.path} ({own.model}, {own.stream}, {own.protocol}); name the "
                "runs to learn from in the same order"
            )


def _validation(run: Run) -> Scores:
    if run.recipe.final:
        raise RunError(
            f"{run.path}: a final run has no validation scores; name the runs that it came from "
            "with --weights-from"
        )
    return run.validation_scores


def _shared(parts: Sequence[Scores]) -> dict[str, Any]:
    first = parts[0].provenance
    joined = {
        key: "+".join(dict.fromkeys(str(part.provenance.get(key)) for part in parts))
        for key in ("model", "stream")
    }
    seeds = sorted({part.provenance.get("seed", 0) for part in parts})
    return {
        **joined,
        "dataset": first.get("dataset"),
        "protocol": first.get("protocol"),
        "seed": seeds[0] if len(seeds) == 1 else seeds,
        "final": all(part.provenance.get("final") for part in parts),
    }


def _named(weights: Weights, runs: Sequence[Run]) -> dict[str, float]:
    return {str(run.path): share for run, share in zip(runs, weights.shares, strict=True)}
