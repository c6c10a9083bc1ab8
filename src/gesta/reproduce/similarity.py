"""Is attention alike within a class and unlike between classes? Cosines of recorded maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.archive import Archive
from gesta.errors import RunError
from gesta.evaluation import Difference, forward
from gesta.explain import Recorded, record
from gesta.reproduce.outcome import Floats, interval, singles
from gesta.training import Run
from gesta.training.card import load_model
from gesta.transforms import Batch, ResidentClips

FRAME_AGAINST_FRAME = ("rows", "heads", "query", "key")
# Clips of one model that are compared with each other, drawn at random where there are more.
MOST_CLIPS = 600
RESAMPLES = 2_000
_ROWS = 64


@dataclass(frozen=True)
class Similarity:
    """Mean cosines of the attention maps of two clips, and their difference.

    Args:
        within: of two clips of one class.
        between: of two clips of different classes.
        gap: within minus between.
        gap_centred: the same of maps less their mean over all clips, which takes out what every
            clip's attention has in common.
        clips, within_pairs, between_pairs: of how many.
    """

    within: float
    between: float
    gap: Difference
    gap_centred: Difference
    clips: int
    within_pairs: int
    between_pairs: int


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Clips of one model: cosines (n, n), plain and centred, and which pairs are compared."""

    plain: Floats
    centred: Floats
    within: NDArray[np.bool_]
    between: NDArray[np.bool_]


def attention_similarity(runs: Sequence[Run], archive: Archive) -> Similarity:
    """Compare the attention maps of test clips, averaged over seeds; fold by fold.

    Maps of different models mean different things, so that pairs are always of one model. The
    intervals are a bootstrap over clips: a pair counts as often as both of its clips are drawn.

    Args:
        runs: one a seed, of a model with self-attention of frames.
        archive: their data.

    Raises:
        RunError: there are no two clips of one class, or of two classes, to compare.
    """
    folds = [_fold(members, archive) for members in zip(*map(singles, runs), strict=True)]
    joined = _Pairs(
        *(
            _diagonal([getattr(fold, name) for fold in folds])
            for name in ("plain", "centred", "within", "between")
        )
    )
    if not joined.within.any() or not joined.between.any():
        raise RunError("no pairs of clips of one class and of two classes by different subjects")
    clips = len(joined.plain)
    drawn = np.random.default_rng(0).multinomial(clips, np.full(clips, 1 / clips), RESAMPLES)
    within, between = (
        float(joined.plain[pairs].mean()) for pairs in (joined.within, joined.between)
    )
    return Similarity(
        within,
        between,
        interval(within - between, _gaps(drawn, joined.plain, joined)),
        interval(
            float(joined.centred[joined.within].mean() - joined.centred[joined.between].mean()),
            _gaps(drawn, joined.centred, joined),
        ),
        clips,
        int(joined.within.sum()) // 2,
        int(joined.between.sum()) // 2,
    )


def _gaps(drawn: NDArray[np.int64], cosines: Floats, pairs: _Pairs) -> Floats:
    """(B,) within minus between, for clips drawn (B, n) times."""
    counts = drawn.astype(np.float64)

    def mean(which: NDArray[np.bool_]) -> Floats:
        total = ((counts @ (cosines * which)) * counts).sum(axis=1)
        number = ((counts @ which.astype(np.float64)) * counts).sum(axis=1)
        return total / np.maximum(number, 1)

    return mean(pairs.within) - mean(pairs.between)


def _diagonal(parts: Sequence[NDArray]) -> NDArray:
    """Square blocks along the diagonal, zero (False) elsewhere."""
    size = sum(len(part) for part in parts)
    whole = np.zeros((size, size), parts[0].dtype)
    start = 0
    for part in parts:
        stop = start + len(part)
        whole[start:stop, start:stop] = part
        start = stop
    return whole


def _fold(runs: Sequence[Run], archive: Archive) -> _Pairs:
    """The same test clips seen by the runs of several seeds."""
    indices = _test_clips(runs[0], archive)
    plain, centred = [], []
    for run in runs:
        maps = attention_maps(run, archive, indices)
        plain.append(cosines(maps))
        centred.append(cosines(maps - maps.mean(axis=0)))
    labels = archive.labels[indices]
    subjects = [archive.table.subject[index] for index in indices.tolist()]
    other = np.array([[a is None or a != b for b in subjects] for a in subjects])
    other &= ~np.eye(len(indices), dtype=bool)
    same = labels[:, None] == labels[None]
    return _Pairs(np.mean(plain, axis=0), np.mean(centred, axis=0), same & other, ~same & other)


def _test_clips(run: Run, archive: Archive) -> NDArray[np.int64]:
    """Labelled test clips that show somebody, at most `MOST_CLIPS` of them."""
    place = {name: index for index, name in enumerate(archive.ids)}
    found = np.array([place[name] for name in run.split["test"]], np.int64)
    found = found[(archive.labels[found] >= 0) & (archive.persons[found] > 0)]
    if len(found) > MOST_CLIPS:
        found = np.sort(np.random.default_rng(0).choice(found, MOST_CLIPS, replace=False))
    return found


def cosines(maps: Floats) -> Floats:
    """(n, n) cosines of the rows of (n, D); 0 with a row of zeros."""
    length = np.linalg.norm(maps, axis=1, keepdims=True)
    unit = maps / np.maximum(length, 1e-12)
    return unit @ unit.T


def attention_maps(run: Run, archive: Archive, indices: NDArray[np.int64]) -> Floats:
    """(n, heads * T * T) attention of the last layer, of the first person who is there.

    Raises:
        RunError: the model has no self-attention of frames.
    """
    model, card = load_model(run.model_path)
    clips = ResidentClips.from_archive(archive, indices, persons=card.input.persons)
    pipeline, found = card.pipeline(), []
    for positions in torch.arange(len(clips)).split(_ROWS):
        batch = pipeline(clips.batch(positions), training=False)
        with torch.no_grad(), record(model) as seen:
            forward(model, batch)
        found.append(_first_person(_last(seen, run), batch))
    return torch.cat(found).double().numpy()


def _last(seen: dict[str, Recorded], run: Run) -> torch.Tensor:
    layers = [one for one in seen.values() if one.names == FRAME_AGAINST_FRAME and one.values]
    if not layers:
        raise RunError(f"{run.path}: the model has no self-attention of frames to look at")
    return layers[-1].values[-1]


def _first_person(weights: torch.Tensor, batch: Batch) -> torch.Tensor:
    """(N, heads * T * T) of weights (N or N*M, heads, T, T)."""
    count, persons = batch.mask.shape[:2]
    if len(weights) == count * persons:
        first = batch.mask.any(dim=2).byte().argmax(dim=1)
        weights = weights[torch.arange(count) * persons + first]
    return weights.flatten(1)
