"""A recipe: all that has to be said to train a model, as typed values and as TOML.

Precedence: defaults < the shipped recipe of the model or of its family (``gesta/recipes``) < its
``[dataset.NAME]`` part < what is given by hand (the user's own recipe file, or the command line).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from gesta.errors import RecipeError
from gesta.models import model_entry
from gesta.training.options import LoopOptions, OptimizerOptions, ScheduleOptions
from gesta.training.toml import to_toml
from gesta.training.typed import check_names, convert, section_from, typed_options
from gesta.transforms import AugmentOptions, InputOptions, Stream, VideoOptions

Table = Mapping[str, Any]
SECTIONS: dict[str, type] = {
    "optimizer": OptimizerOptions,
    "schedule": ScheduleOptions,
    "input": InputOptions,
    "augment": AugmentOptions,
    "video": VideoOptions,
    "loop": LoopOptions,
}


@dataclass(frozen=True)
class Recipe:
    """All that has to be said to train a model.

    Args:
        model: its name.
        options: of the model, typed by its builder's signature.
        data: path of the archive.
        protocol: which clips train and which test; a group ("folds") stands for several.
        stream: what is made of the joints.
        seed: of the weights, the order of the clips, augmentation and dropout.
        init: weights to start from: a run folder or a file, or STREAM=SOURCE for streams of the
            model, with commas between; "" for none.
        context: path of the context file, for a model that takes context vectors; "" for none.
        final: train on train and validation together, which leaves nothing to choose by.
        optimizer, schedule, input, augment, video, loop: the sections.

    Raises:
        RecipeError: parts that do not go together.
    """

    model: str
    options: Table = field(default_factory=dict)
    data: str = ""
    protocol: str = ""
    stream: Stream = "joint"
    seed: int = 0
    init: str = ""
    context: str = ""
    final: bool = False
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    schedule: ScheduleOptions = field(default_factory=ScheduleOptions)
    input: InputOptions = field(default_factory=InputOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    video: VideoOptions = field(default_factory=VideoOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)

    def __post_init__(self) -> None:
        """Check what goes together."""
        if self.seed < 0:
            raise RecipeError(f"seed: expected at least 0, found {self.seed}")
        if self.schedule.name == "replay" and len(self.schedule.rates) != self.loop.epochs:
            raise RecipeError(
                f"schedule.rates has {len(self.schedule.rates)} epochs, loop.epochs says "
                f"{self.loop.epochs}"
            )
        if self.loop.freeze != "none" and not self.init:
            raise RecipeError(
                f'loop.freeze "{self.loop.freeze}" needs weights to start from: give init'
            )
        if self.final and (self.loop.keep == "best" or self.loop.early_stop):
            raise RecipeError(
                'a final training has no validation part: loop.keep is "last" and loop.early_stop 0'
            )

    def replace(self, **changes: Any) -> Recipe:  # noqa: ANN401 - any field of a recipe
        """A recipe with some fields changed, checked again."""
        return replace(self, **changes)

    def to_table(self) -> dict[str, Any]:
        """Plain containers, as in the TOML file."""
        table: dict[str, Any] = {
            name: getattr(self, name) for name in _scalars() if name not in ("model", "options")
        }
        table["model"] = {"name": self.model, **self.options}
        for section in SECTIONS:
            table[section] = asdict(getattr(self, section))
        return table

    def to_toml(self) -> str:
        """The recipe as TOML that `read_recipe` reads back."""
        return to_toml(self.to_table())


def recipe_from_table(table: Table, source: str | Path = "recipe") -> Recipe:
    """A recipe from plain containers; options that are not there keep their defaults.

    Model options are typed by the builder's signature and all of them stand in the result.

    Raises:
        RecipeError: an unknown option, a value of another type or out of range, no model.
        ModelError: an unknown model.
    """
    scalars = _scalars()
    check_names(table, ["model", *scalars, *SECTIONS], str(source))
    model = dict(_subtable(table, "model", source))
    name = model.pop("name", None)
    if not isinstance(name, str):
        raise RecipeError(f'{source}: expected [model] with name = "..."')
    types = scalars | {"stream": Stream}
    values = {
        key: convert(table[key], types[key], f"{source}: {key}") for key in table if key in types
    }
    sections: dict[str, Any] = {
        key: section_from(SECTIONS[key], table[key], f"{source}: {key}")
        for key in table
        if key in SECTIONS
    }
    options = model_options(name, model, f"{source}: model")
    return Recipe(name, options, **values, **sections)


def model_options(name: str, given: Table, place: str = "model") -> dict[str, Any]:
    """All options of a model's builder: those given, checked by their types, and defaults.

    Raises:
        RecipeError: an unknown option or a value of another type.
        ModelError: an unknown model.
    """
    known = model_entry(name).options
    check_names(given, known, place)
    values = {key: option.default for key, option in known.items()}
    return values | {
        key: convert(value, known[key].type, f"{place}.{key}") for key, value in given.items()
    }


def read_recipe(path: str | Path) -> Recipe:
    """A recipe from a TOML file alone: what is not in it has its default.

    Raises:
        RecipeError: the file is no TOML, or its content no recipe.
    """
    return recipe_from_table(read_table(path), path)


def find_recipe(model: str, dataset: str | None = None, own: Table | None = None) -> Recipe:
    """The recipe for a model: defaults < shipped < its part for a data set < one's own table.

    Args:
        model: a registered model.
        dataset: the archive's data set, for the shipped recipe's ``[dataset.NAME]`` part.
        own: a table of the same form, which may have ``[dataset.NAME]`` parts of its own.

    Raises:
        RecipeError: a table is no recipe; the message names which.
        ModelError: an unknown model.
    """
    merged: dict[str, Any] = {"model": {"name": model}}
    resource = files("gesta") / "recipes" / f"{model_entry(model).recipe}.toml"
    tables: list[tuple[str, Table]] = []
    if resource.is_file():
        tables.append((resource.name, _parse(resource.read_text("utf-8"), resource.name)))
    if own:
        tables.append(("recipe", own))
    for source, table in tables:
        for part in _parts(table, dataset, source):
            # Each part is checked by itself, so that a message names where a mistake stands.
            _check_part(model, part, source)
            merged = merge(merged, part)
    return recipe_from_table(merged, f"recipe for {model}")


def read_table(path: str | Path) -> dict[str, Any]:
    """The table in a TOML file.

    Raises:
        RecipeError: the file is no TOML.
    """
    try:
        return _parse(Path(path).read_text("utf-8"), path)
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: expected TOML in UTF-8, found {error}") from error


def merge(below: Table, above: Table) -> dict[str, Any]:
    """Two nested tables as one; where both have a value, the second's counts."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(inner, Mapping)
        merged[key] = merge(inner, value) if both else value  # type: ignore[arg-type]
    return merged


def _scalars() -> dict[str, Any]:
    kinds = {"str": str, "int": int, "bool": bool, "Stream": str}
    return {
        item.name: kinds[str(item.type)]
        for item in fields(Recipe)
        if str(item.type) in kinds and item.name != "model"
    }


def _parse(text: str, source: object) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source}: expected TOML, found {error}") from error


def _parts(table: Table, dataset: str | None, source: str) -> list[Table]:
    general = {key: value for key, value in table.items() if key != "dataset"}
    special = _subtable(table, "dataset", source)
    for name, part in special.items():
        if not isinstance(part, Mapping):
            raise RecipeError(f"{source}: dataset.{name}: expected a table, found {part!r}")
    return [general, *([special[dataset]] if dataset is not None and dataset in special else [])]


def _subtable(table: Table, key: str, source: object) -> Table:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise RecipeError(f"{source}: {key}: expected a table, found {value!r}")
    return value


def _check_part(model: str, part: Table, source: str) -> None:
    name = _subtable(part, "model", source).get("name", model)
    if name != model:
        raise RecipeError(f"{source}: model.name: expected {model!r}, found {name!r}")
    check_names(part, ["model", *_scalars(), *SECTIONS], source)
    options = {k: v for k, v in _subtable(part, "model", source).items() if k != "name"}
    model_options(model, options, f"{source}: model")
    for section in part.keys() & SECTIONS.keys():
        typed_options(SECTIONS[section], part[section], f"{source}: {section}")
