"""How much of the attention to a picture lies where the persons are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gesta.archive import Archive
from gesta.errors import RunError
from gesta.evaluation import Difference
from gesta.evaluation.scoring import forward
from gesta.explain import Recorded, record
from gesta.reproduce.outcome import RESAMPLES, interval, singles
from gesta.training import Run
from gesta.training.card import Card, load_model
from gesta.training.clips import load_clips
from gesta.transforms import NOWHERE, Batch

MAP_AXES = ("rows", "branch", "height", "width")
_ROWS = 16


@dataclass(frozen=True)
class Shares:
    """What lies in the box around the persons' joints, as a share of the picture.

    Args:
        attention, area: means over clips.
        gap: attention minus area, with an interval over clips.
        clips: how many show a joint in their picture.
    """

    attention: float
    area: float
    gap: Difference
    clips: int


def attention_inside(runs: Sequence[Run], archive: Archive, weights: str) -> Shares:
    """Compare attention with area in the box of the joints, over the test clips of all runs.

    Args:
        runs: one a seed, or a group of folds each.
        archive: their data.
        weights: a word in the module paths of the attention maps.

    Raises:
        RunError: a model has no such attention, or no clip shows a joint.
    """
    found: dict[str, list[NDArray[np.float64]]] = {}
    for run in runs:
        for single in singles(run):
            for name, pair in _of_run(single, archive, weights).items():
                found.setdefault(name, []).append(pair)
    if not found:
        raise RunError(f"{runs[0].path}: no test clip shows a joint in its picture")
    pairs = np.stack([np.mean(several, axis=0) for several in found.values()])
    attention, area = pairs.mean(0)
    gaps = pairs[:, 0] - pairs[:, 1]
    drawn = np.random.default_rng(0).multinomial(
        len(gaps), np.full(len(gaps), 1 / len(gaps)), RESAMPLES
    )
    gap = interval(float(gaps.mean()), drawn @ gaps / len(gaps))
    return Shares(float(attention), float(area), gap, len(gaps))


def _of_run(run: Run, archive: Archive, weights: str) -> dict[str, NDArray[np.float64]]:
    model, card = load_model(run.model_path)
    model.eval()
    place = {name: index for index, name in enumerate(archive.ids)}
    rows = np.array([place[name] for name in run.split["test"]], np.int64)
    clips = load_clips(archive, rows, _without_views(card), (*model.inputs, "frame_joints"))
    pipeline, found = _without_views(card).pipeline(), {}
    for positions in torch.arange(len(clips)).split(_ROWS):
        batch = pipeline(clips.batch(positions), training=False)
        with torch.no_grad(), record(model) as seen:
            forward(model, batch)
        maps = _maps(seen, weights, run)
        for name, shares in zip(batch.ids, _shares(maps, batch), strict=True):
            if shares is not None:
                found[name] = shares
    return found


def _without_views(card: Card) -> Card:
    """One row a clip, so that a map is of a clip."""
    return replace(card, input=replace(card.input, views=1))


def _maps(seen: dict[str, Recorded], weights: str, run: Run) -> Tensor:
    """(N, h, w): the mean over branches of the maps of the first picture."""
    for path, one in seen.items():
        if weights in path and one.names == MAP_AXES and one.values:
            return one.values[0].float().mean(1)
    raise RunError(f"{run.path}: the model has no attention maps called {weights!r}")


def _shares(maps: Tensor, batch: Batch) -> list[NDArray[np.float64] | None]:
    """For each row the shares of attention and of area in the box; None without joints."""
    joints, frames = _given(batch.frame_joints), _given(batch.frames)
    side = frames.shape[-1]
    found: list[NDArray[np.float64] | None] = []
    for weights, points in zip(maps.cpu(), joints[:, 0].flatten(1, 2).cpu(), strict=True):
        known = points[(points > NOWHERE / 2).all(1)]
        if not len(known) or not float(weights.sum()):
            found.append(None)
            continue
        low, high = known.amin(0).clamp(0, side), known.amax(0).clamp(0, side)
        across, down = (
            _covered(float(low[i]), float(high[i]), side, weights.shape[1 - i]) for i in (0, 1)
        )
        cover = down[:, None] * across[None]
        inside = float((weights * cover).sum() / weights.sum())
        found.append(np.array([inside, float(cover.mean())]))
    return found


def _given(value: Tensor | None) -> Tensor:
    if value is None:
        raise RunError("the model sees no frames")
    return value


def _covered(low: float, high: float, side: int, cells: int) -> Tensor:
    """(cells,): how much of each of equal parts of an axis of `side` pixels lies in a range."""
    edge = torch.arange(cells + 1, dtype=torch.float32) * side / cells
    overlap = torch.minimum(edge[1:], torch.tensor(high)) - torch.maximum(
        edge[:-1], torch.tensor(low)
    )
    return overlap.clamp(min=0) * cells / side
