"""A run: the folder that a training leaves behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gesta.archive.durable import is_empty_folder, write_durably
from gesta.errors import FormatError, GestaError, RunError
from gesta.evaluation import Scores
from gesta.models import SkeletonModel
from gesta.training.card import Card, load_model, read_card
from gesta.training.history import EpochRecord, read_log
from gesta.training.recipe import Recipe, read_recipe

LOG = "log.jsonl"
# Below a run's folder: what it was evaluated on besides.
EVALUATIONS = "evaluations"

# The reserved name of the run that comes with the package, and where it lies.
DEMO = "demo"
_SHIPPED = Path(__file__).parents[1] / "data" / "demo"


@contextmanager
def undone_on_error(folder: Path, unless: str = "") -> Iterator[None]:
    """Remove a new folder that work fails in, so that the same command can be given again.

    Args:
        folder: that the block will make and fill; one that has something in it stays as it is.
        unless: a file that, once it is there at any depth, makes the folder worth keeping.
    """
    new = not folder.exists() or is_empty_folder(folder)
    try:
        yield
    except (GestaError, OSError):
        if new and not (unless and any(folder.rglob(unless))):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def is_demo(path: str | Path) -> bool:
    """Whether this is the word for the run that comes with the package."""
    return str(path) == DEMO


@dataclass(frozen=True)
class Run:
    """A run folder, or a group of them: one folder a fold, split or seed.

    ``recipe.toml`` can be trained again as it is; ``model.safetensors`` holds weights and card;
    ``checkpoint.pt`` resumes; ``split.json``, ``log.jsonl``, ``metrics.json`` and
    ``scores.safetensors`` (test) with ``validation_scores.safetensors`` say the rest. A group has
    ``group.json``, which lists its members, and ``metrics.json`` with mean and deviation.
    """

    path: Path

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """The run in a folder, or by the word "demo" the one that comes with the package.

        Raises:
            RunError: there is none.
        """
        run = cls(_SHIPPED if is_demo(path) else Path(path))
        if run.recipe_path.is_file():
            return run
        if run.is_shipped:
            raise RunError(
                f"{DEMO}: this gesta came without a trained model; train one with gesta demo, and "
                "give its folder runs/demo/run"
            )
        raise RunError(f"{path}: expected a run (a folder with recipe.toml), found none")

    @classmethod
    def create(cls, path: str | Path, recipe: Recipe, members: Sequence[str] = ()) -> Run:
        """A new run folder, or a group's.

        Raises:
            RunError: the folder is there and not empty.
        """
        run = cls(Path(path))
        if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
            raise RunError(
                f"{path}: is there already; give another --out, or go on with it by --resume"
            )
        run.path.mkdir(parents=True, exist_ok=True)
        if members:
            run.write_json("group.json", {"members": list(members)})
        write_durably(run.recipe_path, recipe.to_toml().encode())
        return run

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def is_shipped(self) -> bool:
        """Whether it came with the package, where nothing is written."""
        return self.path == _SHIPPED

    @property
    def home(self) -> Path:
        """Where is written what is made of it later: its folder, for the shipped ``runs/demo``."""
        return Path("runs") / DEMO if self.is_shipped else self.path

    @property
    def recipe_path(self) -> Path:
        """Where the resolved recipe is."""
        return self.path / "recipe.toml"

    @property
    def model_path(self) -> Path:
        """Where weights and card are."""
        return self.path / "model.safetensors"

    @property
    def checkpoint_path(self) -> Path:
        """Where a training goes on from."""
        return self.path / "checkpoint.pt"

    @property
    def log_path(self) -> Path:
        """Where the epochs are, a line each."""
        return self.path / LOG

    @property
    def is_finished(self) -> bool:
        """Whether it was trained to its end and scored."""
        return (self.path / "metrics.json").is_file()

    @property
    def members(self) -> list[Run]:
        """The runs of a group; none where this is a single run."""
        if not (self.path / "group.json").is_file():
            return []
        return [Run(self.path / name) for name in self.read_json("group.json")["members"]]

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return read_recipe(self.recipe_path)

    @property
    def metrics(self) -> dict[str, Any]:
        """What is in ``metrics.json``.

        Raises:
            RunError: the run is not finished.
        """
        return self.read_json("metrics.json")

    @property
    def history(self) -> list[EpochRecord]:
        """The epochs done so far."""
        return read_log(self.log_path) if self.log_path.is_file() else []

    @property
    def split(self) -> dict[str, list[str]]:
        """The clip ids of ``train``, ``validation`` and ``test``."""
        table = self.read_json("split.json")
        return {part: table[part] for part in ("train", "validation", "test")}

    @property
    def card(self) -> Card:
        """What the model's file says of itself."""
        return read_card(self.own_model())

    @property
    def scores(self) -> Scores:
        """The scores of the test part."""
        return Scores.load(self.path / "scores.safetensors")

    @property
    def validation_scores(self) -> Scores:
        """The scores of the validation part; a final run has none."""
        return Scores.load(self.path / "validation_scores.safetensors")

    def load_model(self, device: torch.device | str = "cpu") -> SkeletonModel:
        """The kept model, in evaluation mode."""
        return load_model(self.own_model(), device)[0]

    def own_model(self) -> Path:
        """The file of its model, which only a single run has.

        Raises:
            RunError: this is a group.
        """
        if self.members:
            names = ", ".join(str(member.path) for member in self.members)
            raise RunError(f"{self.path}: is a group of runs; name one of them: {names}")
        return self.model_path

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the run's JSON files.

        Raises:
            RunError: it is not there.
            FormatError: it is no JSON object.
        """
        path = self.path / name
        if not path.is_file():
            raise RunError(
                f"{self.path}: has no {name}: the run is not finished; go on with "
                f"gesta train --resume {self.path}"
            )
        try:
            table = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise FormatError(path, "file", "JSON", str(error)) from error
        if not isinstance(table, dict):
            raise FormatError(path, "file", "a JSON object", type(table).__name__)
        return table

    def write_json(self, name: str, table: Mapping[str, Any]) -> None:
        """Write one of the run's JSON files, whole or not at all."""
        write_durably(self.path / name, (json.dumps(table, indent=2) + "\n").encode())
