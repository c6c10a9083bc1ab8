"""The training loop.

Top-down: `run_epochs` goes through the epochs, `train_epoch` through the steps of one, and
`validate` scores the validation part after each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from gesta.errors import GestaError
from gesta.evaluation import more_inputs, negative_log_likelihood, score_clips, top_k
from gesta.models import SkeletonModel
from gesta.training.history import EpochRecord, has_stalled, is_better, watched
from gesta.training.initial import train_mode
from gesta.training.observer import Observer
from gesta.training.optimize import MovingAverage, balanced_weights, set_learning_rate
from gesta.training.recipe import Recipe
from gesta.training.schedule import learning_rate
from gesta.training.seeds import generator_for, seeded
from gesta.training.stopwatch import Stopwatch
from gesta.transforms import Batch, InputPipeline, ResidentClips, StoredFrames, ahead


class DivergedError(GestaError, ArithmeticError):
    """The loss of a batch is not finite."""


@dataclass(frozen=True)
class Compiled:
    """The two ways in which a training calls a model, compiled.

    Args:
        forward: the model, for scores.
        forward_heads: its method, for losses. Only what is compiled itself is fast: reached
            through the compiled model, the method would run as it was written.
    """

    forward: nn.Module
    forward_heads: Callable[..., tuple[Tensor, ...]]

    @classmethod
    def of(cls, model: SkeletonModel) -> Compiled:
        """Compile a model when it is first called; its weights stay its own."""
        return cls(torch.compile(model), torch.compile(model.forward_heads))  # type: ignore[arg-type]


@dataclass
class Session:
    """Everything that a training works on and that changes while it does.

    Args:
        recipe: what to do.
        model: learns, on its device.
        optimizer: of its weights.
        pipeline: from batches to the model's input.
        train: the clips it learns from.
        validation: the clips that choose; None in a final training.
        classes: names of the Y classes.
        average: moving average of the weights, where the recipe asks for one.
        compiled: what is called instead of the model and its method, where they are compiled.
        history: the epochs done.
        kept: the best epoch, and the weights after it.
        stored: the frames of all clips of the archive, where they are cached.
    """

    recipe: Recipe
    model: SkeletonModel
    optimizer: torch.optim.Optimizer
    pipeline: InputPipeline
    train: ResidentClips
    validation: ResidentClips | None
    classes: tuple[str, ...]
    average: MovingAverage | None = None
    compiled: Compiled | None = None
    history: list[EpochRecord] = field(default_factory=list)
    kept: EpochRecord | None = None
    kept_weights: dict[str, Tensor] = field(default_factory=dict)
    stored: StoredFrames | None = None

    @property
    def device(self) -> torch.device:
        """Where the model and the clips are."""
        return self.train.device

    @property
    def called(self) -> nn.Module:
        """What computes with the weights that learn: the model, compiled where it is."""
        return self.model if self.compiled is None else self.compiled.forward

    @property
    def heads(self) -> Callable[..., tuple[Tensor, ...]]:
        """What gives the logits of every classifier, compiled where the model is."""
        learnt = self.model if self.compiled is None else self.compiled
        return learnt.forward_heads


def run_epochs(
    session: Session, observer: Observer, after_epoch: Callable[[Session], None]
) -> None:
    """Train from the first epoch that is not in the history to the last.

    Args:
        session: changed in place.
        observer: told of each step and epoch.
        after_epoch: called when an epoch is done and all of it is in the session: saves it.

    Raises:
        DivergedError: the loss of a batch is not finite.
    """
    options = session.recipe.loop
    for epoch in range(len(session.history), options.epochs):
        if has_stalled(session.history, options.early_stop):
            break
        started = time.perf_counter()
        rate = _set_learning_rate(session, epoch)
        loss, top1, outside = train_epoch(session, epoch, observer)
        validation = validate(session)
        seconds = time.perf_counter() - started
        record = EpochRecord(epoch, rate, loss, top1, *validation, seconds, outside)
        kept = _keep(session, record)
        session.history.append(record)
        observer.epoch(record, kept)
        after_epoch(session)


def train_epoch(session: Session, epoch: int, observer: Observer) -> tuple[float, float, float]:
    """Go through the training part once.

    Returns:
        Mean loss and top-1 (per cent) over the rows, both of the classifier that predicts, and
        the share of time outside the model.

    Raises:
        DivergedError: the loss of a batch is not finite.
    """
    recipe, device = session.recipe, session.device
    weights = loss_weights(session)
    augment = generator_for(recipe.seed, "augment", epoch, device)
    steps = epoch_order(session, epoch)
    losses: list[Tensor] = []
    rows: list[int] = []
    right = torch.zeros((), dtype=torch.int64, device=device)
    started, watch = time.perf_counter(), Stopwatch(device)
    train_mode(session.model, recipe.loop.freeze)
    with seeded(recipe.seed, epoch, device):
        for step, batch in enumerate(training_batches(session, steps, augment), 1):
            with watch:
                step_losses, logits = train_step(session, batch, weights)
            losses.append(step_losses)
            rows.append(len(batch))
            right += (logits.argmax(dim=1) == batch.labels).sum()
            if step % _steps_between_checks(device) == 0 or step == len(steps):
                _check_finite(losses, epoch)
            observer.batch(epoch, step, len(steps))
    inside = watch.seconds() / (time.perf_counter() - started)
    sizes = torch.tensor(rows, dtype=torch.float64)
    mean = (torch.stack(losses)[:, -1].double().cpu() * sizes).sum() / sizes.sum()
    return float(mean), 100 * int(right) / sum(rows), max(0.0, 1 - inside)


def training_batches(
    session: Session, steps: Iterable[Tensor], augment: torch.Generator
) -> Iterator[Batch]:
    """What the model learns from at each step; video is decoded while it learns."""
    made = (
        session.pipeline(session.train.batch(positions), training=True, generator=augment)
        for positions in steps
    )
    return ahead(made) if session.train.waits else made


def train_step(session: Session, batch: Batch, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """One step of the optimizer, down the sum of the losses of all classifiers.

    Returns:
        The losses (H,) of the classifiers and the logits (rows, Y) of the last, which predicts;
        without gradients.
    """
    options = session.recipe.loop
    more = more_inputs(session.model, batch)
    with torch.autocast(session.device.type, torch.bfloat16, enabled=options.bf16):
        heads = session.heads(batch.poses, batch.mask, **more)
    losses = torch.stack(
        [
            cross_entropy(
                logits.float(),
                batch.labels,
                weight=weights,
                label_smoothing=options.label_smoothing,
            )
            for logits in heads
        ]
    )
    session.optimizer.zero_grad(set_to_none=True)
    losses.sum().backward()
    if session.recipe.optimizer.gradient_clip:
        clip_grad_norm_(session.model.parameters(), session.recipe.optimizer.gradient_clip)
    session.optimizer.step()
    if session.average is not None:
        session.average.update(session.model)
    return losses.detach(), heads[-1].detach()


def validate(session: Session) -> tuple[float | None, float | None]:
    """Loss and top-1 (per cent) on the validation part, by one view of each clip."""
    if session.validation is None:
        return None, None
    options = session.recipe.loop
    average = session.average
    scores = score_clips(
        session.called if average is None else average.model,
        one_view(session.pipeline),
        session.validation,
        session.classes,
        rows=options.score_batch,
        bf16=options.bf16,
    )
    loss = negative_log_likelihood(scores.log_probs, scores.labels)
    return loss, 100 * top_k(scores.log_probs, scores.labels)


def one_view(pipeline: InputPipeline) -> InputPipeline:
    """The pipeline with one test view a clip: choosing an epoch does not take several."""
    return replace(pipeline, input=replace(pipeline.input, views=1))


def epoch_order(session: Session, epoch: int) -> tuple[Tensor, ...]:
    """The positions of the clips of each step; steps differ by at most one clip in size."""
    options, labels = session.recipe.loop, session.train.labels.cpu()
    generator = generator_for(session.recipe.seed, "order", epoch)
    if options.balanced:
        weights = balanced_weights(labels, len(session.classes))[labels]
        order = torch.multinomial(weights, len(labels), replacement=True, generator=generator)
    else:
        order = torch.randperm(len(labels), generator=generator)
    return order.tensor_split(math.ceil(len(labels) / options.batch))


def loss_weights(session: Session) -> Tensor | None:
    """(Y,) weights of the classes in the loss, None where all count alike."""
    if session.recipe.loop.class_weights == "none":
        return None
    weights = balanced_weights(session.train.labels.cpu(), len(session.classes))
    return weights.to(session.device)


def _set_learning_rate(session: Session, epoch: int) -> float:
    recipe = session.recipe
    rate = learning_rate(
        recipe.schedule,
        recipe.optimizer.lr,
        recipe.loop.epochs,
        epoch,
        watched(session.history, recipe.schedule.watch),
    )
    set_learning_rate(session.optimizer, rate)
    return rate


def _keep(session: Session, record: EpochRecord) -> bool:
    if session.recipe.loop.keep == "best" and not is_better(record, session.kept):
        return False
    session.kept = record
    model = session.model if session.average is None else session.average.model
    session.kept_weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
    return True


def _steps_between_checks(device: torch.device) -> int:
    """Reading a loss waits for the device, so that it is not done at each step on CUDA."""
    return 1 if device.type == "cpu" else 32


def _check_finite(losses: list[Tensor], epoch: int) -> None:
    recent = torch.stack(losses[-_steps_between_checks(losses[-1].device) :]).cpu()
    if recent.isfinite().all():
        return
    bad = len(losses) - len(recent) + int((~recent.isfinite()).any(dim=1).nonzero()[0])
    raise DivergedError(
        f"epoch {epoch}, batch {bad} (both from 0): the loss is {float(losses[bad].sum())}; try a "
        "lower optimizer.lr, an optimizer.gradient_clip, a schedule.warmup, or no loop.bf16"
    )
