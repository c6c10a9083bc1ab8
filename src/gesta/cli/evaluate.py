"""``gesta evaluate``: score a run again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from gesta.cli.console import Console
from gesta.evaluation import summary
from gesta.training import Run, evaluate
from gesta.training.evaluate import evaluation_folder


@dataclass
class Arguments:
    """Score a run on a part of a protocol, by default its own test part.

    $ gesta evaluate runs/utd_mhad-cross_subject-st_gcn-joint-0
    $ gesta evaluate RUN --data data/nw_ucla --protocol cross_view_clean
    $ gesta evaluate RUN --views 8
    """

    run: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A finished run, or a group of them."""
    data: Path | None = None
    """Another archive than the run's."""
    protocol: str | None = None
    """Another protocol than the run's."""
    part: Literal["train", "validation", "test"] = "test"
    """Which part of it."""
    context: str = ""
    """Another context file than the run's, for a model that takes context."""
    missing_rgb: Literal["error", "skeleton"] | None = None
    """What becomes of clips without usable RGB; as in training if not given."""
    shuffle_rgb: int | None = None
    """A seed: every clip gets the RGB or context of another. What is lost is what it is worth."""
    views: int | None = None
    """Views of each clip, whose scores are averaged; by default as many as in training."""
    compile: bool = False
    """Compile the model first: faster on many clips, and needs a C++ compiler."""
    device: str = "auto"
    """auto, cpu or cuda."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Score, print the measures and say where they were written."""
    given = Run.open(arguments.run)
    rows, folders = [], []
    for member in _single(given):
        scores = evaluate(
            member,
            arguments.data,
            arguments.protocol,
            arguments.part,
            device=arguments.device,
            context=arguments.context,
            missing=arguments.missing_rgb,
            shuffle=arguments.shuffle_rgb,
            views=arguments.views,
            compiled=arguments.compile,
        )
        folder = evaluation_folder(member, scores)
        told = Run(folder).metrics
        row = {**scores.provenance, **summary(scores), "run": str(member.path)}
        row |= {key: told[key] for key in ("seen_in_training", "without_rgb") if key in told}
        rows.append(row)
        folders.append(folder)
        if seen := row["seen_in_training"]:
            console.say(
                f"{member.path}: learnt from {seen} of these {len(scores)} clips: they say nothing "
                "about new ones",
                style="yellow",
            )
        if without := row.get("without_rgb"):
            console.say(
                f"{member.path}: {without} of these {len(scores)} clips have no usable RGB; judged "
                "by skeleton",
                style="yellow",
            )
    columns = ["run", "top-1", "top-5", "mean class", "chance", "clips"]
    keys = ("top1", "top5", "mean_class_accuracy", "chance", "clips")
    console.table(columns, [[row["run"], *(row[key] for key in keys)] for row in rows])
    means = {key: sum(row[key] for row in rows) / len(rows) for key in keys[:-1]}
    total = sum(row["clips"] for row in rows)
    console.say(
        f"top-1 {means['top1']:.2f}, top-5 {means['top5']:.2f}, mean class "
        f"{means['mean_class_accuracy']:.2f}, chance {means['chance']:.2f}, {total} clips"
    )
    for folder in folders:
        console.say(str(folder))
    return rows[0] if not given.members else {**means, "clips": total, "members": rows}


def _single(given: Run) -> list[Run]:
    """The single runs of a group, and of the groups in it."""
    members = given.members
    return [run for member in members for run in _single(member)] if members else [given]
