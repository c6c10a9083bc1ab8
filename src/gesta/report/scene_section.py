"""The part of a report that shows what a model looks at in the RGB, and whether it uses it."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image as Pictures

from gesta.clip import Clip
from gesta.evaluation import Scores, compare, score_batch
from gesta.explain import scenes
from gesta.explain.scoring import scoring
from gesta.media import Image
from gesta.report.choice import CLASS_RULE, class_examples
from gesta.report.explained import Explainer
from gesta.report.scene_files import Filmed, filmed, note_of, scene_sheet

Progress = Callable[[str, int, int], None]

# Pixels of the shorter side of a picture, and how many of a clip stand side by side.
_SHORT, _SHOWN = 220, 4
_QUALITY = 82
# Clips that are given the RGB of another at most, and how many are scored at once.
CONTROLLED, _ROWS = 100, 8
_SEED = 0


def scene_section(
    explainer: Explainer,
    scores: Scores,
    read: Callable[[Sequence[str]], list[Clip]],
    controlled: Sequence[Clip],
    progress: Progress,
) -> dict[str, Any] | None:
    """Pictures of what a model looks at, and what becomes of clips with the RGB of another.

    Args:
        explainer: the model.
        scores: of the test clips.
        read: gives clips by their ids.
        controlled: test clips for the control.
        progress: called with (what is done, steps done, steps in all).

    Returns:
        ``clips`` for each class, the ``rule`` they are chosen by, a ``note`` of what is drawn, and
        the ``control``; None for a model of poses alone.
    """
    if not explainer.looks:
        return None
    shown, note = [], ""
    rows = class_examples(scores)
    for done, row in enumerate(rows, 1):
        (clip,) = read([scores.ids[row]])
        own = _seen(explainer, clip, scores.classes)
        if own is not None:
            note = note_of(own)
            shown.append({**_named(scores, row), "picture": _address(own)})
        progress("pictures", done, len(rows))
    control = shuffled_control(explainer, scores, controlled)
    return {"clips": shown, "rule": CLASS_RULE, "note": note, "control": control}


def shuffled_control(
    explainer: Explainer, scores: Scores, clips: Sequence[Clip]
) -> dict[str, Any] | None:
    """What is recognised when test clips are given the RGB or the context of each other.

    Args:
        explainer: a model that takes more than poses.
        scores: of the test clips as they are.
        clips: some of them.

    Returns:
        ``clips``, top-1 as they are (``own``) and with another's (``other``) in per cent, and the
        ``difference`` with its interval; None where fewer than two clips are there.
    """
    if len(clips) < 2:
        return None
    batch = explainer.batch(clips)
    assert batch.footage is not None  # the model takes more than poses
    footage = batch.footage.shuffled(torch.Generator().manual_seed(_SEED))
    parts = []
    with scoring(explainer.model):
        for positions in torch.arange(len(batch)).split(_ROWS):
            some = batch.rows(positions).replace(
                clip=torch.arange(len(positions), device=batch.device),
                footage=footage.at(positions),
            )
            parts.append(score_batch(explainer.model, explainer.pipeline, some))
    own = scores.select([clip.id for clip in clips])
    other = replace(own, log_probs=torch.cat(parts).float().numpy())
    found = compare(own, other)
    return {
        "what": "context" if "context" in explainer.model.inputs else "RGB",
        "clips": found.clips,
        "own": _top1(own),
        "other": _top1(other),
        "difference": found.top1,
    }


def _seen(explainer: Explainer, clip: Clip, classes: Sequence[str]) -> Filmed | None:
    (scene,) = scenes(explainer.model, explainer.pipeline, explainer.batch([clip]))
    return filmed(explainer, clip, scene, classes, short=_SHORT)


def _top1(scores: Scores) -> float:
    return 100 * float((scores.log_probs.argmax(axis=1) == scores.labels).mean())


def _named(scores: Scores, row: int) -> dict[str, Any]:
    said, true = int(scores.log_probs[row].argmax()), int(scores.labels[row])
    return {
        "id": scores.ids[row],
        "true": scores.classes[true],
        "said": scores.classes[said],
        "is_right": said == true,
    }


def _address(own: Filmed) -> str:
    """The picture of a clip as an address of data; as JPEG, a tenth of a PNG's size."""
    image: Image = scene_sheet(own, shown=_SHOWN, columns=5, noted=False)
    data = io.BytesIO()
    Pictures.fromarray(image).save(data, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + b64encode(data.getvalue()).decode("ascii")
