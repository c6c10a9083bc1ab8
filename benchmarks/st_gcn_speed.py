"""How much faster gesta's ST-GCN is than the plain way to write it, on this machine.

The plain way keeps (N, C, T, V) memory, an einsum over joints, and all persons in the batch, as
published code does. Same function, same number of parameters; the two are timed in turn, by the
processor time of this thread.

    OMP_NUM_THREADS=1 python benchmarks/st_gcn_speed.py [--frames 64 300] [--clips 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gesta.models import create_model
from gesta.nn import fold_batch_norm
from gesta.skeleton import get_layout, partition

WIDTHS = [64] * 4 + [128] * 3 + [256] * 3
STRIDES = [1] * 4 + [2, 1, 1] + [2, 1, 1]


class PlainBlock(nn.Module):
    """A block in (N, C, T, V)."""

    def __init__(self, entering: int, width: int, stride: int, first: bool, edges: Tensor) -> None:
        super().__init__()
        self.register_buffer("edges", edges)
        self.importance = nn.Parameter(torch.ones_like(edges))
        self.mix = nn.Conv2d(entering, width * len(edges), 1)
        self.temporal = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(width),
            nn.Dropout(0.0 if first else 0.5),
        )
        self.first, self.shortcut = first, nn.Identity()
        if stride > 1:
            convolution = nn.Conv2d(entering, width, 1, (stride, 1))
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mix(x).unflatten(1, (len(self.edges), -1))
        y = torch.einsum("nkctv,kvw->nctw", mixed, self.edges * self.importance)
        y = self.temporal(y.contiguous())
        return (y if self.first else y + self.shortcut(x)).relu()


class Plain(nn.Module):
    """The ten-block network in (N, C, T, V)."""

    def __init__(self, classes: int = 60) -> None:
        super().__init__()
        edges = torch.from_numpy(partition(get_layout("kinect_v2_25")))
        self.norm = nn.BatchNorm1d(75)
        entering = [3, *WIDTHS]
        self.blocks = nn.Sequential(
            *(
                PlainBlock(entering[i], WIDTHS[i], STRIDES[i], i == 0, edges)
                for i in range(len(WIDTHS))
            )
        )
        self.head = nn.Linear(WIDTHS[-1], classes)

    def forward(self, poses: Tensor) -> Tensor:
        clips, persons, frames, joints, channels = poses.shape
        x = poses.permute(0, 1, 3, 4, 2).reshape(clips * persons, joints * channels, frames)
        x = self.norm(x).view(clips * persons, joints, channels, frames).permute(0, 2, 3, 1)
        x = self.blocks(x.contiguous())
        return self.head(x.mean((2, 3)).view(clips, persons, -1).mean(1))


def step(model: nn.Module, inputs: tuple[Tensor, ...], training: bool, bf16: bool) -> float:
    """The seconds of one training step or one forward pass."""
    started = time.thread_time()
    with torch.set_grad_enabled(training), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        total = model(*inputs).float().sum()
    if training:
        total.backward()
    return time.thread_time() - started


def compare(frames: int, clips: int, rounds: int, training: bool) -> None:
    """Print one line for each precision: milliseconds of both, and their ratio."""
    generator = torch.Generator().manual_seed(0)
    poses = torch.randn(clips, 2, frames, 25, 3, generator=generator)
    everybody = torch.ones(poses.shape[:3], dtype=torch.bool)
    half, padded = everybody.clone(), everybody.clone()
    half[:, 1], padded[:, :, -1] = False, False
    plain, own = Plain().train(training), create_model("st_gcn").train(training)
    ours = own if training else fold_batch_norm(own)
    runs: dict[str, Callable[[bool], float]] = {
        "plain": lambda bf16: step(plain, (poses,), training, bf16),
        "gesta": lambda bf16: step(ours, (poses, everybody), training, bf16),
        "half absent": lambda bf16: step(ours, (poses, half), training, bf16),
        "padded": lambda bf16: step(ours, (poses, padded), training, bf16),
    }
    best = {
        (name, bf16): min([run(bf16) for _ in range(rounds + 1)][1:])
        for bf16 in (False, True)
        for name, run in runs.items()
    }
    for bf16 in (False, True):
        times = ", ".join(f"{name} {1000 * best[name, bf16]:.0f} ms" for name in runs)
        ratio = best["plain", bf16] / best["gesta", bf16]
        to_float = best["plain", False] / best["gesta", bf16]
        print(
            f"T={frames} N={clips} {'train' if training else 'infer'} "
            f"{'bf16' if bf16 else 'fp32'}: {times}; {ratio:.2f}x, {to_float:.2f}x plain fp32"
        )


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[64, 300])
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for frames in arguments.frames:
        for training in (True, False):
            compare(frames, arguments.clips, arguments.rounds, training)


if __name__ == "__main__":
    main()
