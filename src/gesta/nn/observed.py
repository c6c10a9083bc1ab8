"""A point of a model whose values can be looked at, with names for their axes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Observed(nn.Module):
    """The identity, for attention weights to pass through.

    Who wants to look registers a forward hook on it and sets `active` while looking
    (``gesta.explain.record`` does both). A layer that computes attention in a fused kernel asks
    ``observed.active``, and where it is set computes the weights themselves and passes them here;
    where it is not, nothing has to pass, and nothing costs anything.

    Args:
        names: the axes of what passes, for example ``("rows", "heads", "query", "key")``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.active = False

    def forward(self, weights: Tensor) -> Tensor:
        """Give back `weights`, which has one axis for each name."""
        if weights.ndim != len(self.names):
            raise ValueError(f"observed {self.names}: found shape {tuple(weights.shape)}")
        return weights

    def extra_repr(self) -> str:
        """The names of the axes."""
        return ", ".join(self.names)


def observed(model: nn.Module) -> dict[str, Observed]:
    """Every point of a model that can be looked at, by its module name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, Observed)}
