"""What a page says: a document's plain values as titled blocks of sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gesta.reproduce.figure_content import by_class, charts, pictures, summed_pictures
from gesta.reproduce.page_parts import Block, Grid
from gesta.reproduce.rgb import PRETRAINED

Document = Mapping[str, Any]
UNMEASURED = "not measured"


def heading(document: Document) -> str:
    """The title of a page."""
    name = str(document["target"]).partition("/")[2].replace("-", " ")
    block = f" ({PRETRAINED})" if document["block"] == PRETRAINED else ""
    if document["kind"] == "claims":
        return f"{document['paper']['title']}: claims{block}"
    return f"{document['paper']['title']}, {name}: {document['title']}{block}"


def content(document: Document) -> list[Block]:
    """The blocks of a page, in order."""
    if document["kind"] == "claims":
        return [_measured_claims(document), _rows_behind(document), _arithmetic(document)]
    blocks = [_about(document), *(_place(document, place) for place in document["places"])]
    over = summed_pictures(document)
    return [*blocks, Block("Over all protocols", pictures=over)] if over else blocks


def _how(document: Document) -> str:
    seeds = document["seeds"]
    count = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    own = document["own"]
    more = f" Options given for all rows: {options(own)}." if own else ""
    block = document.get("files")
    if block:
        more += f" Networks that see RGB are {PRETRAINED}, by {' and '.join(block)}."
    return f"Budget {document['budget']}: {document['schedule']}; {count}.{more}"


def _interval_note(document: Document) -> str:
    return (
        "An interval is a paired bootstrap of 95 %: clips are drawn with replacement, the same for "
        f"both rows, and so are the seeds of each ({document['resamples']:,} draws). With few "
        "seeds it is rather too narrow; with one it is about clips alone. A value of several folds "
        "is their mean; a difference is over all their clips."
    )


def _about(document: Document) -> Block:
    paragraphs = [document["paper"]["citation"], _how(document)]
    elsewhere = [place["title"] for place in document["places"] if not place["same"]]
    if elsewhere:
        paper = ", ".join(column["label"] for column in document["columns"])
        paragraphs.append(
            f"Measured on {', '.join(elsewhere)}, where the paper has {paper}: compare the order "
            "of the rows, not their values."
        )
    paragraphs += [*document["notes"], _interval_note(document)]
    rows = [[row["name"], _recipe(row)] for row in document["rows"] if not row["quoted"]]
    grid = Grid(["row", "trained as"], rows, _base_rows(document, rows))
    return Block("", paragraphs, [grid])


def _recipe(row: Document) -> str:
    changes = options(row["changes"])
    alone = f", its {row['stream']} stream alone" if row["stream"] else ""
    begun = f", from {' and '.join(row['starts'])} trained alone" if row["starts"] else ""
    found = f"{row['model']}{alone}{begun}"
    return f"{found}: {changes}" if changes else found


def _base_rows(document: Document, rows: list[list[str]]) -> frozenset[int]:
    return frozenset(place for place, row in enumerate(rows) if row[0] == document["base"])


def _place(document: Document, place: Document) -> Block:
    paragraphs = []
    if place["same"] and place.get("note"):
        # Papers count the clips of a data set in more than one way.
        paragraphs.append(f"The protocol: {place['note']}.")
    for why, names in _grouped(place["skipped"]):
        paragraphs.append(f"Not measured here: {', '.join(names)}. {_sentence(why)}.")
    full = place.get("full", {})
    grids = [_results(document, place["rows"])]
    if full:
        paragraphs.append(
            "The first table is the screening; the second has the rows that were best on "
            "validation in it, trained in full."
        )
        grids.append(_results(document, full, only=True))
    grids += by_class(place)
    return Block(f"On {place['title']}", paragraphs, grids, charts(place), pictures(place))


def _results(document: Document, found: Document, *, only: bool = False) -> Grid:
    """The rows of a table at a place; `only` those that were measured, or all of the paper's."""
    five = any(column["measure"] == "top5" for column in document["columns"])
    head = ["row", *(f"paper: {column['label']}" for column in document["columns"]), "top-1"]
    head += ["top-5"] if five else []
    sized = any(value is not None for row in document["rows"] for value in row["cost"])
    head += ["parameters (paper)", "multiply-adds (paper)"] if sized else []
    head += ["validation", "against", "difference [95 %]", "order of the paper"]
    rows = []
    for row in document["rows"]:
        numbers = found.get(row["name"])
        if numbers is None:
            if not only:
                rows.append(_unmeasured(row, head, five + 1, sized))
            continue
        change = numbers.get("difference")
        line = [row["name"], *map(plain, row["paper"]), mean_and_std(numbers["top1"])]
        line += [mean_and_std(numbers["top5"])] if five else []
        line += _cost(row, numbers) if sized else []
        line += [plain(numbers["validation"])]
        line += [change["base"], with_interval(change)] if change else ["", ""]
        rows.append([*line, numbers.get("order", "")])
    return Grid(head, rows, _base_rows(document, rows))


def _unmeasured(row: Document, head: list[str], measures: int, sized: bool) -> list[str]:
    first = [row["name"], *map(plain, row["paper"])]
    first += ["quoted" if row["quoted"] else UNMEASURED, *[""] * (measures - 1)]
    first += _cost(row) if sized else []
    return [*first, *[""] * (len(head) - len(first))]


def _cost(row: Document, numbers: Document | None = None) -> list[str]:
    """Parameters and multiply-adds as measured, and the paper's behind them."""
    own = (None, None) if numbers is None else (numbers["parameters"], numbers["flops"])
    cells = []
    for value, stated, scale, unit in zip(own, row["cost"], (1e6, 1e9), "MG", strict=True):
        ours = "" if value is None else f"{value / scale:.2f} {unit}"
        paper = "" if stated is None else f"({stated:g} {unit})"
        cells.append(f"{ours} {paper}".strip())
    return cells


def _grouped(skipped: Document) -> list[tuple[str, list[str]]]:
    reasons: dict[str, list[str]] = {}
    for name, why in skipped.items():
        reasons.setdefault(why, []).append(name)
    return list(reasons.items())


def _measured_claims(document: Document) -> Block:
    paragraphs = [
        document["paper"]["citation"],
        _how(document),
        "A claim holds when each of its differences lies above its threshold with the whole "
        "interval, is contradicted when one lies below with the whole interval, and is too small "
        f"to tell otherwise. {_interval_note(document)}",
    ]
    head = ["claim", "in the paper", "measured on", "figures", "verdict"]
    rows, notes = [], []
    for claim in document["claims"]:
        figures = "\n".join([*map(_figure, claim["figures"]), *filter(None, [claim["why"]])])
        where = ", ".join(claim["on"])
        rows.append([claim["statement"], claim["place"], where, figures, claim["verdict"]])
        if claim["note"]:
            notes.append(f"{_sentence(claim['statement'])}: {claim['note']}")
    return Block("Measured here", [*paragraphs, *notes], [Grid(head, rows)])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _figure(figure: Document) -> str:
    digits = 2 if figure["unit"] == "points" else 3
    threshold = figure["threshold"]
    limit = f", threshold {threshold:+g}" if threshold else ""
    detail = f" ({figure['detail']})" if figure.get("detail") else ""
    judged = f": {figure['verdict']}" if figure["verdict"] else ", not judged"
    return f"{figure['name']} {with_interval(figure, digits)}{detail}{limit}{judged}"


def _rows_behind(document: Document) -> Block:
    head = ["row", "on", "top-1", "validation", "clips", "runs"]
    rows = [
        [
            row["name"],
            row["place"],
            mean_and_std(row["top1"]),
            plain(row["validation"]),
            str(row["clips"]),
            ", ".join(row["runs"]),
        ]
        for row in document["rows"]
    ]
    return Block("The rows behind them", [], [Grid(head, rows)] if rows else [])


def _arithmetic(document: Document) -> Block:
    head = ["the paper says", "where", "held against", "what the numbers give", "verdict"]
    keys = ("statement", "place", "against", "computed", "verdict")
    rows = [[claim[key] for key in keys] for claim in document["arithmetic"]]
    return Block(
        "By arithmetic from the paper's own numbers",
        ["Each is computed by code from the numbers that the paper prints."],
        [Grid(head, rows)],
    )


def options(table: Document) -> str:
    """Recipe options as text: ``model.encoder=cnn, input.frames=96``."""
    found = []
    for section, values in table.items():
        if isinstance(values, Mapping):
            found += [f"{section}.{key}={value}" for key, value in values.items()]
        else:
            found.append(f"{section}={values}")
    return ", ".join(found)


def plain(value: float | None) -> str:
    """A number with one digit, nothing for none."""
    return "" if value is None else f"{value:.1f}"


def mean_and_std(values: Document) -> str:
    """A mean with its deviation where there are several values."""
    several = len(values["values"]) > 1
    return f"{values['mean']:.1f} ± {values['std']:.1f}" if several else f"{values['mean']:.1f}"


def with_interval(found: Document, digits: int = 1) -> str:
    """A difference with its interval: ``+1.2 [-0.3, +2.7]``."""
    value, low, high = (f"{found[key]:+.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
