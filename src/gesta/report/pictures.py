"""Explanations of single clips as files: a picture and the arrays it was drawn from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gesta.archive.durable import write_durably
from gesta.clip import Clip
from gesta.errors import ModelError
from gesta.explain import Fill, Importance, edge_importance, occlusion
from gesta.explain.occlusion import WINDOWS
from gesta.report.arrays import write_arrays
from gesta.report.attention_files import write_attention
from gesta.report.draw import FrameWeights, filmstrip
from gesta.report.explained import Explainer, edge_table, scaled, spelled
from gesta.report.projection import project
from gesta.report.scene_files import write_scene

Array = NDArray[Any]


def explain_clip(
    explainer: Explainer,
    clip: Clip,
    classes: Sequence[str],
    folder: str | Path,
    *,
    target: Literal["predicted", "label"] | int = "predicted",
    fill: Fill = "mean",
    windows: int = WINDOWS,
    grid: bool = False,
    query: int | None = None,
) -> dict[str, Any]:
    """Explain one clip: ``<id>.svg``, ``<id>.npz``, attention and scene where the model has any.

    The npz file holds ``joints`` (V,), ``frames`` (T,), ``edges`` (G+1,) and, if asked for,
    ``grid`` (G, V): falls of the log probability in nats, see `gesta.explain.Importance`; further
    ``joint_names``, ``target``, ``log_prob``. For attention see
    `gesta.report.attention_files.write_attention`, for RGB `gesta.report.scene_files.write_scene`.

    Args:
        explainer: the model.
        clip: in the model's layout and space.
        classes: names of its classes.
        folder: where the files go; it is made where it is missing.
        target: which class is watched.
        fill, windows, grid: see `gesta.explain.occlusion`.
        query: the frame whose attention is followed; None: the one that is attended to most.

    Returns:
        ``clip, target, probability, joints`` (falls by joint name) and the ``files`` written.

    Raises:
        ShapeError: ``target`` is "label" and the clip has none.
        MediaError: the model looks at RGB, and the clip has none that can be read.
    """
    (found,) = occlusion(
        explainer.model,
        explainer.pipeline,
        explainer.batch([clip]),
        layout=clip.layout,
        target=[target] if isinstance(target, int) else target,
        fill=fill,
        windows=windows,
        grid=grid,
    )
    place, name = Path(folder), file_name(clip.id)
    place.mkdir(parents=True, exist_ok=True)
    files = [place / f"{name}.svg", place / f"{name}.npz"]
    write_durably(files[0], explained_picture(clip, found, classes).encode("utf-8"))
    write_arrays(files[1], _arrays(clip, found))
    files += write_attention(explainer, clip, place / name, query)
    files += write_scene(explainer, clip, classes, place / name)
    falls = zip(clip.layout.joints, found.joints.tolist(), strict=True)
    return {
        "clip": clip.id,
        "target": classes[found.target],
        "probability": float(np.exp(found.log_prob)),
        "joints": dict(sorted(falls, key=lambda pair: -abs(pair[1]))),
        "files": [str(path) for path in files],
    }


def explained_picture(clip: Clip, found: Importance, classes: Sequence[str]) -> str:
    """The clip as a filmstrip for a file of its own, joints and frames by importance."""
    bars = FrameWeights(scaled(found.frames), "fall of the log probability, by frame")
    return filmstrip(
        project(clip),
        clip.layout,
        height=200,
        weights=scaled(found.joints),
        frame_weights=bars,
        label=f"clip {clip.id}: what mattered for {classes[found.target]}",
        standalone=True,
    )


def write_edges(explainer: Explainer, folder: str | Path) -> list[Path]:
    """Write ``edges.svg`` and ``edges.npz`` of a model that learned edges; else nothing."""
    layout = explainer.model.layout
    try:
        found = edge_importance(explainer.model, layout)
    except ModelError:
        return []
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = [place / "edges.svg", place / "edges.npz"]
    write_durably(files[0], edge_table(found, layout, standalone=True).encode("utf-8"))
    arrays: dict[str, Array] = {
        "carried": found.carried,
        "initial": found.initial,
        "bones": found.bones,
        "joints": found.joints,
        "blocks": np.array(found.blocks),
        "bone_names": np.array(
            [f"{spelled(layout.joints[c])} - {spelled(layout.joints[p])}" for c, p in layout.bones]
        ),
        "joint_names": np.array(layout.joints),
    }
    write_arrays(files[1], arrays)
    return files


def file_name(clip: str) -> str:
    """A clip's id as the name of a file on any system."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", clip).strip("._")
    return name[-120:] or "clip"


def _arrays(clip: Clip, found: Importance) -> dict[str, Array]:
    arrays: dict[str, Array] = {
        "joints": found.joints,
        "frames": found.frames,
        "edges": found.edges,
        "joint_names": np.array(clip.layout.joints),
        "target": np.array(found.target),
        "log_prob": np.array(found.log_prob),
        "fill": np.array(found.fill),
    }
    return arrays if found.grid is None else arrays | {"grid": found.grid}
