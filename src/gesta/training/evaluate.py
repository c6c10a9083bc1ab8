"""Scoring a finished run again: on its own test part, or on other data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

from gesta.archive import Archive, open_archive
from gesta.errors import RunError
from gesta.evaluation import Scores, score_clips, summary
from gesta.training.card import Card, load_model
from gesta.training.clips import Missing, load_clips, store_frames
from gesta.training.loop import Compiled
from gesta.training.machine import (
    check_compiler,
    command_line,
    describe_machine,
    describe_versions,
    find_device,
)
from gesta.training.run import EVALUATIONS, Run
from gesta.transforms import ResidentClips

Part = Literal["train", "validation", "test"]


def evaluate(
    run: Run | str | Path,
    archive: Archive | str | Path | None = None,
    protocol: str | None = None,
    part: Part = "test",
    *,
    device: str = "auto",
    context: str | Path = "",
    missing: Missing | None = None,
    shuffle: int | None = None,
    views: int | None = None,
    compiled: bool = False,
) -> Scores:
    """Score a part of a protocol with a run's model.

    The scores and ``metrics.json`` are written into the run's folder (of the run "demo" into
    ``runs/demo``), under ``evaluations/<dataset>-<protocol>-<part>``; what the training wrote
    stays as it is.

    Args:
        run: a finished run.
        archive: the data; by default those of the run.
        protocol: the protocol; by default that of the run.
        part: which of its parts.
        device: "auto", "cpu" or "cuda".
        context: another context file than the run's, for a model that takes context vectors.
        missing: what becomes of clips without usable RGB; by default as in training.
        shuffle: a seed, by which every clip is given the RGB or context of another one: what is
            lost by that is what the model takes from it.
        views: of each clip, whose scores are averaged; by default as many as in training.
        compiled: compile the model first.

    Raises:
        RunError: the run is not finished or a group, or the archive does not fit its model.
        ProtocolError: the archive has no such protocol.
        RecipeError: the model's input has not several views, or there is no compiler.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    if run.members:
        raise RunError(f"{run.path}: is a group; evaluate one of its members")
    if compiled:
        check_compiler()
    recipe = run.recipe
    if archive is None and not recipe.data:
        raise RunError(f"{run.name}: came without its data; say which archive to score: --data")
    if not isinstance(archive, Archive):
        archive = open_archive(archive or recipe.data)
    protocol, place = protocol or recipe.protocol, find_device(device)
    rows = archive.split(protocol)[part]
    model, card = load_model(run.model_path, place)
    check_fits(card, archive, run)
    if views is not None:
        card = replace(card, input=replace(card.input, views=views))
    clips = load_clips(
        archive,
        rows,
        card,
        model.inputs,
        place,
        context=context or recipe.context,
        missing=missing,
        stored=store_frames(archive, card, model.inputs, place),
    )
    if shuffle is not None:
        _shuffle(clips, shuffle, run)
    scores = score_clips(
        Compiled.of(model).forward if compiled else model,
        card.pipeline(),
        clips,
        card.classes,
        rows=max(1, recipe.loop.score_batch // card.input.views),
        bf16=recipe.loop.bf16,
        provenance=card.provenance(run.name, archive.dataset, protocol, part)
        | ({} if shuffle is None else {"shuffled_rgb": shuffle})
        | ({} if views is None else {"views": views}),
    )
    _write(run, scores, clips, place)
    return scores


def _shuffle(clips: ResidentClips, seed: int, run: Run) -> None:
    if clips.footage is None:
        raise RunError(f"{run.path}: its model takes poses alone; there is no RGB to shuffle")
    clips.footage = clips.footage.shuffled(torch.Generator().manual_seed(seed))


def evaluation_folder(run: Run, scores: Scores) -> Path:
    """Where `evaluate` writes scores; those of the run that comes with the package lie here."""
    words = [str(scores.provenance[key]) for key in ("dataset", "protocol", "part")]
    for key, word in (("shuffled_rgb", "shuffled"), ("views", "views")):
        if key in scores.provenance:
            words.append(f"{word}_{scores.provenance[key]}")
    return run.home / EVALUATIONS / "-".join(words)


def check_fits(card: Card, archive: Archive, run: Run) -> None:
    """Check that a model can be applied to an archive and that its classes are the archive's.

    Raises:
        RunError: they do not fit; the message says in what.
    """
    pairs: dict[str, tuple[Any, Any]] = {
        "joints": (card.layout.joints, archive.layout.joints),
        "channels": (card.channels, tuple(archive.channels)),
        "space": (card.space, archive.space),
        "classes": (card.classes, tuple(archive.classes)),
    }
    for name, (expected, found) in pairs.items():
        if expected != found:
            raise RunError(
                f"{archive.path}: {name}: the model of {run.path} expects {_short(expected)}, "
                f"found {_short(found)}"
            )


def _write(run: Run, scores: Scores, clips: ResidentClips, device: torch.device) -> None:
    folder = evaluation_folder(run, scores)
    folder.mkdir(parents=True, exist_ok=True)
    scores.save(folder / "scores.safetensors")
    footage = clips.footage
    seen = set(scores.ids) & set(run.split["train"])
    Run(folder).write_json(
        "metrics.json",
        {
            **scores.provenance,
            **summary(scores),
            # On another protocol of the same data a model may meet clips it was trained on.
            "seen_in_training": len(seen),
            **({} if footage is None else {"without_rgb": len(footage.problems)}),
            "machine": describe_machine(device),
            "versions": describe_versions(),
            "command": command_line(),
        },
    )


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) < 80 else f"{text[:77]}..."
