"""How much memory something takes at its most, beside what is held already."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

_MEBIBYTE = 1 << 20
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(work: Callable[[], object], device: torch.device) -> float | None:
    """MiB that some work takes at its most, beyond what is held before.

    On CUDA what torch allocates there. On the CPU the growth of the process's resident memory,
    which the kernel of Linux keeps the peak of; what an earlier work has given back to the
    allocator is given back to the system first, where that can be done.

    Args:
        work: is done once.
        device: where it works.

    Returns:
        None where the system does not tell.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - before) / _MEBIBYTE
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _RESET.write_text("5")
        start = _resident("VmRSS")
    except (OSError, StopIteration):
        work()
        return None
    work()
    return max(0.0, _resident("VmHWM") - start)


def _resident(name: str) -> float:
    """A line of the process's status, in MiB."""
    lines = _STATUS.read_text().splitlines()
    line = next(line for line in lines if line.startswith(name))
    return int(line.split()[1]) / 1024
