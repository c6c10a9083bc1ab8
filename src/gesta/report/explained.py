"""What mattered to the model, as pictures: occlusion, deletion curves, learned edges."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.archive import Context
from gesta.clip import Clip
from gesta.errors import ModelError
from gesta.evaluation import Scores
from gesta.explain import (
    DeletionCurve,
    EdgeImportance,
    Importance,
    deletion_curves,
    edge_importance,
    occlusion,
)
from gesta.models import SkeletonModel
from gesta.report.charts import Series, line_chart, signed_bars
from gesta.report.draw import FrameWeights, bone_figure, filmstrip, skeleton
from gesta.report.heat import heat_table
from gesta.report.projection import Points, project
from gesta.skeleton import Layout
from gesta.transforms import Batch, InputPipeline, VideoOptions, collate, footage_of, takes_footage
from gesta.transforms.reels import FindVideo, own_video

TOP_JOINTS = 5
# Nats: a fall that makes a probability of 50 % one of 45 %.
SMALL = 0.1
Say = Callable[[int, int], None]


@dataclass(frozen=True)
class Explainer:
    """A trained model with what is needed to ask it.

    Args:
        model: on ``device``.
        pipeline: the run's.
        device: where it computes.
        find: where the video of a clip is, for a model that looks at RGB.
        context: vectors of clips, for a model that takes context.
    """

    model: SkeletonModel
    pipeline: InputPipeline
    device: torch.device
    find: FindVideo = own_video
    context: Context | None = None

    @property
    def looks(self) -> bool:
        """Whether the model takes more than poses."""
        return takes_footage(self.model.inputs)

    def batch(self, clips: Sequence[Clip]) -> Batch:
        """Clips as the pipeline takes them.

        Raises:
            MediaError: clips have no usable RGB or context, and the model's card has this as an
                error.
        """
        footage = None
        if self.looks:
            # A few clips are decoded sooner than processes are started.
            options = replace(self.pipeline.video or VideoOptions(), workers=0)
            footage = footage_of(
                clips,
                self.model.inputs,
                options,
                find=self.find,
                context=self.context,
                device=self.device,
            )
        return collate(clips, footage=footage).to(self.device)

    def occlusion(self, clips: Sequence[Clip], progress: Say | None = None) -> list[Importance]:
        """Occlusion of the class that each clip is taken for."""
        return occlusion(
            self.model,
            self.pipeline,
            self.batch(clips),
            layout=self.model.layout,
            progress=progress,
        )


def spelled(joint: str) -> str:
    """A joint's name as people write it."""
    return joint.replace("_", " ")


def explained_clip(clip: Clip, found: Importance, classes: Sequence[str]) -> dict[str, Any]:
    """A filmstrip with joints sized by importance, a bar for each frame, the top joints.

    Joints and frames are scaled apart, each by its largest absolute fall in this clip.
    """
    joints, frames = scaled(found.joints), scaled(found.frames)
    order = np.argsort(-np.abs(found.joints), kind="stable")[:TOP_JOINTS]
    names = [spelled(clip.layout.joints[joint]) for joint in order]
    label = f"clip {clip.id}: joints sized by their importance for {classes[found.target]}"
    return {
        "id": clip.id,
        "strip": filmstrip(
            project(clip),
            clip.layout,
            widest=750,
            weights=joints,
            frame_weights=FrameWeights(
                frames, "fall of the log probability when the frames are hidden"
            ),
            label=label,
        ),
        "bars": signed_bars(names, [float(found.joints[joint]) for joint in order]),
        "target": classes[found.target],
        "probability": 100 * math.exp(found.log_prob),
        "largest_joint": float(np.abs(found.joints).max()),
        "largest_frames": float(np.abs(found.frames).max()),
    }


def scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Falls divided by the largest absolute one, or by `SMALL` where that is larger.

    So a clip in which nothing mattered does not look as if something did.
    """
    return values / max(float(np.abs(values).max(initial=0)), SMALL)


def mean_importance(clips: Sequence[Clip], found: Sequence[Importance]) -> dict[str, Any]:
    """The mean fall for each joint over clips, on the first clip's skeleton."""
    layout = clips[0].layout
    mean = np.mean([one.joints for one in found], axis=0)
    order = np.argsort(-mean, kind="stable")
    names = [spelled(layout.joints[joint]) for joint in order]
    return {
        "clips": len(found),
        "bars": signed_bars(names, [float(mean[joint]) for joint in order], width=340),
        "skeleton": skeleton(
            first_pose(clips),
            layout,
            height=330,
            weights=scaled(mean),
            label="joints sized by their mean importance",
        ),
    }


def deletion_section(
    explainer: Explainer,
    clips: Sequence[Clip],
    found: Sequence[Importance],
    seed: int = 0,
    progress: Say | None = None,
) -> dict[str, Any]:
    """Deletion curves as charts; random choices are drawn from ``seed``."""
    curves = deletion_curves(
        explainer.model,
        explainer.pipeline,
        explainer.batch(clips),
        found,
        layout=explainer.model.layout,
        generator=np.random.default_rng(seed),
        progress=progress,
    )
    return {
        "clips": curves[0].clips,
        "draws": curves[0].draws,
        "curves": curves,
        "charts": [deletion_chart(curve) for curve in curves],
    }


def filled(curve: DeletionCurve) -> str:
    """What is done with what a deletion curve hides, in words."""
    return "held at their mean" if curve.fill == "mean" else "put at the body's origin"


def deletion_chart(
    curve: DeletionCurve, name: str = "by rank", beside: DeletionCurve | None = None
) -> str:
    """One deletion curve; whiskers are one standard error over clips.

    Args:
        curve: it.
        name: of the line where what ranks first is hidden.
        beside: another curve of the same clips, of which the ranked line is drawn, too.
    """
    shares = [100 * share for share in curve.shares]
    found = [(name, curve.ranked), ("random", curve.random)]
    if beside is not None:
        found.append((beside.by, beside.ranked))
    lines = []
    for name, values in found:
        errors = [100 * math.sqrt(v * (1 - v) / curve.clips) for v in values]
        lines.append(Series(name, shares, [100 * v for v in values], errors))
    return line_chart(
        f"Top-1 in %, {curve.unit} {filled(curve)}",
        lines,
        x_title="% hidden",
        width=500,
        height=220,
        zero=True,
    )


def first_pose(clips: Sequence[Clip]) -> Points:
    """(1, V, 2) a pose to draw on: of the clips' first frames the widest with most joints.

    All joints are missing (NaN) where nobody is seen.
    """
    best, rank = np.full((1, len(clips[0].layout), 2), np.nan), (0, 0.0)
    for clip in clips:
        if not clip.persons or not clip.frames:
            continue
        points = project(clip)[:1, 0]
        there = points[~np.isnan(points[..., 0])]
        if not len(there):
            continue
        low, high = there.min(axis=0), there.max(axis=0)
        # Wide for its height: a body seen from the front, whose joints do not hide each other.
        own = (len(there), float((high[0] - low[0]) / max(high[1] - low[1], 1e-9)))
        if own > rank and high[1] - low[1] > high[0] - low[0]:
            best, rank = points, own
    return best


def edge_section(explainer: Explainer, clips: Sequence[Clip]) -> dict[str, Any] | None:
    """Learned edge importance: a table of bones by blocks, and the mean on a skeleton.

    None for a model that has learned none.
    """
    try:
        found = edge_importance(explainer.model, explainer.model.layout)
    except ModelError:
        return None
    return {
        "blocks": len(found.blocks),
        "table": edge_table(found, explainer.model.layout),
        "skeleton": edge_skeleton(found, clips),
        "low": float(found.bones.min()),
        "high": float(found.bones.max()),
    }


def edge_table(found: EdgeImportance, layout: Layout, standalone: bool = False) -> str:
    """Bones by blocks, shaded by how far from 1 their importance is."""
    names = [
        f"{spelled(layout.joints[child])} \u2013 {spelled(layout.joints[parent])}"
        for child, parent in layout.bones
    ]
    return heat_table(
        found.bones.T,
        rows=names,
        columns=[str(number) for number in range(1, len(found.blocks) + 1)],
        middle=1.0,
        title="block",
        standalone=standalone,
    )


def edge_skeleton(found: EdgeImportance, clips: Sequence[Clip]) -> str:
    """The mean over blocks on a clip's first pose: bones as thick as they are important."""
    return bone_figure(
        first_pose(clips),
        clips[0].layout,
        found.bones.mean(axis=0),
        label="learned edge importance, mean over blocks",
    )


def probability(scores: Scores, row: int, label: int) -> float:
    """What a clip's class got, in per cent."""
    return 100 * math.exp(float(scores.log_probs[row, label]))
