"""Windows over time: where they lie, and what they say together about each moment.

Letters beside those of `gesta.axes`: K windows, P pieces of time between their edges.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A window is judged where somebody is seen in so large a part of its frames.
LEAST_SEEN = 0.5


def slide(edges: Floats, length: float, stride: float) -> Ints:
    """Windows of equal length, one every stride, the last one ending with the last frame.

    Args:
        edges: (T+1,) when each frame begins, not falling; the last: when the last frame ends.
        length, stride: in the unit of the edges, both above 0.

    Returns:
        (K, 2) first frame, and the frame after the last, of each window; none is empty, none
        stands twice, and where the stride is at most the length every frame is in one. What is
        shorter than a window is one.
    """
    begin, end = float(edges[0]), float(edges[-1])
    steps = max(0, math.ceil((end - begin - length) / stride - 1e-9))
    starts = np.minimum(begin + stride * np.arange(steps + 1), max(begin, end - length))
    # A frame belongs to the window that holds its middle: edges of windows and of frames often
    # coincide, and rounding must not tell which side they are on.
    middles = (edges[1:] + edges[:-1]) / 2
    first = np.searchsorted(middles, starts, side="left")
    after = np.searchsorted(middles, starts + length, side="left")
    # Whatever rounding says, the first window begins and the last one ends with all frames.
    first[0], after[-1] = 0, len(middles)
    return np.unique(np.stack([first, after], axis=1)[after > first], axis=0)


def where_seen(seen: NDArray[np.bool_], edges: Floats, length: float, stride: float) -> Ints:
    """The windows between the first and the last frame in which somebody is seen.

    Args:
        seen: (T,) whether they are, frame by frame.
        edges, length, stride: as in `slide`.

    Returns:
        (K, 2) windows in which they are seen often enough to be judged (`LEAST_SEEN`), and whose
        frames are not a mere glimpse: together longer than a quarter of a window, or of all there
        is where that is shorter.
    """
    there = np.flatnonzero(seen)
    if not len(there):
        return np.zeros((0, 2), np.int64)
    first, after = int(there[0]), int(there[-1]) + 1
    windows = slide(edges[first : after + 1], length, stride) + first
    count = np.concatenate([[0], np.cumsum(seen)])
    inside = count[windows[:, 1]] - count[windows[:, 0]]
    often = inside >= LEAST_SEEN * (windows[:, 1] - windows[:, 0])
    glimpse = min(length, float(edges[-1] - edges[0])) / 4
    lasting = edges[windows[:, 1]] - edges[windows[:, 0]] >= glimpse
    return windows[often & lasting]


def average(windows: Ints, scores: Floats) -> tuple[Ints, Floats]:
    """What overlapping windows say of each moment: the mean over those that hold it.

    Args:
        windows: (K, 2) first frame and the frame after the last.
        scores: (K, Y) what each says.

    Returns:
        (P+1,) frames at which pieces of time begin, with the end of the last, and (P, Y) the mean
        scores of each piece; NaN where no window is.
    """
    edges = np.unique(windows)
    pieces = max(len(edges) - 1, 0)
    total, count = np.zeros((pieces, scores.shape[1])), np.zeros(pieces)
    for (start, stop), score in zip(np.searchsorted(edges, windows), scores, strict=True):
        total[start:stop] += score
        count[start:stop] += 1
    total[count == 0] = np.nan
    return edges, total / np.maximum(count, 1)[:, None]
