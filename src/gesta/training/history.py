"""What is known of the epochs of a run, and what follows from it: which is best, when to stop."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from gesta.archive.durable import write_durably
from gesta.errors import FormatError


@dataclass(frozen=True)
class EpochRecord:
    """A line of ``log.jsonl``.

    Args:
        epoch: from 0.
        learning_rate: of all its steps.
        train_loss: mean over its clips (with augmentation, smoothing and weights).
        train_top1: per cent, in training mode.
        validation_loss, validation_top1: mean negative log-likelihood and per cent, of one view a
            clip; None without a validation part.
        seconds: it took.
        share_outside: of these seconds, spent neither in the model nor in its gradients.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_top1: float
    validation_loss: float | None
    validation_top1: float | None
    seconds: float
    share_outside: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in ``log.jsonl``."""
        return asdict(self)


def is_better(new: EpochRecord, old: EpochRecord | None) -> bool:
    """Whether an epoch is better on validation: by top-1, then by loss; earlier where equal."""
    return old is None or _merit(new) > _merit(old)


def best_epoch(history: Sequence[EpochRecord]) -> EpochRecord | None:
    """The best epoch on validation, None where there is none."""
    best = None
    for record in history:
        if is_better(record, best):
            best = record
    return best


def has_stalled(history: Sequence[EpochRecord], patience: int) -> bool:
    """Whether ``patience`` epochs have gone by without a better one (0: never)."""
    best = best_epoch(history)
    return bool(patience) and best is not None and history[-1].epoch - best.epoch >= patience


def watched(history: Sequence[EpochRecord], watch: Literal["loss", "top1"]) -> list[float]:
    """The validation loss, or top-1 below zero, of each epoch; infinite where there is none."""
    merits = [_merit(record) for record in history]
    return [-loss if watch == "loss" else -top1 for top1, loss in merits]


def read_log(path: str | Path) -> list[EpochRecord]:
    """The epochs in a ``log.jsonl``.

    Raises:
        FormatError: a line is no such record.
    """
    records = []
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        try:
            records.append(EpochRecord(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise FormatError(path, f"line {number}", "an epoch of a run", line[:60]) from error
    return records


def write_log(path: str | Path, history: Sequence[EpochRecord]) -> None:
    """Write all epochs, a line each, whole or not at all."""
    lines = [json.dumps(record.to_dict()) + "\n" for record in history]
    write_durably(Path(path), "".join(lines).encode())


def _merit(record: EpochRecord) -> tuple[float, float]:
    top1, loss = record.validation_top1, record.validation_loss
    return (-math.inf if top1 is None else top1, -math.inf if loss is None else -loss)
