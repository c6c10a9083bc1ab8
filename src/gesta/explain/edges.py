"""The learned edge importance of graph convolutions (Yan et al., 2018, section 3.4).

A block multiplies its adjacency A (K subsets) by a learned M, which began as ones. What an edge
carries is the sum over K of |A M|, and its importance that sum divided by the sum of A: 1 as it
began, 2 where the block learned to let twice as much pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.skeleton import Layout

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EdgeImportance:
    """How much the blocks of a model let pass along a skeleton's edges, against the beginning.

    Args:
        blocks: B names of the graph convolutions, in the order of the model.
        carried: (B, V, V) sum over subsets of |A M|, from sending joint v to receiving joint w.
        initial: (B, V, V) the same with M of ones.
        bones: (B, V-1) importance of each of the layout's bones, both directions together.
        joints: (B, V) importance of what each joint sends: to itself and its neighbours.
    """

    blocks: tuple[str, ...]
    carried: Matrix
    initial: Matrix
    bones: Matrix
    joints: Matrix


def edge_importance(model: nn.Module, layout: Layout) -> EdgeImportance:
    """Read the learned edge importance of every graph convolution of a model.

    Raises:
        ModelError: the model has learned none, or it is of another skeleton.
    """
    blocks, carried, initial = [], [], []
    for name, module in model.named_modules():
        adjacency = getattr(module, "adjacency", None)
        learned = getattr(module, "importance", None)
        if not isinstance(adjacency, Tensor) or not isinstance(learned, Tensor):
            continue
        if adjacency.ndim != 3 or adjacency.shape[1] != len(layout):
            raise ModelError(
                f"{name}: expected an adjacency (K, {len(layout)}, {len(layout)}) of layout "
                f"{layout.name}, found {tuple(adjacency.shape)}"
            )
        blocks.append(name)
        carried.append((adjacency * learned).detach().abs().sum(dim=0).double().cpu().numpy())
        initial.append(adjacency.detach().abs().sum(dim=0).double().cpu().numpy())
    if not blocks:
        raise ModelError(
            "the model has no learned edge importance; only graph convolutions with it, as in "
            "st_gcn, can be shown so"
        )
    flow, start = np.stack(carried), np.stack(initial)
    child, parent = (np.array([bone[i] for bone in layout.bones], np.int64) for i in (0, 1))
    return EdgeImportance(
        tuple(blocks),
        flow,
        start,
        _ratio(
            flow[:, child, parent] + flow[:, parent, child],
            start[:, child, parent] + start[:, parent, child],
        ),
        _ratio(flow.sum(axis=2), start.sum(axis=2)),
    )


def _ratio(value: Matrix, start: Matrix) -> Matrix:
    return np.where(start > 0, value / np.where(start > 0, start, 1), 0)
