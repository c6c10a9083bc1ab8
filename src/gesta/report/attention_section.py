"""The part of a report that shows attention, and measures whether it is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gesta.clip import Clip
from gesta.explain import (
    Attention,
    DeletionCurve,
    attention_deletion,
    attentions,
    frame_scores,
)
from gesta.explain.attention import FRAMES_BY_FRAMES, by_kind
from gesta.report.attended import Picture, attention_pictures
from gesta.report.draw import FrameWeights, filmstrip
from gesta.report.explained import Explainer, deletion_chart, filled
from gesta.report.projection import project

Progress = Callable[[str, int, int], None]


def attention_section(
    explainer: Explainer,
    examples: Sequence[tuple[Mapping[str, Any], Clip]],
    measured: Sequence[Clip],
    occlusion: Sequence[DeletionCurve],
    progress: Progress,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Pictures of single clips, and deletion curves by attention.

    Args:
        explainer: the model.
        examples: clips to show, each with what a report says of it.
        measured: the clips that accuracy is measured on.
        occlusion: deletion curves by occlusion of the same clips, drawn beside those by
            attention.
        progress: called with (what is done, steps done, steps in all).
        seed: of the random choices.

    Returns:
        ``clips``, ``kinds`` (of their pictures) and ``truth``; None for a model without attention
        of joints or frames.
    """
    curves = attention_deletion(
        explainer.model,
        explainer.pipeline,
        explainer.batch(measured),
        layout=explainer.model.layout,
        generator=np.random.default_rng(seed),
        progress=lambda done, of: progress("attention", done, of),
    )
    if not curves:
        return None
    clips = [clip for _, clip in examples]
    seen = attentions(explainer.model, explainer.pipeline, explainer.batch(clips)) if clips else []
    shown, kinds = [], set()
    for (said, clip), found in zip(examples, seen, strict=True):
        pictures = attention_pictures(found, clip, everybody=False)
        if not pictures:  # nobody is there, or what is attended to is shown in the video
            continue
        kinds |= {one.kind for one in pictures}
        weights = [_page(one) for one in pictures if one.kind == "weights"]
        shown.append(
            {
                **said,
                "shown": [*_received(found, clip), *weights],
                "folded": [_page(one) for one in pictures if one.kind != "weights"],
            }
        )
    order = [kind for kind in ("picks", "maps", "weights") if kind in kinds]
    return {"clips": shown, "kinds": order, "truth": _truth(curves, occlusion)}


def _received(found: Sequence[Attention], clip: Clip) -> list[dict[str, str]]:
    """The clip with what each frame receives of the attention between frames, where it has any."""
    scores = frame_scores(by_kind(found).get(FRAMES_BY_FRAMES, []), clip.frames)
    if scores is None:
        return []
    title = "attention received, the mean over layers, heads and queries; bars from 0"
    bars = FrameWeights(scores / max(float(scores.max(initial=0)), 1e-9), title)
    label = f"clip {clip.id}: {title}"
    strip = filmstrip(project(clip), clip.layout, height=110, frame_weights=bars, label=label)
    return [{"title": title, "picture": strip}]


def _page(one: Picture) -> dict[str, str]:
    return {"title": one.drawing.title, "picture": one.drawing.picture()}


def _truth(curves: Sequence[DeletionCurve], occlusion: Sequence[DeletionCurve]) -> dict[str, Any]:
    beside = {(curve.unit, curve.fill): curve for curve in occlusion}
    by = {
        unit: " and ".join(dict.fromkeys(one.by for one in curves if one.unit == unit))
        for unit in ("frames", "joints")
    }
    return {
        "clips": curves[0].clips,
        "draws": curves[0].draws,
        "occlusion": bool(occlusion),
        "frames_by": by["frames"],
        "joints_by": by["joints"],
        "charts": [
            deletion_chart(curve, "attention", beside.get((curve.unit, curve.fill)))
            for curve in curves
        ],
        "rows": [row for curve in curves for row in truth_rows(curve)],
    }


def truth_rows(curve: DeletionCurve) -> list[dict[str, Any]]:
    """A row for each share that is hidden: top-1 in per cent whole, by attention, at random."""
    return [
        {
            "what": f"{curve.unit} by {curve.by}, {filled(curve)}",
            "share": 100 * share,
            "whole": 100 * curve.ranked[0],
            "ranked": 100 * ranked,
            "random": 100 * random,
        }
        for share, ranked, random in zip(
            curve.shares[1:], curve.ranked[1:], curve.random[1:], strict=True
        )
    ]
