"""Randomness of a training, derived from its seed and the epoch alone.

No generator lives longer than an epoch, so that a run that is resumed at an epoch draws what
one that was never stopped would have drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

Purpose = Literal["weights", "order", "augment", "dropout"]
_PURPOSES = ("weights", "order", "augment", "dropout")


def derive_seed(seed: int, purpose: Purpose, epoch: int = 0) -> int:
    """A seed of 63 bits for one purpose in one epoch; different ones are independent."""
    words = np.random.SeedSequence([seed, _PURPOSES.index(purpose), epoch]).generate_state(2)
    return (int(words[0]) << 31) ^ int(words[1])


def generator_for(
    seed: int, purpose: Purpose, epoch: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator for one purpose in one epoch."""
    return torch.Generator(device).manual_seed(derive_seed(seed, purpose, epoch))


@contextmanager
def seeded(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """What layers draw by themselves (dropout) follows from the seed and the epoch.

    torch's dropout takes no generator: it draws from torch's own, which is forked here and
    stands afterwards as it stood before.
    """
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(cuda):
        own = generator_for(seed, "dropout", epoch)
        torch.set_rng_state(own.get_state())
        if cuda:
            on_device = generator_for(seed, "dropout", epoch, device)
            torch.cuda.set_rng_state(on_device.get_state(), device)
        yield
