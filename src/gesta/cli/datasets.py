"""``gesta datasets``: the data sets, their classes and protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gesta.cli.console import Console
    from gesta.datasets import DataSet


@dataclass
class Arguments:
    """List the data sets that `gesta prepare` reads.

    $ gesta datasets --json
    """


def run(arguments: Arguments, console: Console) -> list[dict[str, Any]]:
    """Print a table; the document says more of each data set."""
    from gesta.datasets import get_dataset, list_datasets

    datasets = [get_dataset(name) for name in list_datasets()]
    console.table(
        ("name", "title", "classes", "layout", "protocols", "bodies", "licence"),
        [
            (
                *(dataset.name, dataset.title, str(len(dataset.classes) or "from its files")),
                dataset.layout or "from its files",
                " ".join(dataset.protocol_names) or "random",
                " ".join(dataset.bodies),
                dataset.licence,
            )
            for dataset in datasets
        ],
    )
    return [describe(dataset) for dataset in datasets]


def describe(dataset: DataSet) -> dict[str, Any]:
    """A data set as a JSON document; null and empty lists are found in its files."""
    return {
        "name": dataset.name,
        "title": dataset.title,
        "classes": list(dataset.classes),
        "layout": dataset.layout,
        "channels": list(dataset.channels),
        "space": dataset.space,
        "bodies": list(dataset.bodies),
        "corrections": {
            clip: dataset.classes[label] for clip, label in dataset.corrections.items()
        },
        "protocols": list(dataset.protocol_names),
        "expects": dataset.expects,
        "licence": dataset.licence,
        "citation": dataset.citation,
    }
