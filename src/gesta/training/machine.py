"""On what a result was made: machine, versions, command."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from gesta.errors import RecipeError
from gesta.version import __version__


def find_device(name: str) -> torch.device:
    """The device that a recipe names; "auto" is CUDA where there is one.

    Raises:
        RecipeError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise RecipeError(f"device (loop.device): expected auto, cpu or cuda, found {name!r}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RecipeError(
            f"device (loop.device): {name} is not here; this torch ({torch.__version__}) sees "
            f"{torch.cuda.device_count()} CUDA devices"
        )
    return device


def check_compiler() -> None:
    """Check that there is what `torch.compile` needs on a CPU.

    Raises:
        RecipeError: there is no C++ compiler.
    """
    names = [os.environ.get("CXX", ""), "g++", "c++", "clang++", "cl"]
    if not any(name and shutil.which(name) for name in names):
        raise RecipeError(
            "compiling (--compile, loop.compile) needs a C++ compiler (g++ or clang++, or the one "
            "that CXX names) and there is none; install one or leave it off"
        )


def describe_machine(device: torch.device) -> dict[str, Any]:
    """The processor, its cores and threads, and the GPU where one was used."""
    machine: dict[str, Any] = {
        "device": device.type,
        "cpu": _processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if device.type == "cuda":
        machine["gpu"] = torch.cuda.get_device_name(device)
        machine["gpu_memory_peak_mib"] = torch.cuda.max_memory_allocated(device) >> 20
    return machine


def describe_versions() -> dict[str, str]:
    """The versions of what computes."""
    return {
        "gesta": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
    }


def command_line() -> str:
    """The command that this process was started with."""
    name = Path(sys.argv[0]).name
    program = "gesta" if name in ("__main__.py", "gesta") else name
    return shlex.join([program, *sys.argv[1:]])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """The processor's name as the system gives it; `platform` knows only its family on Linux."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
