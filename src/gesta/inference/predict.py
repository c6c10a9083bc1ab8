"""What a model says of clips that are in no archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip, map_to_layout
from gesta.errors import ShapeError
from gesta.training import Card

_IN_FRAME = ("pixels", "unit_frame")


# What is said where the best class is less probable than an answer has to be.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Segment:
    """What somebody does from one moment up to another.

    Args:
        start, end: of a video seconds from its first frame; of a skeleton file frames, the last
            one not included.
        label: the most probable class, or "unknown" where that is below a threshold.
        top5: the five most probable classes with their probabilities, the best first.
    """

    start: float
    end: float
    label: str
    top5: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class PersonPrediction:
    """What one person does; ``track`` is None where a scene was judged as a whole."""

    track: int | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Prediction:
    """What a model says of one input.

    Args:
        input: the clip's id, the file's path, or what was given for a camera or stream.
        fps: frames a second of the input, None where unknown.
        persons: one entry a track; one for all where a scene was judged as a whole; none where
            tracks were to be judged and nobody is there.
    """

    input: str
    fps: float | None
    persons: tuple[PersonPrediction, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, as ``gesta predict --json`` prints them."""
        return asdict(self)


def make_segment(
    clip: Clip,
    log_probs: NDArray[np.float32],
    classes: Sequence[str],
    threshold: float | None = None,
) -> Segment:
    """The whole clip as one segment, from its (Y,) log-probabilities."""
    probabilities = np.exp(log_probs.astype(np.float64))
    return name_scores(0, clip.frames, probabilities, classes, threshold)


def name_scores(
    start: float,
    end: float,
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    threshold: float | None = None,
) -> Segment:
    """A segment from the (Y,) probabilities of the classes."""
    best = np.argsort(-probabilities, kind="stable")[:5]
    top = tuple((classes[index], float(probabilities[index])) for index in best)
    known = threshold is None or top[0][1] >= threshold
    return Segment(start, end, top[0][0] if known else UNKNOWN, top)


def fit_to_card(clip: Clip, card: Card) -> Clip:
    """The clip as a model's card wants it: its joints by name, its coordinates in its space.

    Raises:
        ShapeError: the coordinates mean something else and cannot be converted, or the model
            needs joints that have no relative in the clip.
    """
    clip = _in_space(clip, card)
    if clip.channels != card.channels:
        if clip.channels[: len(card.channels)] != card.channels:
            raise ShapeError(
                f"clip {clip.id!r}: the model needs {', '.join(card.channels)}, the clip has "
                f"{', '.join(clip.channels)}"
            )
        clip = clip.replace(coords=clip.coords[..., : len(card.channels)], channels=card.channels)
    mapped = map_to_layout(clip, card.layout)
    if mapped is not clip and np.isnan(mapped.coords).all() and not np.isnan(clip.coords).all():
        raise ShapeError(
            f"clip {clip.id!r}: layout {clip.layout.name} has no joint that the model's "
            f"{card.layout.name} has"
        )
    return mapped


def _in_space(clip: Clip, card: Card) -> Clip:
    """Pixels and shares of the frame turn into each other; metres into nothing else."""
    if clip.space == card.space:
        return clip
    if clip.space not in _IN_FRAME or card.space not in _IN_FRAME:
        raise ShapeError(
            f"clip {clip.id!r}: the model was trained on {card.space}, the clip is in "
            f"{clip.space}; train a model on such data"
        )
    if clip.frame_size is None:
        raise ShapeError(
            f"clip {clip.id!r}: is in {clip.space} and the model wants {card.space}; that needs "
            "the frame's size, which the clip does not say"
        )
    size = np.array(clip.frame_size, np.float32)
    coords = clip.coords / size if card.space == "unit_frame" else clip.coords * size
    return clip.replace(coords=coords, space=card.space)
