"""Looking at the attention of a model while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gesta.nn import Observed, observed


@dataclass
class Recorded:
    """What passed one observed point of a model.

    Args:
        names: the axes of each value, for example ("rows", "heads", "query", "key").
        values: one tensor for every time something passed, on the CPU, in order.
    """

    names: tuple[str, ...]
    values: list[Tensor] = field(default_factory=list)


@contextmanager
def record(model: nn.Module) -> Iterator[dict[str, Recorded]]:
    """Record what passes every `gesta.nn.Observed` of a model while the context is open.

    Layers compute attention weights themselves meanwhile instead of in a fused kernel, which is
    slower and uses more memory; afterwards the model is as it was.

    Yields:
        By module path (``"blocks.0.attention.weights"``), what passed there; filled as the
        model runs. Empty for a model without attention.
    """
    points = observed(model)
    seen = {path: Recorded(point.names) for path, point in points.items()}
    before = {path: point.active for path, point in points.items()}
    handles = []

    def keep(path: str, point: Observed) -> None:
        def hook(_module: nn.Module, _given: tuple[Tensor, ...], passed: Tensor) -> None:
            with torch.no_grad():
                seen[path].values.append(passed.detach().to("cpu", copy=True))

        point.active = True
        handles.append(point.register_forward_hook(hook))

    try:
        for path, point in points.items():
            keep(path, point)
        yield seen
    finally:
        for handle in handles:
            handle.remove()
        for path, point in points.items():
            point.active = before[path]
