"""From a recipe to a run: the loop, its schedule and checkpoints, and what a run holds."""

from gesta.training.card import Card, load_model, read_card
from gesta.training.evaluate import evaluate
from gesta.training.fusion import fuse_runs
from gesta.training.group import default_folder, final_recipe, resume, train, train_final
from gesta.training.history import EpochRecord
from gesta.training.loop import DivergedError
from gesta.training.observer import Observer
from gesta.training.options import LoopOptions, OptimizerOptions, ScheduleOptions
from gesta.training.recipe import Recipe, find_recipe, read_recipe, recipe_from_table
from gesta.training.run import Run
from gesta.training.schedule import learning_rate

__all__ = [
    "Card",
    "DivergedError",
    "EpochRecord",
    "LoopOptions",
    "Observer",
    "OptimizerOptions",
    "Recipe",
    "Run",
    "ScheduleOptions",
    "default_folder",
    "evaluate",
    "final_recipe",
    "find_recipe",
    "fuse_runs",
    "learning_rate",
    "load_model",
    "read_card",
    "read_recipe",
    "recipe_from_table",
    "resume",
    "train",
    "train_final",
]
