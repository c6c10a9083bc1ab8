"""Make the run that comes with the package, src/gesta/data/demo, of runs on J-HMDB.

    gesta train st_gcn --data jhmdb.gesta --protocol splits --out runs/jhmdb
    gesta train --final runs/jhmdb --out runs/jhmdb-final
    python scripts/make_demo_checkpoint.py runs/jhmdb runs/jhmdb-final

The archive is that of make_demo_data.py. The first group of runs chose, on its validation parts,
how long to train and below which probability an answer is "unknown"; the second learnt from all
training clips. What ships is the second's model of the first split, in half precision. Its card
says how well the model of each split, in half precision too, does on the test clips of that split.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file

from gesta.datasets.demo import DEMO_FILE, DEMO_LICENCE
from gesta.evaluation import summary
from gesta.training import Run, evaluate
from gesta.training.card import save_model

MEASURES = ("top1", "top5", "mean_class_accuracy", "nll", "expected_calibration_error", "clips")
# Largest value of half precision; weights beyond it would become infinite.
HALF = 65504.0


def main() -> None:
    """Halve, measure, and write what ships."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chosen", type=Path, help="the runs with a validation part")
    parser.add_argument("final", type=Path, help="their final runs")
    parser.add_argument("--out", type=Path, default=DEMO_FILE.parent)
    arguments = parser.parse_args()
    chosen, final = Run.open(arguments.chosen), Run.open(arguments.final)
    names = [member.name for member in final.members]
    if names != [member.name for member in chosen.members] or not names:
        raise SystemExit(f"{final.path}: expected a group with the members of {chosen.path}")
    with TemporaryDirectory() as place:
        halves = [halved(member, Path(place) / member.name) for member in final.members]
        measured = {name: measure(half) for name, half in zip(names, halves, strict=True)}
        ship(chosen.members[0], halves[0], measured, arguments.out)
    size = (arguments.out / "model.safetensors").stat().st_size
    sys.stdout.write(f"{arguments.out}: {size} bytes of weights\n")


def halved(run: Run, folder: Path) -> Run:
    """The same run with its weights in half precision, as one that can be evaluated."""
    if not run.recipe.final:
        raise SystemExit(f"{run.path}: expected a final run")
    folder.mkdir()
    weights = {
        name: value.half() if value.is_floating_point() else value
        for name, value in load_file(run.model_path).items()
    }
    largest = max(float(value.abs().max()) for value in weights.values() if value.numel())
    if not largest < HALF:
        raise SystemExit(f"{run.path}: a weight of {largest} does not fit into half precision")
    save_model(folder / "model.safetensors", weights, run.card)
    for name in ("recipe.toml", "split.json", "metrics.json"):
        shutil.copy(run.path / name, folder)
    return Run.open(folder)


def measure(run: Run) -> dict[str, float]:
    """How well a run does on the test clips of its split."""
    scores = summary(evaluate(run))
    sys.stdout.write(f"{run.name}: top-1 {scores['top1']:.2f}\n")
    return {key: scores[key] for key in MEASURES}


def ship(chosen: Run, run: Run, measured: Mapping[str, Mapping[str, float]], out: Path) -> None:
    """Write the run into the package: without the places and machines it was made on.

    Its recipe is that with a validation part: the one to train again from, on other data.
    """
    out.mkdir(parents=True, exist_ok=True)
    own = {key: value for key, value in measured[run.name].items() if key != "clips"}
    mean = {key: sum(one[key] for one in measured.values()) / len(measured) for key in own}
    about: dict[str, Any] = {"splits": measured, "mean": mean}
    metrics = {k: v for k, v in run.metrics.items() if k not in ("command", "machine")}
    card = replace(
        run.card,
        licence=run.card.licence or DEMO_LICENCE,
        metrics={**own, "test_clips": metrics["test_clips"], **about},
    )
    save_model(out / "model.safetensors", load_file(run.model_path), card)
    (out / "recipe.toml").write_text(chosen.recipe.replace(data="").to_toml(), "utf-8")
    shipped = Run(out)
    shipped.write_json("metrics.json", metrics | own | about)
    shipped.write_json("split.json", run.read_json("split.json") | {"data": ""})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
