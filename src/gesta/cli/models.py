"""``gesta models``: the models, their sizes, layers and papers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from gesta.cli.console import Console
from gesta.models import Cost, ModelEntry, count, create_model, list_models, model_entry
from gesta.models.cost import COUNTED
from gesta.models.options import read_assignments
from gesta.skeleton import get_layout

# What a model is counted for that takes any: those of the published networks.
_FRAMES, _PERSONS = 300, 2


@dataclass
class Arguments:
    """Show models with their parameters and multiply-adds (flops in --json).

    $ gesta models
    $ gesta models st_gcn --layers --frames 16 --layout openpose_18 --classes 400
    $ gesta models st_gcn --option blocks=9 --option width=32
    $ gesta models st_gcn --bibtex
    """

    names: tyro.conf.Positional[
        Annotated[tuple[str, ...], tyro.conf.arg(metavar="[NAME ...]")]
    ] = ()
    """Models to show; all of them where none is named."""
    layers: bool = False
    """Show every layer: kernel, output size, parameters and multiply-adds."""
    bibtex: bool = False
    """Show the papers as BibTeX."""
    layout: str = "kinect_v2_25"
    """Skeleton: its name or a TOML file."""
    channels: int = 3
    """Numbers a joint."""
    frames: int | None = None
    """T; by default the model's own, or 300 where it takes any."""
    persons: int | None = None
    """M; by default the model's own, or 2 where it takes any."""
    classes: int = 60
    """Y."""
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """An option of the named models, as NAME=VALUE; may be given several times."""


def run(arguments: Arguments, console: Console) -> list[dict[str, Any]]:
    """Build the models without weights, count, and list them."""
    entries = [model_entry(name) for name in arguments.names or list_models()]
    shown = [_describe(entry, arguments) for entry in entries]
    if arguments.bibtex:
        console.say("\n\n".join(dict.fromkeys(entry.paper.bibtex.strip() for entry in entries)))
        return shown
    for document in shown if arguments.layers else ():
        console.say(f"{document['name']}, one clip of {document['input']}")
        rows = [
            (
                *(_cell(layer[key]) for key in ("name", "kind", "kernel", "output")),
                f"{layer['parameters']:,}",
                f"{sum(layer['multiply_adds'].values()) / 1e6:,.2f}",
            )
            for layer in document["layers"]
        ]
        others = f"{document['parameters_elsewhere']:,}"
        rows.append(("elsewhere", "norms, positions, ...", "", "", others, ""))
        columns = ["layer", "kind", "kernel", "output", "parameters", "M multiply-adds"]
        console.table(columns, rows)
        console.say()
    console.table(["model", "input", "parameters", "G multiply-adds", "paper"], _summary(shown))
    console.say(f"counted: {COUNTED}; further products are listed apart (+)")
    for document in shown if arguments.names else ():
        console.say(f"{document['name']}: options {'; '.join(document['options'])}")
    return shown


def _describe(entry: ModelEntry, arguments: Arguments) -> dict[str, Any]:
    model = create_model(
        entry.name,
        get_layout(arguments.layout),
        arguments.classes,
        arguments.channels,
        arguments.frames,
        arguments.persons,
        **read_assignments(arguments.option),
    )
    frames, persons = model.frames or _FRAMES, model.persons or _PERSONS
    cost = count(model, frames, persons)
    size = f"M={persons} T={frames} V={len(model.layout)} C={model.channels}"
    for name, value in model.example_inputs(1, frames, persons).items():
        size += f" {name} {'x'.join(map(str, value.shape[1:]))}"
    document: dict[str, Any] = {
        "name": entry.name,
        "inputs": list(model.inputs),
        "input": size,
        "parameters": cost.parameters,
        "flops": cost.multiply_adds,
        "flops_counted": COUNTED,
        "flops_by_kind": cost.by_kind,
        "paper": str(entry.paper),
        "options": [str(option) for option in entry.options.values()],
    }
    if arguments.bibtex:
        document["bibtex"] = entry.paper.bibtex
    if arguments.layers:
        document["layers"] = _layers(cost)
        document["parameters_elsewhere"] = cost.elsewhere
    return document


def _layers(cost: Cost) -> list[dict[str, Any]]:
    return [
        {
            "name": layer.name,
            "kind": layer.kind,
            "kernel": list(layer.kernel),
            "output": list(layer.output),
            "parameters": layer.parameters,
            "multiply_adds": dict(layer.multiply_adds),
        }
        for layer in cost.layers
    ]


def _summary(shown: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for document in shown:
        others = [
            f" + {amount / 1e9:.2f} {kind}"
            for kind, amount in document["flops_by_kind"].items()
            if kind not in ("convolution", "linear")
        ]
        flops = f"{document['flops'] / 1e9:.2f}" + "".join(others)
        name, size, paper = document["name"], document["input"], document["paper"]
        rows.append((name, size, f"{document['parameters']:,}", flops, paper))
    return rows


def _cell(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)
