"""Times and memory of an inference pass and of a training step, as ratios within one run.

Absolute times depend on the machine and on what else it does; modes are therefore timed in turn,
round after round, and compared by their medians.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from gesta.bench.memory import peak_memory
from gesta.errors import ModelError
from gesta.models import SkeletonModel
from gesta.nn import fold_batch_norm

Pass = Callable[..., Tensor]
MODES = ("eager", "folded", "bf16", "compiled", "train", "train_bf16")


@dataclass(frozen=True)
class Timing:
    """How fast a model is in one mode.

    Args:
        model: its name.
        device: where it ran.
        mode: ``eager`` (float32), ``folded`` (norms folded into convolutions), ``bf16`` (folded,
            autocast), ``compiled`` (folded, `torch.compile`), ``train`` and ``train_bf16`` (a
            step: forward, backward and SGD).
        latency_ms: median milliseconds of a pass over the whole batch.
        throughput: clips a second.
        ratio: how many times faster than eager in the same run.
        memory_mb: MiB that the second pass takes at its most beside the weights; None where the
            system does not tell.
    """

    model: str
    device: str
    mode: str
    latency_ms: float
    throughput: float
    ratio: float
    memory_mb: float | None = None


def measure(
    model: SkeletonModel,
    *,
    frames: int,
    persons: int,
    batch: int = 1,
    modes: tuple[str, ...] = MODES,
    device: str = "cpu",
    rounds: int = 15,
) -> list[Timing]:
    """Time a model on random poses of persons who are all there, and black pictures.

    Args:
        model: any model; it stays as it is.
        frames, persons: T and M of a clip.
        batch: N clips a pass.
        modes: some of `MODES`; ``eager`` is always timed, as what ratios refer to.
        device: ``cpu`` or ``cuda``.
        rounds: timed passes of each mode, after two that are not counted.

    Raises:
        ModelError: an unknown mode, no clips, or a device that is not here.
    """
    unknown = set(modes) - set(MODES)
    if unknown:
        raise ModelError(f"unknown modes {sorted(unknown)}; known are {', '.join(MODES)}")
    if batch < 1:
        raise ModelError(f"batch: expected at least 1 clip, found {batch}")
    if not _is_here(device):
        raise ModelError(f"device {device!r} is not here; this torch is {torch.__version__}")
    model = copy.deepcopy(model).to(device).eval()
    passes = {mode: _pass(model, mode, device) for mode in dict.fromkeys(("eager", *modes))}
    generator = torch.Generator().manual_seed(0)
    size = (batch, persons, frames, len(model.layout), model.channels)
    poses = torch.randn(size, generator=generator).to(device)
    mask = torch.ones(size[:3], dtype=torch.bool, device=device)
    more = model.example_inputs(batch, frames, persons)
    more = {name: value.to(device) for name, value in more.items()}
    memory = {}
    for mode, run in passes.items():
        _time(run, poses, mask, more)  # what libraries keep from their first use is not the pass's
        memory[mode] = peak_memory(partial(_time, run, poses, mask, more), poses.device)
    seconds: dict[str, list[float]] = {mode: [] for mode in passes}
    for _ in range(rounds):
        for mode, run in passes.items():
            seconds[mode].append(_time(run, poses, mask, more))
    medians = {mode: sorted(times)[rounds // 2] for mode, times in seconds.items()}
    return [
        Timing(
            model.name,
            device,
            mode,
            1000 * medians[mode],
            batch / medians[mode],
            medians["eager"] / medians[mode],
            memory[mode],
        )
        for mode in passes
    ]


def _is_here(device: str) -> bool:
    try:
        return torch.empty(1, device=device).device.type in ("cpu", "cuda")
    except (RuntimeError, AssertionError):  # an unknown name, or a torch built without it
        return False


def _pass(model: SkeletonModel, mode: str, device: str) -> Pass:
    kind = torch.device(device).type
    if mode.startswith("train"):
        return _step(copy.deepcopy(model).train(), kind, bf16=mode == "train_bf16")
    folded = model if mode == "eager" else fold_batch_norm(model)
    run = torch.compile(folded) if mode == "compiled" else folded

    @torch.inference_mode()
    def infer(poses: Tensor, mask: Tensor, **more: Tensor) -> Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=mode == "bf16"):
            return run(poses, mask, **more)

    return infer


def _step(model: SkeletonModel, kind: str, *, bf16: bool) -> Pass:
    # So small a rate that steps on random poses leave the numbers as they are.
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)

    def step(poses: Tensor, mask: Tensor, **more: Tensor) -> Tensor:
        optimizer.zero_grad()
        labels = torch.zeros(len(poses), dtype=torch.int64, device=poses.device)
        with torch.autocast(kind, torch.bfloat16, enabled=bf16):
            heads = model.forward_heads(poses, mask, **more)
        loss = torch.stack([cross_entropy(logits.float(), labels) for logits in heads]).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _time(run: Pass, poses: Tensor, mask: Tensor, more: dict[str, Tensor]) -> float:
    started = time.perf_counter()
    run(poses, mask, **more)
    if poses.is_cuda:
        torch.cuda.synchronize(poses.device)
    return time.perf_counter() - started
