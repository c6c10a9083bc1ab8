"""``gesta fuse``: several runs as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gesta.cli.console import Console
from gesta.training import fuse_runs


@dataclass
class Arguments:
    """Fuse the test scores of runs, with weights learnt on their validation scores.

    $ gesta fuse runs/*-joint-0 runs/*-bone-0 runs/*-joint_motion-0 --out runs/fused
    $ gesta fuse JOINT-final BONE-final --weights-from JOINT BONE --out runs/fused-final
    """

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUN RUN ...")]]
    """Two or more finished runs of one protocol, or groups of the same members."""
    out: Path
    """The new folder."""
    weights_from: tuple[Path, ...] = ()
    """The runs whose validation scores the weights are learnt on, in the order of the runs."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Fuse, and print single runs, equal weights and learnt weights side by side."""
    metrics = fuse_runs(arguments.runs, arguments.out, weights_from=arguments.weights_from)
    keys = ("top1", "top5", "mean_class_accuracy")
    single, weights = metrics.get("single", {}), metrics.get("weights", {})
    rows: list[list[object]] = [
        [Path(name).name, f"{weights[name]:.3f}", *(measures[key] for key in keys)]
        for name, measures in single.items()
    ]
    rows.append(["equal weights", "", *(metrics["equal_weights"][key] for key in keys)])
    rows.append(["fused", "", *(metrics[key] for key in keys)])
    console.table(["run", "weight", "top-1", "top-5", "mean class"], rows)
    console.say(str(arguments.out))
    return metrics
