"""One run: from its recipe, or its checkpoint, to its scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.archive import Archive, open_archive, open_context
from gesta.errors import RunError
from gesta.evaluation import Scores, answer_threshold, answered, score_clips, summary
from gesta.models import count
from gesta.training.card import Card, save_model
from gesta.training.checkpoint import restore_checkpoint, save_checkpoint
from gesta.training.clips import (
    about,
    check_context,
    check_pictures,
    load_clips,
    load_footage,
    store_frames,
)
from gesta.training.history import write_log
from gesta.training.initial import freeze, initialise
from gesta.training.loop import Compiled, Session, run_epochs
from gesta.training.machine import (
    check_compiler,
    command_line,
    describe_machine,
    describe_versions,
    find_device,
)
from gesta.training.observer import Observer
from gesta.training.optimize import MovingAverage, make_optimizer
from gesta.training.recipe import Recipe
from gesta.training.run import Run
from gesta.training.seeds import generator_for
from gesta.training.share import choose_share
from gesta.transforms import ResidentClips
from gesta.transforms.reels import describe
from gesta.version import __version__

Parts = Mapping[str, NDArray[np.int64]]

# A checkpoint is written after an epoch when the last is older than this, in seconds.
CHECKPOINT_INTERVAL = 20.0


def train_run(run: Run, observer: Observer | None = None, *, init: str | None = None) -> Run:
    """Train a single run to its end, from its checkpoint where there is one.

    Args:
        run: has a recipe, and may have been begun.
        observer: told how it goes.
        init: weights to start from instead of the recipe's: what earlier stages have made.

    Raises:
        RecipeError, ProtocolError, ArchiveError, ModelError: the recipe cannot be carried out.
        RunError: the archive is no longer the one that the run began with.
        DivergedError: the loss of a batch is not finite.
    """
    observer = observer or Observer()
    if run.is_finished:
        observer.say(f"{run.path}: is finished")
        return run
    recipe = run.recipe if init is None else run.recipe.replace(init=init)
    archive = open_archive(recipe.data)
    parts = divide(archive, recipe)
    _write_split(run, recipe, archive, parts)
    session, card = begin(recipe, archive, parts, observer)
    if run.checkpoint_path.is_file():
        restore_checkpoint(run.checkpoint_path, session)
    for clips in (session.train, session.validation):
        if clips is not None and clips.footage is not None and clips.footage.problems:
            observer.say(f"{describe(clips.footage.problems, len(clips))}; judged by skeleton")
    observer.begin(run.name, recipe.loop.epochs, len(session.history))
    run_epochs(session, observer, _saver(run))
    save_checkpoint(run.checkpoint_path, session)
    conclude(run, session, card, archive, parts)
    return run


def divide(archive: Archive, recipe: Recipe) -> dict[str, NDArray[np.int64]]:
    """The clips of each part; a final training takes validation into train.

    The validation part is the same for every seed and stream, so that runs can be fused.
    """
    parts = dict(archive.split(recipe.protocol))
    if recipe.final:
        parts["train"] = np.sort(np.concatenate([parts["train"], parts["validation"]]))
        parts["validation"] = parts["validation"][:0]
    return parts


def check_inputs(recipe: Recipe) -> None:
    """Check that the model takes the context and the pictures that a recipe gives it.

    Raises:
        RecipeError, ModelError: it does not, or it cannot be built.
    """
    archive = open_archive(recipe.data)
    with torch.device("meta"):  # no weights are needed
        model = _make_card(recipe, archive, divide(archive, recipe)["train"]).make_model()
        check_context(model, recipe.context)
        check_pictures(model, recipe.video)


def begin(
    recipe: Recipe, archive: Archive, parts: Parts, observer: Observer | None = None
) -> tuple[Session, Card]:
    """All that a training needs before its first step, and the card without metrics."""
    observer = observer or Observer()
    device = find_device(recipe.loop.device)
    if recipe.loop.compile:
        check_compiler()
    card = _make_card(recipe, archive, parts["train"])
    model = card.make_model(generator_for(recipe.seed, "weights"))
    check_context(model, recipe.context)
    check_pictures(model, recipe.video)
    stored = store_frames(archive, card, model.inputs, device, observer.say)
    seen: dict[str, Any] = {"context": recipe.context, "stored": stored}
    clips = {
        part: load_clips(archive, parts[part], card, model.inputs, device, **seen)
        for part in ("train", "validation")
    }
    # What the test part lacks is told now, and not when all is learnt.
    load_footage(archive, parts["test"], card, model.inputs, **seen)
    if recipe.init:
        initialise(model, recipe.init, archive.classes)
    freeze(model, recipe.loop.freeze)
    model = model.to(device)
    session = Session(
        recipe=recipe,
        model=model,
        optimizer=make_optimizer(model, recipe.optimizer),
        pipeline=card.pipeline(recipe.augment),
        train=clips["train"],
        validation=clips["validation"] if len(parts["validation"]) else None,
        classes=tuple(archive.classes),
        average=MovingAverage(model, recipe.loop.ema) if recipe.loop.ema else None,
        compiled=Compiled.of(model) if recipe.loop.compile else None,
        stored=stored,
    )
    return session, card


def conclude(run: Run, session: Session, card: Card, archive: Archive, parts: Parts) -> None:
    """Score validation and test with the kept weights and write what a run holds."""
    recipe, model = session.recipe, session.model
    model.load_state_dict(session.kept_weights)
    model.eval()
    chosen = choose_share(session)
    started = time.perf_counter()
    metrics = _describe(session, card, archive, parts) | ({"chosen": chosen} if chosen else {})
    if session.validation is not None:
        scores = _score(session, card, session.validation, "validation", run, archive)
        scores.save(run.path / "validation_scores.safetensors")
        metrics |= _validated(scores, recipe)
    test = load_clips(
        archive,
        parts["test"],
        card,
        model.inputs,
        session.device,
        context=recipe.context,
        stored=session.stored,
    )
    scores = _score(session, card, test, "test", run, archive)
    scores.save(run.path / "scores.safetensors")
    measured = summary(scores)
    metrics |= {key: value for key, value in measured.items() if key != "clips"}
    metrics |= _without_rgb({"train": session.train, "test": test})
    metrics["scoring_seconds"] = time.perf_counter() - started
    short = (
        *("top1", "top5", "mean_class_accuracy", "nll", "expected_calibration_error"),
        "test_clips",
    )
    card = replace(
        card,
        metrics={key: metrics[key] for key in short},
        unknown_below=metrics["unknown_below"],
    )
    save_model(run.model_path, model.state_dict(), card)
    run.write_json("metrics.json", metrics)


def _without_rgb(clips: Mapping[str, ResidentClips]) -> dict[str, Any]:
    """How many clips of each part a model judged by the skeleton alone, if it takes more."""
    counts = {
        part: len(some.footage.problems) for part, some in clips.items() if some.footage is not None
    }
    return {"without_rgb": counts} if counts else {}


def _validated(validation: Scores, recipe: Recipe) -> dict[str, Any]:
    """What validation says: its measures, and below which confidence an answer is "unknown"."""
    known = validation.labelled()
    below = recipe.loop.unknown_below
    if below is None:
        below = answer_threshold(known.log_probs, known.labels)
    share = answered(known.log_probs, known.labels, below)
    return {"unknown_below": below, "validation": summary(validation) | share}


def _describe(session: Session, card: Card, archive: Archive, parts: Parts) -> dict[str, Any]:
    recipe, kept = session.recipe, session.kept
    # A model that takes any size is counted for the largest training clip.
    model, longest, most = session.model, archive.frames[parts["train"]], archive.persons
    sizes = {
        "frames": model.frames or max(1, int(longest.max())),
        "persons": model.persons or max(1, int(most[parts["train"]].max())),
    }
    cost = count(model, **sizes)
    return {
        "model": recipe.model,
        "dataset": archive.dataset,
        "protocol": recipe.protocol,
        "stream": recipe.stream,
        "seed": recipe.seed,
        "final": recipe.final,
        "parameters": cost.parameters,
        "flops": cost.multiply_adds,
        "flops_sizes": sizes,
        **{f"{part}_clips": len(parts[part]) for part in ("train", "validation", "test")},
        "epochs": len(session.history),
        "kept_epoch": None if kept is None else kept.epoch,
        "unknown_below": recipe.loop.unknown_below,
        "seconds": sum(record.seconds for record in session.history),
        "share_outside": float(np.mean([record.share_outside for record in session.history])),
        "machine": describe_machine(session.device),
        "versions": describe_versions(),
        "command": command_line(),
    }


def _score(
    session: Session, card: Card, clips: ResidentClips, part: str, run: Run, archive: Archive
) -> Scores:
    recipe = session.recipe
    return score_clips(
        session.called,
        session.pipeline,
        clips,
        session.classes,
        rows=max(1, recipe.loop.score_batch // recipe.input.views),
        bf16=recipe.loop.bf16,
        provenance=card.provenance(run.name, archive.dataset, recipe.protocol, part),
    )


def _make_card(recipe: Recipe, archive: Archive, train: NDArray[np.int64]) -> Card:
    several = bool((np.asarray(archive.persons)[train] > 1).any())
    return Card(
        model=recipe.model,
        options=recipe.options,
        layout=archive.layout,
        classes=tuple(archive.classes),
        channels=tuple(archive.channels),
        space=archive.space,
        stream=recipe.stream,
        input=recipe.input,
        frames=recipe.input.frames,
        persons=recipe.input.persons,
        scene=several and recipe.input.persons != 1,
        dataset=archive.dataset,
        protocol=recipe.protocol,
        final=recipe.final,
        seed=recipe.seed,
        version=__version__,
        video=recipe.video,
        context=about(open_context(recipe.context)) if recipe.context else {},
        **_lengths(archive, train),
        licence=str(archive.provenance.get("licence", "")),
        poses={
            key: archive.provenance[key]
            for key in ("estimator", "options")
            if "estimator" in archive.provenance and key in archive.provenance
        },
    )


def _lengths(archive: Archive, train: NDArray[np.int64]) -> dict[str, Any]:
    """How long the training clips are, which says how much of a video is to be judged at once."""
    frames, rates = archive.frames[train], archive.frame_rates[train]
    there, known = frames > 0, (frames > 0) & np.isfinite(rates)

    def percentiles(values: NDArray[Any]) -> tuple[float, ...]:
        return tuple(float(v) for v in np.percentile(values, (10, 50, 90))) if len(values) else ()

    return {
        "clip_frames": percentiles(frames[there]),
        "clip_seconds": percentiles(frames[known] / rates[known]),
        "frame_rate": float(np.median(rates[known])) if known.any() else None,
    }


def _saver(run: Run) -> Callable[[Session], None]:
    """What saves a session after an epoch: its log each time, its weights now and then."""
    last = -float("inf")

    def save(session: Session) -> None:
        nonlocal last
        write_log(run.log_path, session.history)
        if time.monotonic() - last >= CHECKPOINT_INTERVAL:
            save_checkpoint(run.checkpoint_path, session)
            last = time.monotonic()

    return save


def _write_split(run: Run, recipe: Recipe, archive: Archive, parts: Parts) -> None:
    split: dict[str, Any] = {"protocol": recipe.protocol, "data": recipe.data}
    split |= {part: [archive.ids[i] for i in rows.tolist()] for part, rows in parts.items()}
    if (run.path / "split.json").is_file():
        begun = run.read_json("split.json")
        if any(begun.get(part) != split[part] for part in parts):
            raise RunError(
                f"{run.path}: began with other clips than {recipe.data} has now for "
                f"{recipe.protocol}; train it anew"
            )
        return
    run.write_json("split.json", split)
