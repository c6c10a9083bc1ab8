"""Pages of what was reproduced: Markdown, HTML and JSON, made of the same plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gesta.archive.durable import write_durably
from gesta.report.charts import CHART_STYLE, Series, line_chart
from gesta.report.confusion import CONFUSION_STYLE, confusion_picture, worst_part
from gesta.report.pages import render, safe, write_page
from gesta.reproduce.content import content, heading
from gesta.reproduce.page_parts import Block, Chart, Grid, Picture
from gesta.reproduce.rgb import PRETRAINED

Document = Mapping[str, Any]


def file_name(document: Document) -> str:
    """The name of a target's files without their ending: ``san-table-3``.

    What was pre-trained has files of its own, ``mmff-claims-pretrained``, so that both blocks of
    results stay apart.
    """
    block = "-pretrained" if document["block"] == PRETRAINED else ""
    return str(document["target"]).replace("/", "-") + block


def write_pages(document: Document, folder: str | Path) -> list[Path]:
    """Write ``NAME.json``, ``NAME.md`` and ``NAME.html``; returns their paths."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    name = file_name(document)
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    for ending, content_ in (("json", text), ("md", markdown(document))):
        write_durably(target / f"{name}.{ending}", content_.encode())
    page = write_page(target / f"{name}.html", html(document))
    return [target / f"{name}.json", target / f"{name}.md", page]


def markdown(document: Document, level: int = 1) -> str:
    """A document as Markdown.

    Args:
        document: as `gesta.reproduce.reproduce` returns it, or as read from its JSON file.
        level: of its heading.
    """
    parts = [f"{'#' * level} {heading(document)}"]
    for block in content(document):
        parts += [f"{'#' * (level + 1)} {block.title}"] if block.title else []
        parts += block.paragraphs
        parts += [_grid(grid) for grid in block.grids]
        captions = [(one.title, one.caption) for one in block.charts]
        captions += [(one.title, one.caption) for one in block.pictures]
        parts += [f"{title}: {text} Drawn on the HTML page." for title, text in captions]
    return "\n\n".join(parts) + "\n"


def _grid(grid: Grid) -> str:
    rows = [grid.head, ["---"] * len(grid.head), *grid.rows]
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def html(document: Document) -> str:
    """A document as one HTML page that needs no network."""
    return render(
        "reproduction.html",
        title=heading(document),
        blocks=[_drawn(block) for block in content(document)],
        styles=safe(CONFUSION_STYLE + CHART_STYLE),
    )


def _drawn(block: Block) -> dict[str, Any]:
    return {
        "title": block.title,
        "paragraphs": block.paragraphs,
        "grids": block.grids,
        "pictures": [
            *map(_chart, block.charts),
            *map(_picture, block.pictures),
        ],
    }


def _picture(picture: Picture) -> dict[str, str]:
    shown = worst_part(np.array(picture.counts, np.int64), picture.classes)
    return {
        "title": picture.title,
        "caption": f"{picture.caption} {shown.note}".strip(),
        "svg": confusion_picture(shown),
    }


def _chart(chart: Chart) -> dict[str, str]:
    series = [
        Series(name, [x for x, _, _ in points], *zip(*[(y, s) for _, y, s in points], strict=True))
        for name, points in chart.lines.items()
    ]
    room = 20 + 6.2 * max(len(one.name) for one in series)
    drawn = line_chart(chart.axes[1], series, x_title=chart.axes[0], width=520 + room, room=room)
    return {"title": chart.title, "caption": chart.caption, "svg": drawn}
