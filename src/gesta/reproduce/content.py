"""What a page says: a document's plain values as titled blocks of sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
UNMEASURED = "not measured"


@dataclass(frozen=True)
class Grid:
    """A table of text, whose cells may have several lines; `strong` rows are set apart."""

    head: list[str]
    rows: list[list[str]]
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A confusion matrix: rows are true classes."""

    title: str
    caption: str
    classes: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Block:
    """A part of a page."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def heading(document: Document) -> str:
    """The title of a page."""
    name = str(document["target"]).partition("/")[2].replace("-", " ")
    if document["kind"] == "claims":
        return f"{document['paper']['title']}: claims"
    return f"{document['paper']['title']}, {name}: {document['title']}"


def content(document: Document) -> list[Block]:
    """The blocks of a page, in order."""
    if document["kind"] == "claims":
        return [_measured_claims(document), _rows_behind(document), _arithmetic(document)]
    return [_about(document), *(_place(document, place) for place in document["places"])]


def _how(document: Document) -> str:
    seeds = document["seeds"]
    count = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    own = document["own"]
    more = f" Options given for all rows: {options(own)}." if own else ""
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
    if not any(place["same"] for place in document["places"]):
        where = ", ".join(place["title"] for place in document["places"])
        paper = ", ".join(column["label"] for column in document["columns"])
        paragraphs.append(
            f"Measured on {where}, where the paper has {paper}: compare the order of the rows, not "
            "their values."
        )
    paragraphs += [*document["notes"], _interval_note(document)]
    rows = [[row["name"], _recipe(row)] for row in document["rows"] if not row["quoted"]]
    grid = Grid(["row", "trained as"], rows, _base_rows(document, rows))
    return Block("", paragraphs, [grid])


def _recipe(row: Document) -> str:
    changes = options(row["changes"])
    return f"{row['model']}: {changes}" if changes else row["model"]


def _base_rows(document: Document, rows: list[list[str]]) -> frozenset[int]:
    return frozenset(place for place, row in enumerate(rows) if row[0] == document["base"])


def _place(document: Document, place: Document) -> Block:
    paragraphs = []
    for why, names in _grouped(place["skipped"]):
        paragraphs.append(f"Not measured here: {', '.join(names)}. {_sentence(why)}.")
    full = place.get("full", {})
    grids = [_results(document, place["rows"])]
    if full:
        paragraphs.append(
            "The first table is the screening; the second has the two rows that were best on "
            "validation in it, trained in full."
        )
        grids.append(_results(document, full, only=True))
    return Block(f"On {place['title']}", paragraphs, grids, list(_pictures(place)))


def _results(document: Document, found: Document, *, only: bool = False) -> Grid:
    """The rows of a table at a place; `only` those that were measured, or all of the paper's."""
    five = any(column["measure"] == "top5" for column in document["columns"])
    head = ["row", *(f"paper: {column['label']}" for column in document["columns"]), "top-1"]
    head += ["top-5"] if five else []
    head += ["validation", "against", "difference [95 %]", "order of the paper"]
    rows = []
    for row in document["rows"]:
        numbers = found.get(row["name"])
        if numbers is None:
            if not only:
                first = [row["name"], *map(plain, row["paper"])]
                word = "quoted" if row["quoted"] else UNMEASURED
                rows.append([*first, word, *[""] * (len(head) - len(first) - 1)])
            continue
        change = numbers.get("difference")
        line = [row["name"], *map(plain, row["paper"]), mean_and_std(numbers["top1"])]
        line += [mean_and_std(numbers["top5"])] if five else []
        line += [plain(numbers["validation"])]
        line += [change["base"], with_interval(change)] if change else ["", ""]
        rows.append([*line, numbers.get("order", "")])
    return Grid(head, rows, _base_rows(document, rows))


def _pictures(place: Document) -> Iterator[Picture]:
    shown = place["confusion"]
    if shown is not None:
        seeds = "" if shown["seeds"] == 1 else f" The sum over {shown['seeds']} seeds."
        yield Picture(
            f"{shown['figure']}, {place['title']}",
            f"Confusion matrix of {shown['row']} on the test clips.{seeds}",
            shown["classes"],
            shown["counts"],
        )


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
