"""HTML pages from templates, each one file that needs no network."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gesta.archive.durable import write_durably
from gesta.report.colours import page_variables
from gesta.report.draw import FIGURE_STYLE

_TEMPLATES = files("gesta.report") / "templates"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["part"] = lambda name: Markup(_read(name))  # noqa: S704 - our own files
    # Pictures are built by gesta.report.svg, which escapes; everything else jinja escapes.
    environment.filters["picture"] = safe
    return environment


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def embedded_json(value: object) -> Markup:
    """JSON for a script element; no text in it can end that element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(  # noqa: S704 - what could close the element is escaped
        text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )


def render(template: str, **values: Any) -> str:
    """Fill a template; every value is escaped unless it is Markup."""
    colours = Markup(page_variables())  # noqa: S704 - our own table
    style = Markup(FIGURE_STYLE)  # noqa: S704 - our own text
    page = _environment().get_template(template)
    return page.render(colours=colours, figure_style=style, **values)


def safe(text: str) -> Markup:
    """Text of our own that goes into a page as it is."""
    return Markup(text)  # noqa: S704 - only for style sheets and pictures made here


def write_page(path: str | Path, html: str) -> Path:
    """Write a page so that nobody meets half of it; its folder is made where it is missing."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_durably(target, html.encode("utf-8"))
    return target
