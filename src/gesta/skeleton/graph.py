"""The skeleton as a graph: adjacency, its partitions into subsets, and their normalisation.

Convention: a subset is a matrix ``A[v, w]`` with v the joint that sends and w the joint that
receives, so that graph convolution reads ``out[w] = sum over k, v of A[k, v, w] x[v] W[k]``.
Partitions after Yan et al., "Spatial Temporal Graph Convolutional Networks", section 3.3.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gesta.errors import LayoutError
from gesta.skeleton.layout import Layout

Partition = Literal["uniform", "distance", "spatial", "spatial_official", "inward_outward"]
Normalisation = Literal["column", "symmetric"]
PARTITIONS: tuple[str, ...] = get_args(Partition)
NORMALISATIONS: tuple[str, ...] = get_args(Normalisation)

Matrix = NDArray[np.float64]


def adjacency(layout: Layout) -> Matrix:
    """The (V, V) symmetric adjacency of a layout's bones, with a link of each joint to itself."""
    matrix = np.eye(len(layout))
    for child, parent in layout.bones:
        matrix[child, parent] = matrix[parent, child] = 1
    return matrix


def hop_distance(layout: Layout) -> Matrix:
    """The (V, V) number of bones on the way between two joints."""
    links = adjacency(layout)
    distance = np.full_like(links, np.inf)
    reached = np.eye(len(layout))
    for hops in range(len(layout)):
        distance[(reached > 0) & np.isinf(distance)] = hops
        reached = reached @ links
    return distance


def partition(
    layout: Layout, strategy: Partition = "spatial", normalisation: Normalisation = "column"
) -> NDArray[np.float32]:
    """Split the normalised adjacency of a skeleton into K subsets.

    Args:
        layout: the skeleton.
        strategy: ``uniform`` (K=1); ``distance`` (K=2: itself, neighbours); ``spatial`` (K=3:
            itself, neighbours farther from the centre than the receiver or as far, neighbours
            closer to it); ``spatial_official``, the same computed as the published ST-GCN code
            does, where distances beyond one hop are infinite and therefore equal (its weights
            need that); ``inward_outward`` (K=3: itself, from parent, from children, each
            normalised alone, as in 2s-AGCN and later networks).
        normalisation: ``column`` divides by the number of links of the receiving joint;
            ``symmetric`` by the square roots of both (the papers' equation).

    Returns:
        (K, V, V) float32.

    Raises:
        LayoutError: an unknown strategy or normalisation.
    """
    if strategy not in PARTITIONS or normalisation not in NORMALISATIONS:
        raise LayoutError(
            f"unknown partition {strategy!r} or normalisation {normalisation!r}; known are "
            f"{', '.join(PARTITIONS)} and {', '.join(NORMALISATIONS)}"
        )
    links, identity = adjacency(layout), np.eye(len(layout))
    if strategy == "inward_outward":
        from_parent = np.zeros_like(links)
        for child, parent in layout.bones:
            from_parent[parent, child] = 1
        subsets = [_normalise(s, normalisation) for s in (identity, from_parent, from_parent.T)]
        return np.stack(subsets).astype(np.float32)

    masks = _subset_masks(layout, strategy)
    return (_normalise(links, normalisation) * np.stack(masks)).astype(np.float32)


def _subset_masks(layout: Layout, strategy: Partition) -> list[NDArray[np.bool_]]:
    itself = np.eye(len(layout), dtype=bool)
    if strategy == "uniform":
        return [np.ones_like(itself)]
    if strategy == "distance":
        return [itself, ~itself]
    to_centre = hop_distance(layout)[:, layout.centre]
    if strategy == "spatial_official":
        to_centre = np.where(to_centre > 1, np.inf, to_centre)
    sender, receiver = to_centre[:, None], to_centre[None, :]
    return [itself, ~itself & (sender >= receiver), ~itself & (sender < receiver)]


def _normalise(links: Matrix, normalisation: Normalisation) -> Matrix:
    def inverse(degree: Matrix, power: float) -> Matrix:
        return np.where(degree > 0, np.maximum(degree, 1) ** -power, 0)

    if normalisation == "column":
        return links * inverse(links.sum(axis=0), 1.0)
    return inverse(links.sum(axis=1), 0.5)[:, None] * links * inverse(links.sum(axis=0), 0.5)
