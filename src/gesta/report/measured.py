"""The parts of a report that follow from scores and the log alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gesta.evaluation import (
    Scores,
    confusion_matrix,
    expected_calibration_error,
    negative_log_likelihood,
    per_class,
)
from gesta.report.charts import Series, line_chart, reliability, reliability_diagram
from gesta.report.confusion import confusion_picture, worst_part
from gesta.training import EpochRecord

NAN = float("nan")


def learning_charts(history: Sequence[EpochRecord], kept: int | None) -> list[str]:
    """Loss, accuracy and learning rate over epochs as SVG; none without epochs."""
    if not history:
        return []
    epochs = [float(record.epoch) for record in history]
    mark = None if kept is None else (float(kept), "kept")

    def series(train: str, validation: str) -> list[Series]:
        pairs = [("train", train), ("validation", validation)]
        lines = [Series(name, epochs, _values(history, field)) for name, field in pairs]
        return [line for line in lines if not np.isnan(line.y).all()]

    return [
        line_chart(
            "Loss, nats",
            series("train_loss", "validation_loss"),
            x_title="epoch",
            width=350,
            mark=mark,
            zero=True,
        ),
        line_chart(
            "Top-1, %",
            series("train_top1", "validation_top1"),
            x_title="epoch",
            width=350,
            mark=mark,
            zero=True,
        ),
        line_chart(
            "Learning rate",
            [Series("rate", epochs, _values(history, "learning_rate"))],
            x_title="epoch",
            width=350,
            zero=True,
        ),
    ]


def _values(history: Sequence[EpochRecord], field: str) -> list[float]:
    values = [getattr(record, field) for record in history]
    return [NAN if value is None else float(value) for value in values]


def confusion_section(scores: Scores) -> dict[str, Any]:
    """The confusion matrix and what is shown of it."""
    known = scores.labelled()
    counts = confusion_matrix(known.log_probs, known.labels)
    table = worst_part(counts, scores.classes)
    return {"picture": confusion_picture(table), "note": table.note}


def class_rows(scores: Scores) -> list[dict[str, Any]]:
    """One row a class, in per cent; precision is None where nothing was taken for the class."""
    known = scores.labelled()
    counts = confusion_matrix(known.log_probs, known.labels)
    rows = []
    for index, result in enumerate(per_class(scores)):
        wrong = counts[index].copy()
        wrong[index] = 0
        said = int(counts[:, index].sum())
        rows.append(
            {
                "name": result.name,
                "clips": result.clips,
                "recall": 100 * result.recall if result.clips else None,
                "precision": 100 * result.precision if said else None,
                "f1": 100 * result.f1 if result.clips or said else None,
                "taken_for": result.taken_for,
                "taken_count": int(wrong.max(initial=0)),
            }
        )
    return rows


def calibration_section(scores: Scores) -> dict[str, Any]:
    """The reliability diagram with its numbers."""
    known = scores.labelled()
    confidence = float(np.exp(known.log_probs.max(axis=1).astype(np.float64)).mean())
    accuracy = float((known.log_probs.argmax(axis=1) == known.labels).mean())
    return {
        "picture": reliability_diagram(reliability(known.log_probs, known.labels)),
        "error": 100 * expected_calibration_error(known.log_probs, known.labels),
        "nll": negative_log_likelihood(known.log_probs, known.labels),
        "uniform_nll": float(np.log(len(scores.classes))),
        "confidence": 100 * confidence,
        "accuracy": 100 * accuracy,
    }
