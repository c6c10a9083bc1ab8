"""What a reproduction is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gesta.archive import Archive
from gesta.errors import RecipeError
from gesta.reproduce.rgb import Block, Budget
from gesta.reproduce.runs import Workshop

_FINAL = (
    "one run a row has a validation part, which chooses the epoch where the recipe keeps the best, "
    "and is trained again on train and validation for each seed"
)
BUDGETS = {
    "paper": f"the paper's own settings; {_FINAL}",
    "gpu": f"gesta's recipe for the data set, in full; {_FINAL}",
    "cpu": "screening: gesta's recipe for the data set in a quarter of its epochs, once for each "
    "seed, without the validation part, which chooses the epoch where the recipe keeps the best; "
    "what learns fast looks better in it than it is; video is of 64x64 and single frames of "
    "128x128 pixels",
}


@dataclass(frozen=True)
class Settings:
    """What a reproduction is asked for.

    Args:
        archives: the data, in order.
        workshop: where runs are kept.
        budget: see `BUDGETS`.
        in_full: how many rows of a table, those that are best on validation, are then trained in
            full as well with the budget "cpu".
        seeds: of each row.
        protocol: instead of the usual ones; None: those.
        own: recipe options for all rows.
        block: what networks that see RGB start from.

    Raises:
        RecipeError: no seeds, or one twice or below 0; a number of rows below 0.
    """

    archives: tuple[Archive, ...]
    workshop: Workshop
    budget: Budget = "gpu"
    seeds: tuple[int, ...] = (0,)
    protocol: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    block: Block = field(default_factory=Block)
    in_full: int = 2

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.in_full < 0:
            raise RecipeError(f"rows in full: expected at least 0, found {self.in_full}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise RecipeError(
                f"seeds: expected different numbers of at least 0, found {self.seeds}"
            )
