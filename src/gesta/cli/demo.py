"""``gesta demo``: the whole way on the data that come with the package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from gesta.archive import Archive, diagnose, open_archive
from gesta.cli.console import Console
from gesta.cli.doctor import describe
from gesta.cli.train import ConsoleObserver, stopped
from gesta.datasets.demo import write_demo_archive
from gesta.errors import ArchiveError
from gesta.report import write_report
from gesta.training import Recipe, find_recipe, train
from gesta.training.recipe import merge, read_table

PROTOCOL = "split_1"


@dataclass
class Arguments:
    """Prepare, check, train, evaluate and report on the poses of J-HMDB's 928 clips.

    Takes a few minutes on two cores; the report opens in any browser.

    $ gesta demo --out runs/demo
    """

    out: Path = Path("runs/demo")
    """Folder for the archive and the run; a run that is there already is kept beside the new."""
    epochs: int | None = None
    """Fewer epochs than the demo's recipe has: quicker, and less accurate."""
    seed: int = 0
    """Of weights, order and augmentation."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Go the whole way; the last lines are the measures and the path of the report."""
    archive = demo_archive(arguments.out / "archive")
    for line in describe(diagnose(archive, PROTOCOL)):
        console.say(line)
    recipe = demo_recipe(archive, arguments)
    folder = _free(arguments.out / "run")
    with ConsoleObserver(console) as observer:
        try:
            done = train(recipe, folder, observer=observer)
        except KeyboardInterrupt:
            raise stopped(folder) from None
    report = write_report(done.path, archive)
    metrics = done.metrics
    console.say(
        f"{len(archive)} clips, {metrics['train_clips']} train, {metrics['validation_clips']} "
        f"validate, {metrics['test_clips']} test; {metrics['epochs']} epochs in "
        f"{metrics['seconds']:.0f} s"
    )
    console.say(
        f"top-1 {metrics['top1']:.2f} top-5 {metrics['top5']:.2f} chance {metrics['chance']:.2f}"
    )
    console.say(f"report {report}")
    return {"run": str(done.path), "report": str(report), **metrics}


def demo_archive(path: Path) -> Archive:
    """The embedded poses as an archive; made when it is not there yet."""
    try:
        return open_archive(path)
    except ArchiveError:
        return write_demo_archive(path, overwrite=path.exists())


def demo_recipe(archive: Archive, arguments: Arguments) -> Recipe:
    """The demo's own recipe on top of the one for the model and its data set."""
    with as_file(files("gesta") / "recipes" / "demo.toml") as path:
        own = read_table(path)
    own |= {"data": str(archive.path), "protocol": PROTOCOL, "seed": arguments.seed}
    if arguments.epochs is not None:
        own = merge(own, {"loop": {"epochs": arguments.epochs}})
    return find_recipe(own["model"]["name"], archive.dataset, own)


def _free(folder: Path) -> Path:
    """The folder, or its next free neighbour: a demo never overwrites a run."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free
