"""The first things a report says: how well, against what, made how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gesta.evaluation import Scores, summary


@dataclass(frozen=True)
class Tile:
    """A large number with its name and what to hold it against."""

    name: str
    value: str
    note: str


def tiles(scores: Scores) -> list[Tile]:
    """Top-1, top-5, mean class accuracy and what guessing reaches, of labelled clips."""
    known = scores.labelled()
    found = summary(scores)
    clips = len(known)
    low, high = wilson(round(found["top1"] / 100 * clips), clips)
    largest = 100 * np.bincount(known.labels).max() / clips
    return [
        Tile("Top-1", percent(found["top1"]), f"{100 * low:.1f} to {100 * high:.1f} (95 %)"),
        Tile("Top-5", percent(found["top5"]), "among the five likeliest"),
        Tile("Mean class", percent(found["mean_class_accuracy"]), "every class counts alike"),
        Tile(
            "Chance",
            percent(found["chance"]),
            f"{len(scores.classes)} classes; always the largest: {largest:.1f}",
        ),
    ]


def wilson(right: int, clips: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share, were clips independent (Wilson, 1927)."""
    share = right / clips
    middle = (share + z * z / (2 * clips)) / (1 + z * z / clips)
    half = z / (1 + z * z / clips) * math.sqrt(share * (1 - share) / clips + (z / clips) ** 2 / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def percent(value: float) -> str:
    """A share in per cent with one decimal."""
    return f"{value:.1f} %"


def large(value: float) -> str:
    """A count in thousands, millions or billions."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def facts(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was trained, on what, where and for how long; what is not known is left out."""
    shown = [
        ("Model", metrics.get("model")),
        ("Data set", metrics.get("dataset")),
        ("Protocol", metrics.get("protocol")),
        ("Stream", metrics.get("stream")),
        ("Seed", _seeds(metrics.get("seed"))),
        ("Trained on", _trained_on(metrics)),
        ("Test clips", _counted(metrics.get("test_clips"))),
        ("Parameters", _large(metrics.get("parameters"))),
        ("Multiply-adds a clip", _large(metrics.get("flops"))),
        ("Epochs", _epochs(metrics)),
        ("Training time", _duration(metrics.get("seconds"))),
        ("Machine", _machine(metrics.get("machine"))),
    ]
    return [(name, str(value)) for name, value in shown if value not in (None, "")]


def _seeds(seed: object) -> object:
    return ", ".join(str(one) for one in seed) if isinstance(seed, list) else seed


def _trained_on(metrics: Mapping[str, Any]) -> str | None:
    train, validation = metrics.get("train_clips"), metrics.get("validation_clips")
    if train is None:
        return None
    if metrics.get("final"):
        return f"{train:,} clips, the validation part among them"
    return f"{train:,} clips, {validation or 0:,} more validated"


def _epochs(metrics: Mapping[str, Any]) -> str | None:
    if metrics.get("epochs") is None:
        return None
    kept = metrics.get("kept_epoch")
    return f"{metrics['epochs']}" + (f", number {kept} kept (from 0)" if kept is not None else "")


def _counted(value: object) -> str | None:
    return f"{value:,}" if isinstance(value, int) else None


def _large(value: object) -> str | None:
    return large(float(value)) if isinstance(value, int | float) else None


def _duration(value: object) -> str | None:
    return duration(float(value)) if isinstance(value, int | float) else None


def _machine(machine: object) -> str | None:
    if not isinstance(machine, Mapping):
        return None if machine is None else str(machine)
    if machine.get("gpu"):
        return str(machine["gpu"])
    threads = machine.get("threads")
    word = "thread" if threads == 1 else "threads"
    return f"{machine.get('cpu', 'CPU')}, {threads} {word}" if threads else str(machine.get("cpu"))
