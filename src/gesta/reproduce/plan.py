"""From a row of a table to recipes, and what makes two recipes the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from gesta.archive import Archive
from gesta.errors import RecipeError
from gesta.models import model_entry
from gesta.reproduce.paper import Paper, Row
from gesta.reproduce.rgb import Block, Budget, pretrained, sized, tuned
from gesta.training import Recipe, find_recipe
from gesta.training.recipe import merge
from gesta.training.stages import stream_recipe
from gesta.transforms import takes_footage
from gesta.version import __version__

SettingsTable = Mapping[str, Any]

# Screening trains for a quarter of the epochs.
SCREENING = 4
# What a run computes on, and where its data lie, changes no result that is meant to be kept apart.
_LOOP_PLACES = ("device", "score_batch")


@dataclass(frozen=True)
class Place:
    """Where a row is measured: an archive and one of its protocols, or a group ("folds")."""

    archive: Archive
    protocol: str

    @property
    def dataset(self) -> str:
        """The name of the data set, or of the archive's folder."""
        return self.archive.dataset or self.archive.path.resolve().name

    @property
    def title(self) -> str:
        """For tables: ``utd_mhad cross_subject``."""
        return f"{self.dataset} {self.protocol}"

    @property
    def note(self) -> str:
        """What its protocols say of themselves: which clips they leave out, and how many."""
        protocols = self.archive.protocols
        notes = [protocols[name].note for name in self.archive.protocol_names(self.protocol)]
        return "; ".join(dict.fromkeys(filter(None, notes)))

    @property
    def shows_two(self) -> bool:
        """Whether there are clips of two persons."""
        return bool((self.archive.persons > 1).any())

    @property
    def shows_rgb(self) -> bool:
        """Whether there are clips that refer to their video."""
        return bool(self.archive.with_video.any())


def recipe_for(
    row: Row,
    place: Place,
    paper: Paper,
    budget: Budget,
    own: SettingsTable | None = None,
    block: Block | None = None,
) -> Recipe:
    """The recipe of a row.

    Precedence: the model's recipe < its part for the data set < the size of pictures that goes
    with the budget, and the rate that goes with pre-training < one's own table < what pre-training
    changes < what the row changes. With the budget "paper" the part for the data set counts only
    for the paper's own data sets.

    Args:
        row: a row that is trained.
        place: where.
        paper: whose row it is.
        budget: "paper", "gpu" or "cpu".
        own: options for all rows; those of ``[model]`` reach the models that have them.
        block: what networks that see RGB start from; by default nothing.

    Raises:
        RecipeError: an unknown option or value.
    """
    if row.model is None:
        raise RecipeError(f"{row.name}: is quoted, and nothing is trained for it")
    dataset: str | None = place.archive.dataset
    if budget == "paper" and dataset not in paper.datasets:
        dataset = None
    known = model_entry(row.model).options
    given = dict(own or {})
    if "model" in given:
        given["model"] = {key: v for key, v in given["model"].items() if key in known}
    if row.input_of:
        given = merge({"input": asdict(find_recipe(row.input_of, dataset).input)}, given)
    block = block or Block()
    sizes = sized(find_recipe(row.model, dataset), budget)
    rate = find_recipe(row.model, dataset, {"optimizer": given.get("optimizer", {})}).optimizer.lr
    given = merge(merge(sizes, tuned(row, block, rate)), given)
    given = merge(merge(given, pretrained(row, block)), row.changes)
    recipe = find_recipe(row.model, dataset, given)
    recipe = recipe.replace(data=str(place.archive.path.resolve()), protocol=place.protocol)
    return stream_recipe(recipe, row.stream) if row.stream else recipe


def check_own(own: SettingsTable, rows: Iterable[Row]) -> None:
    """Refuse a model's option that no row's model has.

    Raises:
        RecipeError: which.
    """
    models = {row.model for row in rows if row.model is not None}
    known = {option for model in models for option in model_entry(model).options}
    unknown = sorted(set(own.get("model", {})) - known)
    if unknown:
        raise RecipeError(
            f"model.{unknown[0]}: none of {', '.join(sorted(models))} has such an option"
        )


def shortened(recipe: Recipe, share: int = SCREENING) -> Recipe:
    """The same training in 1/share of its epochs; what counts epochs shrinks with them.

    Warm-up does not, up to half of them: deep networks fail without it.
    """

    def part(epochs: int, least: int) -> int:
        return max(least, math.ceil(epochs / share))

    epochs = part(recipe.loop.epochs, 1)
    schedule = replace(
        recipe.schedule,
        warmup=min(recipe.schedule.warmup, epochs // 2),
        patience=part(recipe.schedule.patience, min(2, recipe.schedule.patience)),
        milestones=tuple(sorted({part(at, 1) for at in recipe.schedule.milestones})),
    )
    alone, joined = recipe.loop.stages
    loop = replace(
        recipe.loop,
        epochs=epochs,
        stages=(part(alone, 0), part(joined, 0)),
        early_stop=part(recipe.loop.early_stop, 0),
    )
    return recipe.replace(schedule=schedule, loop=loop)


def fingerprint(place: Place) -> str:
    """A digest of an archive's clips and of what a protocol of it says; not of where it lies."""
    archive = place.archive
    names = archive.protocol_names(place.protocol)
    return _digest(
        {
            "shards": [shard.entry.sha256 for shard in archive.shards],
            "classes": list(archive.classes),
            "layout": archive.layout.to_dict(),
            "protocols": [archive.protocols[name].to_dict() for name in names],
        }
    )


def run_key(
    recipe: Recipe,
    place: Place,
    final_of: str = "",
    starts: Mapping[str, str | Path] | None = None,
) -> str:
    """The name of the folder of a run: equal where what is trained is equal.

    Args:
        recipe: with its seed.
        place: its archive and protocol.
        final_of: of a final run, the key of the run that it replays.
        starts: keys of the runs, or files of weights, that parts of its network start from.
    """
    table = {key: value for key, value in recipe.to_table().items() if key != "data"}
    table["loop"] = {key: v for key, v in table["loop"].items() if key not in _LOOP_PLACES}
    if recipe.optimizer.streams == 1:  # as fast as the rest: no difference
        del table["optimizer"]["streams"]
    if takes_footage(model_entry(recipe.model).inputs):
        table["video"].pop("workers")
    else:  # what is said of RGB is nothing to it
        del table["video"], table["context"]
    if recipe.context:
        table["context"] = _content(Path(recipe.context))
    if starts:
        table["init"] = {
            part: _content(start) if isinstance(start, Path) else start
            for part, start in starts.items()
        }
    digest = _digest(
        {
            "recipe": table,
            "archive": fingerprint(place),
            "version": __version__,
            "final_of": final_of,
        }
    )
    words = [recipe.model, place.dataset, place.protocol, str(recipe.seed), digest[:12]]
    return "-".join(words) + ("-final" if final_of else "")


def _content(path: Path) -> str:
    """A digest of what is in a file, which is read again only once it has changed."""
    about = path.stat()
    return _sha256(path, about.st_size, about.st_mtime_ns)


@cache
def _sha256(
    path: Path, size: int, changed: int
) -> str:  # size and time are part of the cache's key
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()
