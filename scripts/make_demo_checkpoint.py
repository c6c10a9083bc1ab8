"""Make the run that comes with the package, src/gesta/data/demo, from an archive of J-HMDB.

    gesta extract jhmdb/videos --splits jhmdb/splits.zip --out jhmdb.gesta
    python scripts/make_demo_checkpoint.py jhmdb.gesta --work runs/demo_checkpoint

Of each split it trains the recipe of ST-GCN for J-HMDB on the joint stream, once with a validation
part, which chooses the threshold below which an answer is "unknown", and then to the same epochs on
all training clips. What ships is the model of the first split, in half precision; its card says how
well the model of each split, in half precision too, does on the test clips of that split. With one
core it takes about five minutes a split. Broken off, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from gesta.archive import Archive, open_archive
from gesta.evaluation import summary
from gesta.training import Recipe, Run, evaluate, find_recipe, resume, train, train_final
from gesta.training.card import save_model

MODEL, DATASET = "st_gcn", "jhmdb"
LICENCE = (
    "CC BY 4.0: HMDB51 by Kuehne, Jhuang, Garrote, Poggio and Serre, of which J-HMDB by Jhuang, "
    "Gall, Zuffi, Schmid and Black is a part"
)
OUT = Path(__file__).parents[1] / "src" / "gesta" / "data" / "demo"
MEASURES = ("top1", "top5", "mean_class_accuracy", "nll", "expected_calibration_error", "clips")
# Largest value of half precision; weights beyond it would become infinite.
HALF = 65504.0


def main() -> None:
    """Train, measure, and write what ships."""
    arguments = parse()
    archive = open_archive(arguments.archive)
    measured, halves = {}, {}
    for split in arguments.splits:
        final = trained(archive, split, arguments)
        halves[split] = halved(final, arguments.work / f"{split}-half")
        scores = summary(evaluate(halves[split], archive))
        measured[split] = {key: scores[key] for key in MEASURES}
        sys.stdout.write(f"{split}: {measured[split]}\n")
    first = arguments.splits[0]
    ship(halves[first], Run.open(arguments.work / first).recipe, measured, arguments.out)
    size = (arguments.out / "model.safetensors").stat().st_size
    sys.stdout.write(f"{arguments.out}: {size} bytes of weights\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="of J-HMDB, with its splits as protocols")
    parser.add_argument("--work", type=Path, default=Path("runs/demo_checkpoint"))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--splits", nargs="+", default=["split_1", "split_2", "split_3"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="fewer than the recipe has: quicker, and worse")
    return parser.parse_args()


def trained(archive: Archive, split: str, arguments: argparse.Namespace) -> Run:
    """The final run of a split; what is there already is gone on with."""
    own: dict[str, Any] = {
        "data": str(archive.path),
        "protocol": split,
        "seed": arguments.seed,
        "loop": {} if arguments.epochs is None else {"epochs": arguments.epochs},
    }
    folder, last = arguments.work / split, arguments.work / f"{split}-final"
    if folder.is_dir():
        resume(folder)
    else:
        train(find_recipe(MODEL, DATASET, own), folder)
    return resume(last) if last.is_dir() else train_final(folder, last)


def halved(run: Run, folder: Path) -> Run:
    """The same run with its weights in half precision, as one that can be evaluated."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
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


def ship(run: Run, recipe: Recipe, measured: dict[str, dict[str, float]], out: Path) -> None:
    """Write the run into the package: without the places and machines it was made on.

    Its recipe is that with a validation part: the one to train again from, on other data.
    """
    out.mkdir(parents=True, exist_ok=True)
    first = next(iter(measured.values()))
    mean = {key: sum(one[key] for one in measured.values()) / len(measured) for key in first}
    kept = {key: value for key, value in first.items() if key != "clips"}
    metrics = run.metrics | kept | {"splits": measured, "mean": mean}
    for place in ("command", "machine"):
        metrics.pop(place, None)
    card = run.card
    card = replace(
        card,
        dataset=DATASET,
        licence=card.licence or LICENCE,
        metrics={**kept, "test_clips": int(first["clips"]), "splits": measured, "mean": mean},
    )
    weights = load_file(run.model_path)
    save_model(out / "model.safetensors", weights, card)
    (out / "recipe.toml").write_text(recipe.replace(data="").to_toml(), "utf-8")
    shipped = Run(out)
    shipped.write_json("metrics.json", metrics | {"dataset": DATASET})
    split = json.loads((run.path / "split.json").read_text("utf-8"))
    (out / "split.json").write_text(json.dumps(split | {"data": ""}) + "\n", "utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
