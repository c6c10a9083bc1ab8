"""What a recipe can choose about training; plain values, so that a run can store them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gesta.errors import RecipeError


@dataclass(frozen=True)
class OptimizerOptions:
    """How weights follow their gradients.

    Raises:
        RecipeError: a value is out of range.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    """"sgd" with momentum, "adam", or "adamw" (weight decay apart from the gradient)."""
    lr: float = 0.1
    """Learning rate that the schedule starts from."""
    momentum: float = 0.9
    """Of sgd; for adam and adamw the decay of the first moment."""
    nesterov: bool = True
    """Nesterov momentum; sgd only."""
    weight_decay: float = 5e-4
    """Pull of every weight towards zero."""
    decay_all: bool = True
    """False: no weight decay on biases, norms and other parameters of one axis."""
    gradient_clip: float = 0.0
    """Largest norm of the gradient of all weights together; 0: any."""
    streams: float = 1.0
    """Share of the learning rate at which a model's streams learn, where they have learnt before
    (from ImageNet, say) and what joins them, or a classifier, begins anew; of no meaning to models
    without streams."""

    def __post_init__(self) -> None:
        """Check each value."""
        _check("optimizer.lr", self.lr, self.lr > 0, "above 0")
        _check("optimizer.momentum", self.momentum, 0 <= self.momentum < 1, "a share in [0, 1)")
        _at_least("optimizer", self, 0, "weight_decay", "gradient_clip")
        _check("optimizer.streams", self.streams, 0 < self.streams <= 1, "a share in (0, 1]")
        if self.name == "sgd" and self.nesterov and self.momentum == 0:
            raise RecipeError("optimizer.nesterov needs a momentum; turn it off or set one")


@dataclass(frozen=True)
class ScheduleOptions:
    """How the learning rate changes from epoch to epoch.

    Raises:
        RecipeError: a value is out of range.
    """

    name: Literal["cosine", "step", "plateau", "constant", "replay"] = "cosine"
    """"cosine" down to `minimum`; "step" at `milestones`; "plateau" of what is `watch`ed;
    "constant"; "replay" of the `rates` of another run."""
    warmup: int = 0
    """Epochs of a linear rise at the beginning."""
    minimum: float = 0.0
    """Share of the learning rate that cosine ends at and plateau does not go below."""
    milestones: tuple[int, ...] = (10, 50)
    """Epochs (the first is 0) from which "step" multiplies by `factor`."""
    factor: float = 0.1
    """What "step" and "plateau" multiply the learning rate by."""
    patience: int = 10
    """Epochs without a better value after which "plateau" goes down."""
    watch: Literal["loss", "top1"] = "loss"
    """What "plateau" looks at in the validation part: the loss or the accuracy."""
    rates: tuple[float, ...] = ()
    """The learning rate of each epoch, for "replay"."""

    def __post_init__(self) -> None:
        """Check each value."""
        _at_least("schedule", self, 0, "warmup")
        _at_least("schedule", self, 1, "patience")
        _check("schedule.minimum", self.minimum, 0 <= self.minimum <= 1, "a share in [0, 1]")
        _check("schedule.factor", self.factor, 0 < self.factor < 1, "a share in (0, 1)")
        rising = all(a < b for a, b in zip(self.milestones, self.milestones[1:], strict=False))
        _check("schedule.milestones", self.milestones, rising, "epochs in rising order")
        if (self.name == "replay") != bool(self.rates):
            raise RecipeError('schedule.rates go with the schedule "replay", and with no other')


@dataclass(frozen=True)
class LoopOptions:
    """How long, on what and for which loss a model is trained.

    Raises:
        RecipeError: a value is out of range.
    """

    epochs: int = 80
    """Times that the training part is gone through."""
    batch: int = 32
    """Clips a step; the clips of an epoch are spread evenly over its steps."""
    score_batch: int = 128
    """Clips (or views) at once where nothing is learnt."""
    label_smoothing: float = 0.0
    """Share of the target that is spread over all classes."""
    class_weights: Literal["none", "balanced"] = "none"
    """"balanced": the loss of a clip counts inversely to the size of its class."""
    balanced: bool = False
    """Draw clips so that each class comes as often as any other."""
    ema: float = 0.0
    """Decay a step of the moving average of weights that is scored and kept; 0: none."""
    keep: Literal["best", "last"] = "best"
    """The epoch that is kept: "best" by validation top-1, then loss; or "last"."""
    early_stop: int = 0
    """Stop after so many epochs without a better one on validation; 0: never."""
    freeze: Literal["none", "trunk", "streams"] = "none"
    """"trunk": learn the head only; "streams": only what joins a model's streams; both go with
    weights to start from (`init`)."""
    stages: tuple[int, int] = (0, 0)
    """Epochs of each stream alone, and of what joins them on fixed streams, before `epochs` of
    everything; for models with streams. 0 leaves a stage out."""
    unknown_below: float | None = None
    """Probability below which the answer about a video is "unknown"; none: chosen on validation
    when training ends. A final training takes that of the run it replays."""
    bf16: bool = False
    """Compute in bfloat16 where that is safe (autocast)."""
    compile: bool = False
    """Compile the model; takes minutes at the start and a C++ compiler."""
    device: str = "auto"
    """"auto" (CUDA where there is one), "cpu", "cuda", "cuda:1"."""

    def __post_init__(self) -> None:
        """Check each value."""
        _at_least("loop", self, 1, "epochs", "batch", "score_batch")
        _at_least("loop", self, 0, "early_stop")
        _check("loop.stages", self.stages, min(self.stages) >= 0, "two numbers of at least 0")
        for name in ("label_smoothing", "ema"):
            value = getattr(self, name)
            _check(f"loop.{name}", value, 0 <= value < 1, "a share in [0, 1)")
        below = self.unknown_below
        good = below is None or 0 <= below <= 1
        _check("loop.unknown_below", below, good, "a probability, or none")


def _at_least(section: str, options: object, lowest: int, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        _check(f"{section}.{name}", value, value >= lowest, f"at least {lowest}")


def _check(place: str, value: object, good: bool, expected: str) -> None:
    if not good or (isinstance(value, float) and not math.isfinite(value)):
        raise RecipeError(f"{place}: expected {expected}, found {value}")
