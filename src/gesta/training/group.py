"""Public ways into training: one run, a group of folds or seeds, going on, final trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gesta.archive import open_archive
from gesta.errors import RecipeError, RunError
from gesta.evaluation import Scores, pool, summary
from gesta.training.initial import absolute_init, read_init, write_init
from gesta.training.observer import Observer
from gesta.training.recipe import Recipe
from gesta.training.run import DEMO, LOG, Run, is_demo, undone_on_error
from gesta.training.stages import stage_runs, train_staged

MEASURES = ("top1", "top5", "mean_class_accuracy", "nll", "expected_calibration_error")
_SHARED = ("model", "dataset", "stream", "final", "parameters", "flops", "chance")
_COUNTS = ("train_clips", "validation_clips", "test_clips")


def train(
    recipe: Recipe,
    out: str | Path | None = None,
    *,
    seeds: Sequence[int] | None = None,
    observer: Observer | None = None,
) -> Run:
    """Train a recipe.

    A protocol that stands for several ("folds") is trained on each, and several seeds likewise;
    the run returned is then a group, whose metrics are means over its members.

    Args:
        recipe: what to train; ``recipe.data`` names the archive.
        out: the run's folder; by default under ``runs``, see `default_folder`.
        seeds: instead of the recipe's own.
        observer: told how it goes.

    Raises:
        RecipeError, ProtocolError, ArchiveError, ModelError: the recipe cannot be carried out.
        RunError: the folder is there already.
        DivergedError: the loss of a batch is not finite.
    """
    if not recipe.data or not recipe.protocol:
        raise RecipeError("a training needs data (an archive) and a protocol")
    recipe = recipe.replace(data=_absolute(recipe.data), init=absolute_init(recipe.init))
    if seeds and len(set(seeds)) > 1:
        folder = Path(out) if out else default_folder(recipe, "seeds")
        with undone_on_error(folder, unless=LOG):
            return _finish(_plan_seeds(folder, recipe, seeds), observer)
    if seeds:
        recipe = recipe.replace(seed=seeds[0])
    folder = Path(out) if out else default_folder(recipe)
    with undone_on_error(folder, unless=LOG):
        return _finish(_plan(folder, recipe), observer)


def resume(path: str | Path, observer: Observer | None = None) -> Run:
    """Go on with a run or group that was stopped.

    The weights are bit for bit those of a run that was never stopped (on the same machine).

    Raises:
        RunError: there is no run there, or its archive has changed.
    """
    return _finish(Run.open(path), observer)


def train_final(
    path: str | Path,
    out: str | Path | None = None,
    *,
    seeds: Sequence[int] = (),
    observer: Observer | None = None,
) -> Run:
    """Train a finished run's recipe again on train and validation together.

    It replays the learning rate of each epoch up to the one that the run kept, and keeps its
    last; of a group each member does.

    Args:
        path: the finished run.
        out: the new run's folder; by default beside the old one, with ``-final``.
        seeds: instead of the run's own; several give a group. What the run chose stands for all.
        observer: told how it goes.

    Raises:
        RunError: the run is not finished, or is final itself, or the folder is there already.
    """
    run = Run.open(path)
    folder = Path(out) if out else run.path.with_name(f"{run.name}-final")
    with undone_on_error(folder, unless=LOG):
        if len(set(seeds)) < 2:
            return _finish(_plan_final(folder, run, seeds[0] if seeds else None), observer)
        names = {f"seed_{seed}": seed for seed in seeds}
        group = Run.create(folder, run.recipe, list(names))
        for name, seed in names.items():
            _plan_final(folder / name, run, seed)
        return _finish(group, observer)


def default_folder(recipe: Recipe, seed: str | None = None) -> Path:
    """``runs/<dataset>-<protocol>-<model>-<stream>-<seed>``."""
    dataset = open_archive(recipe.data).dataset or Path(recipe.data).resolve().name
    words = [dataset, recipe.protocol, recipe.model, recipe.stream]
    return Path("runs") / "-".join([*words, str(recipe.seed) if seed is None else seed])


def summarise(run: Run) -> dict[str, Any]:
    """The metrics of a group: means over its finished members, deviations, pooled scores.

    Numbers of clips are means as well. The deviation is that of a sample (n - 1). Where members
    test on different clips (folds), ``pooled`` measures all of their clips together.
    """
    metrics = [member.metrics for member in run.members]
    first = metrics[0]
    seeds = [one["seed"] for one in metrics]
    table = {
        **{key: first[key] for key in _SHARED},
        "protocol": run.recipe.protocol,
        "seed": seeds if any(seed != seeds[0] for seed in seeds) else seeds[0],
        "members": [member.name for member in run.members],
        **average(metrics),
        "seconds": sum(one["seconds"] for one in metrics),
        **{key: round(sum(one[key] for one in metrics) / len(metrics)) for key in _COUNTS},
        "epochs": max(one["epochs"] for one in metrics),
        **pooled_scores(run),
        **{key: first[key] for key in ("machine", "versions", "command")},
    }
    if all("validation" in one for one in metrics):
        table["validation"] = average([one["validation"] for one in metrics])
    return table


def average(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of each measure, and under ``std`` its deviation over the members."""
    values = {key: np.array([one[key] for one in metrics], np.float64) for key in MEASURES}
    spread = {key: float(v.std(ddof=1)) if len(v) > 1 else 0.0 for key, v in values.items()}
    return {**{key: float(value.mean()) for key, value in values.items()}, "std": spread}


def pooled_scores(run: Run) -> dict[str, Any]:
    """Write the scores of all members as one and measure them, where they share no clip."""
    files = [member.path / "scores.safetensors" for member in run.members]
    pooled = pool([Scores.load(file) for file in files]) if all(map(Path.is_file, files)) else None
    if pooled is None:
        return {}
    pooled.save(run.path / "scores.safetensors")
    return {"pooled": summary(pooled)}


def _plan(folder: Path, recipe: Recipe) -> Run:
    """Make the folders of a run, or of a group and its members."""
    names = open_archive(recipe.data).protocol_names(recipe.protocol)
    if names == [recipe.protocol]:
        return Run.create(folder, recipe)
    run = Run.create(folder, recipe, names)
    for name in names:
        init = _init_of_member(recipe.init, name)
        Run.create(folder / name, recipe.replace(protocol=name, init=init))
    return run


def _init_of_member(init: str, name: str) -> str:
    """Where folds start from a group of folds, each starts from the one of its own name."""
    members = {
        source: {member.name: str(member.path) for member in Run(Path(source)).members}
        for _, source in read_init(init)
    }
    pairs = [(stream, members[source].get(name, source)) for stream, source in read_init(init)]
    return write_init(pairs)


def _plan_seeds(folder: Path, recipe: Recipe, seeds: Sequence[int]) -> Run:
    names = {f"seed_{seed}": seed for seed in seeds}
    run = Run.create(folder, recipe.replace(seed=seeds[0]), list(names))
    for name, seed in names.items():
        _plan(folder / name, recipe.replace(seed=seed))
    return run


def _plan_final(folder: Path, source: Run, seed: int | None) -> Run:
    if source.members:
        names = [member.name for member in source.members]
        run = Run.create(folder, source.recipe, names)
        for member in source.members:
            _plan_final(folder / member.name, member, seed)
        return run
    for stage in (source, *stage_runs(source)):
        recipe = final_recipe(stage)
        inside = stage.path.resolve().relative_to(source.path.resolve())
        init = recipe.init.replace(str(source.path.resolve()), str(folder.resolve()))
        recipe = recipe.replace(init=init, seed=recipe.seed if seed is None else seed)
        Run.create(folder / inside, recipe)
    return Run(folder)


def final_recipe(run: Run) -> Recipe:
    """The recipe that trains a finished run again on train and validation.

    Raises:
        RunError: the run is not finished, or is final itself.
    """
    if run.is_shipped:
        raise RunError(f"{DEMO}: came without the log of its training; train its recipe yourself")
    recipe, kept = run.recipe, run.metrics["kept_epoch"]
    if recipe.final:
        raise RunError(f"{run.path}: is a final training already")
    rates = tuple(record.learning_rate for record in run.history[: kept + 1])
    return recipe.replace(
        final=True,
        options={**recipe.options, **run.metrics.get("chosen", {})},
        schedule=replace(recipe.schedule, name="replay", rates=rates),
        loop=replace(
            recipe.loop,
            epochs=len(rates),
            keep="last",
            early_stop=0,
            unknown_below=run.metrics.get("unknown_below"),
        ),
    )


def _finish(run: Run, observer: Observer | None) -> Run:
    members: Mapping[str, Run] = {member.name: member for member in run.members}
    if not members:
        return train_staged(run, observer)
    for member in members.values():
        _finish(member, observer)
    run.write_json("metrics.json", summarise(run))
    return run


def _absolute(path: str) -> str:
    """A path that a recipe can be trained from anywhere with; "" and "demo" stay what they are."""
    return str(Path(path).resolve()) if path and not is_demo(path) else path
