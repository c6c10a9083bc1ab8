"""The report of a run: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gesta.archive import Archive
from gesta.archive.durable import check_place
from gesta.errors import GestaError, MediaError, RunError
from gesta.evaluation import Scores
from gesta.report.charts import CHART_STYLE
from gesta.report.confusion import CONFUSION_STYLE
from gesta.report.drawing import ATTENTION_STYLE
from gesta.report.headline import facts, tiles
from gesta.report.heat import HEAT_STYLE
from gesta.report.measured import (
    calibration_section,
    class_rows,
    confusion_section,
    learning_charts,
)
from gesta.report.members import member_rows
from gesta.report.pages import render, safe, write_page
from gesta.report.protocol import find_archive, protocol_section
from gesta.report.shown import ask_model, confusion_examples, open_explainer
from gesta.training import Run

Progress = Callable[[str, int, int], None]


@dataclass
class Material:
    """Everything that a report is made of.

    Args:
        run: the folder; a run's, a group's, or that of fused or evaluated scores.
        metrics: its ``metrics.json``.
        scores: of the labelled test clips; None for a group whose members share clips.
        archive: where its clips are, None where it is not at hand.
        notes: what could not be shown, and why.
    """

    run: Run
    metrics: dict[str, Any]
    scores: Scores | None
    archive: Archive | None
    notes: list[str] = field(default_factory=list)


def write_report(
    run: Run | str | Path,
    archive: Archive | str | Path | None = None,
    out: str | Path | None = None,
    *,
    explained_clips: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Path:
    """Write the report of a finished run.

    Without its archive the report has no skeletons and no explanations, and says so; the same
    holds for a group of runs and for fused scores, which have no single model to ask.

    Args:
        run: the run or its folder; also a group's, one of fused scores, or an evaluation's.
        archive: where the clips are; by default the one the run was trained on, where it is
            still there.
        out: the file; by default ``report.html`` in the run's folder.
        explained_clips: on how many test clips mean importance and deletion curves are
            measured; by default as many as 10^12 multiply-adds allow, 8 to 100.
        device: where the model computes: "auto", "cpu" or "cuda".
        progress: called with (what is done, steps done, steps in all).

    Returns:
        The path written.

    Raises:
        RunError: the run is not finished, or another archive was given than it was scored on.
        OSError: the file cannot be written; noticed before anything is measured.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    if not run.path.is_dir():
        raise RunError(f"{run.path}: expected the folder of a run, found none")
    target = Path(out or run.path / "report.html")
    check_place(target)
    material = _gather(run, archive)
    metrics, scores = material.metrics, material.scores
    sections = _explained(material, explained_clips, device, progress or _silent)
    history = [] if run.members else run.history
    page = render(
        "report.html",
        styles=safe(CHART_STYLE + CONFUSION_STYLE + HEAT_STYLE + ATTENTION_STYLE),
        title=f"{metrics.get('model')} on {metrics.get('dataset')}",
        run=run.name,
        metrics=metrics,
        facts=facts(metrics),
        tiles=[] if scores is None else tiles(scores),
        clips=0 if scores is None else len(scores),
        members=member_rows(run, metrics),
        learning=learning_charts(history, metrics.get("kept_epoch")),
        final=bool(metrics.get("final")),
        confusion=None if scores is None else confusion_section(scores),
        classes=[] if scores is None else class_rows(scores),
        calibration=None if scores is None else calibration_section(scores),
        protocol=protocol_section(run, material.archive, scores, metrics),
        recipe=_recipe_text(run),
        notes=material.notes,
        **sections,
    )
    return write_page(target, page)


def _silent(what: str, done: int, total: int) -> None:
    """Nobody asked how far it has come."""


def _gather(run: Run, archive: Archive | str | Path | None) -> Material:
    metrics = run.metrics
    scores = None
    if (run.path / "scores.safetensors").is_file():
        scores = run.scores.labelled()
        if not len(scores):
            raise RunError(f"{run.path}: no scored clip has a label; there is nothing to report")
    elif not run.members:
        raise RunError(f"{run.path}: has no scores.safetensors; score the run again")
    found, note = find_archive(run, archive, scores)
    return Material(run, metrics, scores, found, [note] if note else [])


def _explained(
    material: Material, explained_clips: int | None, device: str, progress: Progress
) -> dict[str, Any]:
    """The sections that need the clips, and of those the ones that need the model."""
    sections: dict[str, Any] = {"confusions": [], "mattered": None}
    if material.archive is None or material.scores is None:
        return sections
    sections["confusions"] = confusion_examples(material.scores, material.archive)
    try:
        explainer = open_explainer(material.run, device, material.archive)
    except GestaError as error:
        material.notes.append(f"What mattered is not shown: {error}.")
        return sections
    if explainer is None:
        material.notes.append(
            "What mattered is not shown: these scores come from more than one model."
        )
        return sections
    try:
        sections["mattered"] = ask_model(
            explainer,
            material.scores,
            material.archive,
            material.metrics,
            explained_clips,
            progress,
        )
    except MediaError as error:
        material.notes.append(f"What mattered is not shown: {error}.")
    return sections


def _recipe_text(run: Run) -> str:
    return run.recipe_path.read_text("utf-8") if run.recipe_path.is_file() else ""
