"""One step of a training: what it would take, before it takes it."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

from gesta.archive import open_archive
from gesta.models import SkeletonModel
from gesta.training.loop import Session, epoch_order, loss_weights, train_step, training_batches
from gesta.training.recipe import Recipe
from gesta.training.seeds import generator_for, seeded
from gesta.training.single import begin, divide
from gesta.transforms import Batch


def dry_run(recipe: Recipe, steps: int = 3) -> dict[str, Any]:
    """Take a few steps and forget them: shapes, memory and time.

    Of a protocol that stands for several, the first is taken.

    Args:
        recipe: what would be trained.
        steps: how many are taken; the fastest counts, as the first ones warm up.

    Returns:
        ``clips`` of each part, ``poses``, ``logits`` and what else the model takes, as
        ``video`` (shapes of a batch), ``steps`` an epoch,
        ``step_seconds``, ``epoch_seconds`` (training steps alone), ``memory_mib`` (the peak: of
        the device on CUDA, else of the process), ``parameters``.

    Raises:
        RecipeError, ProtocolError, ArchiveError, ModelError: the recipe cannot be carried out.
    """
    archive = open_archive(recipe.data)
    recipe = recipe.replace(protocol=archive.protocol_names(recipe.protocol)[0])
    parts = divide(archive, recipe)
    session, _ = begin(recipe, archive, parts)
    order, weights = epoch_order(session, 0), loss_weights(session)
    augment = generator_for(recipe.seed, "augment", 0, session.device)
    seconds: list[float] = []
    session.model.train()
    with seeded(recipe.seed, 0, session.device):
        batches = iter(training_batches(session, [order[0]] * steps, augment))
        for _ in range(steps):
            started = time.perf_counter()
            batch = next(batches)
            _, logits = train_step(session, batch, weights)
            _wait(session)
            seconds.append(time.perf_counter() - started)
    return {
        "clips": {part: len(rows) for part, rows in parts.items()},
        **_shapes(session.model, batch),
        "logits": list(logits.shape),
        "parameters": sum(weight.numel() for weight in session.model.parameters()),
        "device": str(session.device),
        "steps": len(order),
        "step_seconds": min(seconds),
        "epoch_seconds": min(seconds) * len(order),
        "memory_mib": _peak_memory(session),
    }


def _shapes(model: SkeletonModel, batch: Batch) -> dict[str, list[int]]:
    given = {name: getattr(batch, name) for name in ("poses", *model.inputs) if name != "mask"}
    return {name: list(value.shape) for name, value in given.items() if value is not None}


def _wait(session: Session) -> None:
    if session.device.type == "cuda":
        torch.cuda.synchronize(session.device)


def _peak_memory(session: Session) -> int | None:
    if session.device.type == "cuda":
        return torch.cuda.max_memory_allocated(session.device) >> 20
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> 20 if sys.platform == "darwin" else peak >> 10
