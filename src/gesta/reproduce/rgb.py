"""Rows that see RGB: how large their pictures are, and what they start from.

From scratch and pre-trained are two blocks of results that are never mixed: in the second one the
user's ImageNet weights stand for the papers' own networks of images, as a backbone that learns on
(`Block.weights`) or frozen, as stored vectors of the scene (`Block.context`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gesta.archive import open_context
from gesta.errors import RecipeError
from gesta.reproduce.paper import Row
from gesta.training import Recipe

Budget = Literal["paper", "gpu", "cpu"]
SCRATCH, PRETRAINED = "from scratch", "pre-trained"

# Height and width of a model's pictures in the paper, and with the budget "cpu"; and which of the
# model's options has to know it.
_SIZES = {
    "cross_attention": (112, 64, "video_size"),
    "xception_frame": (299, 128, "image_size"),
    "mmff": (299, 128, "image_size"),
}
# The network of images that stands for Xception where pre-trained weights are given, and the MMFF
# paper's rate for it: what a recipe has for a small set is for networks that start from nothing.
IMAGE_NETWORK, TUNING_RATE = "efficientnet_lite0", 1e-4


@dataclass(frozen=True)
class Block:
    """What networks that see RGB start from.

    Args:
        weights: ImageNet weights of `IMAGE_NETWORK`, for models of RGB frames.
        context: a context file of the archive's clips, for models of the scene.

    Raises:
        RecipeError: one is no file.
    """

    weights: Path | None = None
    context: Path | None = None

    def __post_init__(self) -> None:
        """Check that the files are there."""
        for name, path in (("weights", self.weights), ("context", self.context)):
            if path is not None and not path.is_file():
                raise RecipeError(f"--{name}: expected a file, found none at {path}")

    @property
    def name(self) -> str:
        """Which of both blocks it is."""
        return SCRATCH if self.weights is None and self.context is None else PRETRAINED

    @property
    def vectors(self) -> int | None:
        """How many vectors a frame has in the context file; None without one."""
        return None if self.context is None else int(open_context(self.context).rows.shape[1])

    def described(self) -> dict[str, Any]:
        """The block and the names of its files, as plain values."""
        files = [path.name for path in (self.weights, self.context) if path is not None]
        return {"block": self.name, "files": files}


def sized(recipe: Recipe, budget: Budget) -> dict[str, dict[str, Any]]:
    """The recipe options that say how large a model's pictures are with a budget.

    Frames that are kept small beside the archive are as much larger or smaller as the pictures.

    Args:
        recipe: with the pictures that it would have otherwise.
        budget: see `gesta.reproduce.BUDGETS`.
    """
    if recipe.model not in _SIZES:
        return {}
    full, small, option = _SIZES[recipe.model]
    size = small if budget == "cpu" else full
    cache = math.ceil(recipe.video.cache * size / recipe.video.size)
    return {"model": {option: size}, "video": {"size": size, "cache": cache}}


def tuned(row: Row, block: Block, rate: float) -> dict[str, dict[str, Any]]:
    """The recipe options by which a network of images that has learnt already learns on.

    So do the other streams beside it; classifiers and what joins streams begin anew, and learn at
    the full rate.

    Args:
        row, block: which.
        rate: the learning rate of the recipe.
    """
    if block.weights is None or not row.sees_rgb or row.model == "cross_attention":
        return {}
    return {"optimizer": {"streams": min(1.0, TUNING_RATE / rate)}}


def pretrained(row: Row, block: Block) -> dict[str, Any]:
    """What a block changes in the recipe of a row; nothing for one that sees no RGB.

    Raises:
        RecipeError: the block is pre-trained and has nothing for the row's model.
    """
    if block.name == SCRATCH or not row.sees_rgb:
        return {}
    if row.model == "cross_attention":
        path = _given(block.context, "context", row)
        width = open_context(path).rows.shape[2]
        options = {"context": "features", "context_channels": int(width)}
        return {"model": options, "context": str(path.resolve())}
    _given(block.weights, "weights", row)
    return {"model": {"image": IMAGE_NETWORK}}


def first_weights(model: str, block: Block) -> Mapping[str, Path]:
    """The files that a model starts from, by stream; one with stages starts from its streams."""
    if block.weights is None or model != "xception_frame":
        return {}
    return {"rgb": block.weights.resolve()}


def _given(path: Path | None, option: str, row: Row) -> Path:
    if path is None:
        raise RecipeError(
            f"{row.name}: sees RGB by {row.model}, and the others are pre-trained; give "
            f"--{option} FILE too, as both kinds are never mixed"
        )
    return path
