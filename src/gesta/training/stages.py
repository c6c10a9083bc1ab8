"""Training in three stages: each stream alone, what joins them on fixed streams, everything.

After the MMFF paper, end of section 3.5. Each stage is a run of its own under ``stages`` in the
run's folder; the run itself is the last stage, which starts from them. What is stopped goes on
where it was, and streams that ``init`` names as finished runs are taken as they are. A final
training replays every stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gesta.errors import RecipeError
from gesta.models import model_entry
from gesta.training.initial import read_init, write_init
from gesta.training.observer import Observer
from gesta.training.recipe import Recipe, model_options
from gesta.training.run import Run
from gesta.training.single import check_inputs, train_run

FOLDER = "stages"
_FUSION = "fusion"


def train_staged(run: Run, observer: Observer | None = None) -> Run:
    """Train a single run to its end, and before it the stages that its recipe asks for.

    Raises:
        RecipeError: the model has no streams to train alone.
        and all that `gesta.training.single.train_run` raises.
    """
    recipe = run.recipe
    if not any(recipe.loop.stages) or run.is_finished:
        return train_run(run, observer)
    check_inputs(recipe)  # what does not fit would come out when all streams are trained
    alone, joined = recipe.loop.stages
    found = dict(read_init(recipe.init))
    if "" in found:
        raise RecipeError(
            "loop.stages trains streams first, and init names weights for the whole model "
            f"({recipe.init}): name streams (rgb=FILE), or give loop.stages 0 0"
        )
    if alone:
        for stream in _streams(recipe):
            source = found.get(stream, "")
            if not (source and Path(source).is_dir()):
                recipe_of = partial(stream_recipe, recipe, stream, _begin(recipe, stream, source))
                stage = _stage(run, stream, recipe_of)
                found[stream] = str(train_run(stage, observer).path)
    init = write_init(list(found.items()))
    if joined and not _decides_apart(recipe):
        stage = _stage(run, _FUSION, partial(_fusion_recipe, recipe, init))
        return train_run(run, observer, init=str(train_run(stage, observer).path))
    return train_run(run, observer, init=init)


def stream_recipe(recipe: Recipe, stream: str, init: str = "") -> Recipe:
    """The recipe for a stream of a model alone.

    Args:
        recipe: of the whole model.
        stream: one of the model's.
        init: weights that it starts from.

    Raises:
        RecipeError: the model has no streams.
    """
    name, options = _streams(recipe)[stream]
    loop = replace(recipe.loop, epochs=recipe.loop.stages[0], stages=(0, 0), freeze="none")
    return recipe.replace(model=name, options=model_options(name, options), init=init, loop=loop)


def _begin(recipe: Recipe, stream: str, source: str) -> str:
    """What the init of a stage says: a model of poses is the stream, one of pictures holds it."""
    name, _ = _streams(recipe)[stream]
    is_itself = model_entry(name).inputs == ("poses", "mask")
    return source if is_itself or not source else f"{stream}={source}"


def _fusion_recipe(recipe: Recipe, init: str) -> Recipe:
    loop = replace(recipe.loop, epochs=recipe.loop.stages[1], stages=(0, 0), freeze="streams")
    return recipe.replace(init=init, loop=loop)


def _streams(recipe: Recipe) -> dict[str, tuple[str, dict[str, Any]]]:
    streams = model_entry(recipe.model).streams
    if streams is None:
        raise RecipeError(f"loop.stages: {recipe.model} has no streams; leave it at 0 0")
    return streams(recipe.options)


def _decides_apart(recipe: Recipe) -> bool:
    """Decisions are fused by one weight, which is chosen when training ends."""
    return recipe.options.get("fusion") == "decision"


def stage_runs(run: Run) -> list[Run]:
    """The runs of the earlier stages, in order; none where there are none."""
    folder = run.path / FOLDER
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return sorted((Run(path) for path in found), key=lambda stage: stage.name == _FUSION)


def _stage(run: Run, name: str, recipe: Callable[[], Recipe]) -> Run:
    """The run of a stage, as it was begun or new. A final training has planned all of them."""
    path = run.path.resolve() / FOLDER / name
    stage = Run(path)
    return stage if stage.recipe_path.is_file() else Run.create(path, recipe())
