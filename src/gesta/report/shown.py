"""The parts of a report that show clips: confusions, and what mattered to the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gesta.archive import Archive
from gesta.clip import Clip
from gesta.evaluation import Scores
from gesta.explain import Importance
from gesta.explain.occlusion import WINDOWS
from gesta.nn import observed
from gesta.report.attention_section import attention_section
from gesta.report.choice import CONFUSION_RULE, EXAMPLE_RULE, confusions, examples, sample
from gesta.report.draw import filmstrip
from gesta.report.explained import (
    Explainer,
    deletion_section,
    edge_section,
    explained_clip,
    mean_importance,
    probability,
)
from gesta.report.projection import project
from gesta.report.scene_section import CONTROLLED, scene_section
from gesta.training import Run
from gesta.training.card import load_model
from gesta.training.clips import Missing, find_context
from gesta.training.machine import find_device
from gesta.transforms import takes_footage
from gesta.transforms.reels import own_video

Progress = Callable[[str, int, int], None]

# What measuring may cost when nobody says how many clips: about a minute on two slow cores.
MULTIPLY_ADDS = 1e12
FEWEST, MOST = 8, 100
# Variants of a clip for its deletion curves: 4 curves, 3 shares, each by rank and 3 at random.
DELETION_VARIANTS = 52


def open_explainer(
    run: Run, device: str, archive: Archive | None = None, *, missing: Missing | None = None
) -> Explainer | None:
    """The run's model; None for a folder that has none of its own.

    Args:
        run: a finished run.
        device: "auto", "cpu" or "cuda".
        archive: knows where the videos of its clips are, for a model that looks at RGB.
        missing: what becomes of clips without usable RGB, where the card is not to decide.

    Raises:
        FormatError, ModelError: the model's file is damaged.
        RecipeError: there is no such device.
        RunError: the run's context file is not the one that the model learnt from.
    """
    if not run.model_path.is_file():
        return None
    place = find_device(device)
    model, card = load_model(run.model_path, place)
    context = (
        find_context(card, model.inputs, run.recipe.context)
        if takes_footage(model.inputs)
        else None
    )
    pipeline = card.pipeline()
    if missing is not None:
        pipeline = replace(pipeline, video=replace(card.video, missing=missing))
    find = own_video if archive is None else archive.video_path
    return Explainer(model, pipeline, place, find, context)


def read_clips(archive: Archive, ids: Sequence[str]) -> list[Clip]:
    """Clips of an archive by id."""
    place = {name: index for index, name in enumerate(archive.ids)}
    return [archive.read(place[name]) for name in ids]


def confusion_examples(scores: Scores, archive: Archive) -> dict[str, Any]:
    """The worst confusions, a clip of each side drawn."""
    rows = []
    for pair in confusions(scores):
        sides = [_side(scores, archive, pair.wrong, (pair.said, pair.true), False)]
        if pair.right is not None:
            sides.append(_side(scores, archive, pair.right, (pair.said, pair.true), True))
        rows.append(
            {
                "true": scores.classes[pair.true],
                "said": scores.classes[pair.said],
                "clips": pair.clips,
                "of": pair.of,
                "sides": sides,
            }
        )
    return {"rule": CONFUSION_RULE, "pairs": rows}


def _side(
    scores: Scores, archive: Archive, row: int, classes: tuple[int, int], right: bool
) -> dict[str, Any]:
    (clip,) = read_clips(archive, [scores.ids[row]])
    said, true = classes
    name = scores.classes[int(scores.labels[row])]
    return {
        "id": clip.id,
        "right": right,
        "name": name,
        "strip": filmstrip(project(clip), clip.layout, height=132, label=f"clip {clip.id}, {name}"),
        "probabilities": [
            (scores.classes[label], probability(scores, row, label)) for label in (said, true)
        ],
    }


def ask_model(
    explainer: Explainer,
    scores: Scores,
    archive: Archive,
    metrics: Mapping[str, Any],
    explained_clips: int | None,
    progress: Progress,
) -> dict[str, Any]:
    """What mattered: single clips, means over a sample, deletion curves, learned edges."""
    right, wrong = examples(scores)
    chosen = right + wrong
    clips = read_clips(archive, [scores.ids[row] for row in chosen])
    found = explainer.occlusion(clips, lambda done, of: progress("examples", done, of))
    shown = [
        _shown(scores, row, clip, one) for row, clip, one in zip(chosen, clips, found, strict=True)
    ]

    count = explained_clips or affordable(
        metrics, len(archive.layout), attention=bool(observed(explainer.model))
    )
    measured = sample(scores, count)
    many = read_clips(archive, [scores.ids[row] for row in measured])
    importances = explainer.occlusion(many, lambda done, of: progress("occlusion", done, of))
    deletion = deletion_section(
        explainer, many, importances, progress=lambda done, of: progress("deletion", done, of)
    )
    attention = attention_section(
        explainer,
        [(_named(scores, row), clip) for row, clip in zip(chosen, clips, strict=True)],
        many,
        deletion["curves"],
        progress,
    )
    controlled = read_clips(archive, [scores.ids[row] for row in sample(scores, CONTROLLED)])
    scene = scene_section(
        explainer, scores, lambda ids: read_clips(archive, ids), controlled, progress
    )
    return {
        "rule": EXAMPLE_RULE,
        "attention": attention,
        "scene": scene,
        "right": shown[: len(right)],
        "wrong": shown[len(right) :],
        "windows": WINDOWS,
        "mean": mean_importance(many, importances),
        "deletion": deletion,
        "edges": edge_section(explainer, many),
    }


def affordable(metrics: Mapping[str, Any], joints: int, *, attention: bool = False) -> int:
    """How many clips can be measured for `MULTIPLY_ADDS`; attention is measured like occlusion."""
    cost = float(metrics.get("flops") or 1e9)
    variants = 1 + joints + WINDOWS + DELETION_VARIANTS * (2 if attention else 1)
    return int(np.clip(MULTIPLY_ADDS / (cost * variants), FEWEST, MOST))


def _shown(scores: Scores, row: int, clip: Clip, found: Importance) -> dict[str, Any]:
    return {**explained_clip(clip, found, scores.classes), **_named(scores, row)}


def _named(scores: Scores, row: int) -> dict[str, Any]:
    label, said = int(scores.labels[row]), int(scores.log_probs[row].argmax())
    return {
        "id": scores.ids[row],
        "true": scores.classes[label],
        "said": scores.classes[said],
        "is_right": said == label,
    }
