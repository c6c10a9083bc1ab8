"""How long a device was busy with one kind of work."""

from __future__ import annotations

import time
from types import TracebackType

import torch


class Stopwatch:
    """Adds up the time of the ``with`` blocks it guards, without making a CUDA device wait.

    Args:
        device: CUDA devices work behind the program's back, so that their own events are used.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._spans: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._total = self._started = 0.0

    def __enter__(self) -> None:
        if self._cuda:
            span = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            self._spans.append(span)
            span[0].record()
        self._started = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._cuda:
            self._spans[-1][1].record()
        self._total += time.perf_counter() - self._started

    def seconds(self) -> float:
        """The sum of all blocks; waits for the device."""
        if not self._cuda:
            return self._total
        torch.cuda.synchronize()
        return sum(first.elapsed_time(last) for first, last in self._spans) / 1000
