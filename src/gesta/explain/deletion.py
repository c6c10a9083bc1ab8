"""Deletion: whether what an explanation calls important is what the model needs.

The joints (or windows of frames) that occlusion ranks first are hidden together, and as many
drawn at random beside them. An explanation that says something makes accuracy fall faster than
chance does (Petsiuk et al., "RISE", 2018, section 4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gesta.errors import ShapeError
from gesta.evaluation.scoring import Pipeline
from gesta.explain.occlusion import Fill, Importance, hidden_scores, single
from gesta.explain.scoring import scoring, variants
from gesta.skeleton import Layout
from gesta.transforms import Batch

Unit = Literal["joints", "frames"]
SHARES = (0.1, 0.2, 0.3)
DRAWS = 3


@dataclass(frozen=True, eq=False)
class Ranking:
    """What an explanation says of a clip's joints or windows of frames: the larger, the sooner.

    Args:
        by: what ranks them, in words.
        unit: what is ranked.
        scores: (V,) or (G,).
    """

    by: str
    unit: Unit
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class DeletionCurve:
    """Accuracy against the share of joints or frames that is hidden.

    Args:
        unit: what is hidden.
        fill: what replaces it.
        shares: the shares, 0 first; of V joints or G windows, rounded, at least one.
        ranked: accuracy where those are hidden that rank first.
        random: accuracy where as many are hidden at random, the mean of ``draws``.
        clips, draws: how many clips it was measured on, how many draws for each.
        by: what ranks.
    """

    unit: Unit
    fill: Fill
    shares: tuple[float, ...]
    ranked: tuple[float, ...]
    random: tuple[float, ...]
    clips: int
    draws: int
    by: str = "occlusion"


def deletion_curves(
    model: nn.Module,
    pipeline: Pipeline,
    batch: Batch,
    importances: Sequence[Importance],
    *,
    layout: Layout,
    generator: np.random.Generator,
    shares: Sequence[float] = SHARES,
    draws: int = DRAWS,
    rows_at_once: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> list[DeletionCurve]:
    """Measure deletion curves of joints and of frames, for both ways of filling.

    Args:
        model, pipeline, batch, layout: as for `gesta.explain.occlusion`; every clip has a label.
        importances: one for each clip of the batch, which ranks its joints and windows.
        generator: draws what is hidden at random.
        shares: how much is hidden.
        draws: random choices for each clip and share.
        rows_at_once: how many variants are scored in one step.
        progress: called with (clips done, N).

    Returns:
        Four curves: joints and frames, ``mean`` and ``zero`` each.

    Raises:
        ShapeError: a clip without a label, other clips than the importances', a bad share.
    """
    if batch.ids != [importance.id for importance in importances]:
        raise ShapeError("deletion: expected an importance for each clip of the batch, in order")
    rankings = [
        [Ranking("occlusion", "joints", one.joints), Ranking("occlusion", "frames", one.windows)]
        for one in importances
    ]
    return measure_curves(
        model,
        pipeline,
        batch,
        rankings,
        [one.edges for one in importances],
        layout=layout,
        generator=generator,
        shares=shares,
        draws=draws,
        rows_at_once=rows_at_once,
        progress=progress,
    )


def measure_curves(
    model: nn.Module,
    pipeline: Pipeline,
    batch: Batch,
    rankings: Sequence[Sequence[Ranking]],
    edges: Sequence[NDArray[np.int64]],
    *,
    layout: Layout,
    generator: np.random.Generator,
    shares: Sequence[float],
    draws: int,
    rows_at_once: int,
    progress: Callable[[int, int], None] | None,
) -> list[DeletionCurve]:
    """Measure deletion curves by any rankings, each for both ways of filling.

    Args:
        rankings: for each clip of the batch, as many and of the same units.
        edges: for each clip (G+1,) frames at which its windows begin, and T.
        model, pipeline, batch, layout, generator, shares, draws, rows_at_once, progress: as for
            `deletion_curves`.

    Raises:
        ShapeError: a clip without a label, a bad share.
    """
    _check(batch, shares, draws)
    fills: tuple[Fill, ...] = ("mean", "zero")
    plan = [(number, fill) for number in range(len(rankings[0])) for fill in fills]
    # right[curve, clip, variant]: the whole clip, then each share ranked and `draws` times random
    right = np.zeros((len(plan), len(batch), 1 + len(shares) * (1 + draws)))
    with scoring(model):
        for row, ranked in enumerate(rankings):
            hides = [
                _variants(ranking, edges[row], len(layout), shares, draws, generator)
                for ranking in ranked
            ]
            with variants(model, pipeline, single(batch, row)) as (one, rest):
                for curve, (number, fill) in enumerate(plan):
                    scores = hidden_scores(
                        model, rest, one, layout, hides[number], fill, rows_at_once
                    )
                    right[curve, row] = (scores.argmax(dim=1) == one.labels.cpu()).numpy()
            if progress is not None:
                progress(row + 1, len(batch))
    return [
        _curve(rankings[0][number], fill, right[curve].mean(axis=0), shares, draws, len(batch))
        for curve, (number, fill) in enumerate(plan)
    ]


def _curve(
    ranking: Ranking,
    fill: Fill,
    accuracy: NDArray[np.float64],
    shares: Sequence[float],
    draws: int,
    clips: int,
) -> DeletionCurve:
    whole, parts = float(accuracy[0]), accuracy[1:].reshape(len(shares), 1 + draws)
    ranked = (whole, *(float(value) for value in parts[:, 0]))
    random = (whole, *(float(value) for value in parts[:, 1:].mean(axis=1)))
    shown = (0.0, *shares)
    return DeletionCurve(ranking.unit, fill, shown, ranked, random, clips, draws, ranking.by)


def _variants(
    ranking: Ranking,
    edges: NDArray[np.int64],
    joints: int,
    shares: Sequence[float],
    draws: int,
    generator: np.random.Generator,
) -> Tensor:
    """(1 + S (1 + draws), T, V) bool, what is hidden in each variant of a clip."""
    order = np.argsort(-ranking.scores, kind="stable")
    chosen = [np.zeros(len(order), bool)]
    for share in shares:
        count = max(1, round(share * len(order)))
        picks = [order[:count], *(generator.permutation(len(order))[:count] for _ in range(draws))]
        chosen += [np.isin(np.arange(len(order)), pick) for pick in picks]
    units = torch.from_numpy(np.stack(chosen))
    if ranking.unit == "joints":
        return units[:, None].expand(-1, int(edges[-1]), -1)
    lengths = torch.from_numpy(np.diff(edges))
    return units.repeat_interleave(lengths, dim=1)[..., None].expand(-1, -1, joints)


def _check(batch: Batch, shares: Sequence[float], draws: int) -> None:
    if not len(batch):
        raise ShapeError("deletion: expected clips to measure accuracy on, found none")
    if int(batch.labels.min()) < 0:
        raise ShapeError("deletion: every clip needs a label, since accuracy is measured")
    if not shares or not all(0 < share <= 1 for share in shares) or draws < 1:
        raise ShapeError(
            f"deletion: shares lie in (0, 1] and there is at least one draw; found {shares} and "
            f"{draws}"
        )
