"""Test clips changed in speed or view, to see what a trained model makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gesta.archive import Archive
from gesta.evaluation import score_clips
from gesta.evaluation.metrics import ranks
from gesta.reproduce.outcome import Outcome, singles
from gesta.training import Run
from gesta.training.card import load_model
from gesta.transforms import Batch, ResidentClips
from gesta.transforms.spatial import rotation_matrix, transform
from gesta.transforms.temporal import FramePlan, sample

Change = Callable[[Batch], Batch]


def speed(factor: float) -> Change:
    """Play clips so many times as fast: T frames become T / factor, linear between frames."""

    def change(batch: Batch) -> Batch:
        length = (batch.lengths / factor).round().long().clamp(min=1)
        step = torch.arange(int(length.max()), device=batch.device)
        share = step / (length[:, None] - 1).clamp(min=1)
        return _read(batch, share.clamp(max=1), length)

    return change


def uneven(early: float) -> Change:
    """Play the first part of a clip slowly and the rest fast.

    Args:
        early: the share of the clip that is spread over the first half of its time.
    """

    def change(batch: Batch) -> Batch:
        step = torch.arange(batch.poses.shape[2], device=batch.device)
        share = (step / (batch.lengths[:, None] - 1).clamp(min=1)).clamp(max=1)
        slow = 2 * early * share
        fast = early + (1 - early) * (2 * share - 1)
        return _read(batch, torch.where(share < 0.5, slow, fast), batch.lengths)

    return change


def _read(batch: Batch, share: Tensor, length: Tensor) -> Batch:
    """Read clips at shares (N, T') of their own length; ``length`` (N,) frames count."""
    position = share * (batch.lengths[:, None] - 1).clamp(min=0)
    row = torch.arange(len(batch), device=batch.device)
    return sample(batch, FramePlan(row, position.float(), length)).replace(clip=batch.clip)


def turn(degrees: float) -> Change:
    """Turn clips about the vertical, which is y in camera space."""

    def change(batch: Batch) -> Batch:
        angles = torch.zeros(len(batch), 3, device=batch.device)
        angles[:, 1] = torch.deg2rad(torch.tensor(degrees))
        nowhere = torch.zeros(len(batch), 3, device=batch.device)
        return batch.replace(poses=transform(batch.poses, rotation_matrix(angles), nowhere))

    return change


# Each change with the ways it is done; what they give is averaged.
CHANGES: dict[str, tuple[Change, ...]] = {
    "speed 0.5": (speed(0.5),),
    "speed 2": (speed(2.0),),
    "speed uneven": (uneven(0.25),),
    "turn 15": (turn(15), turn(-15)),
    "turn 30": (turn(30), turn(-30)),
    "turn 45": (turn(45), turn(-45)),
}


@dataclass(frozen=True, eq=False)
class _Changed:
    """Clips as they are scored, each batch changed."""

    clips: ResidentClips
    change: Change

    @property
    def ids(self) -> Sequence[str]:
        return self.clips.ids

    @property
    def labels(self) -> Tensor:
        return self.clips.labels

    def batch(self, positions: Tensor) -> Batch:
        return self.change(self.clips.batch(positions))


def can_turn(archive: Archive) -> bool:
    """Whether the vertical of an archive's clips is known."""
    return archive.space == "camera_metres" and len(archive.channels) == 3


def disturbed(runs: Sequence[Run], archive: Archive, changes: Sequence[str]) -> dict[str, Outcome]:
    """What the runs of a row recognise of their test clips, unchanged ("") and changed.

    Args:
        runs: one a seed, or a group of folds each; no clip may be tested by two folds.
        archive: their data.
        changes: names of `CHANGES`.
    """
    tables: dict[str, list[dict[str, float]]] = {name: [] for name in ("", *changes)}
    for run in runs:
        found: dict[str, dict[str, float]] = {name: {} for name in tables}
        for single in singles(run):
            for name, right in _right(single, archive, changes).items():
                found[name] |= right
        for name, table in found.items():
            tables[name].append(table)
    ids = tuple(sorted(tables[""][0]))
    return {
        name: Outcome(ids, torch.tensor([[one[i] for i in ids] for one in rows]).double().numpy())
        for name, rows in tables.items()
    }


def _right(run: Run, archive: Archive, changes: Sequence[str]) -> dict[str, dict[str, float]]:
    model, card = load_model(run.model_path)
    place = {name: index for index, name in enumerate(archive.ids)}
    rows = torch.tensor([place[name] for name in run.split["test"]]).numpy()
    rows = rows[archive.labels[rows] >= 0]
    clips = ResidentClips.from_archive(archive, rows, persons=card.input.persons)
    ways: dict[str, tuple[Change, ...]] = {"": (lambda batch: batch,)}
    ways |= {name: CHANGES[name] for name in changes}
    found = {}
    for name, several in ways.items():
        total = torch.zeros(len(rows), dtype=torch.float64)
        for change in several:
            scores = score_clips(model, card.pipeline(), _Changed(clips, change), card.classes)
            total += torch.tensor(ranks(scores.log_probs, scores.labels) == 0)
        shares = (total / len(several)).tolist()
        found[name] = dict(zip(clips.ids, shares, strict=True))
    return found
