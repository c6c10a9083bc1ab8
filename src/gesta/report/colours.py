"""The colours of pages and pictures, once for light and once for dark.

Categories are told apart by hues that the colour-blind tell apart too (after Okabe and Ito,
darkened or lightened for contrast on paper), and never by colour alone.
"""

from __future__ import annotations

import re

# name: (on light paper, on dark paper)
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14171b"),
    "panel": ("#f4f5f7", "#1d2127"),
    "rule": ("#dfe2e7", "#333a43"),
    "ink": ("#1a1f26", "#e7eaee"),
    "muted": ("#5c6672", "#9ba5b1"),
    "accent": ("#0b66b0", "#63b6f1"),
    "left": ("#0b66b0", "#5db4f0"),
    "right": ("#c4560a", "#f2994a"),
    "middle": ("#5b6470", "#a9b2bd"),
    "second": ("#7a4fa3", "#c39be6"),
    "for": ("#c2185b", "#ff6fa3"),
    "against": ("#00796b", "#4fd1bd"),
    "wrong": ("#c4560a", "#f2994a"),
}

# What every picture in a file of its own begins with.
ALONE = "svg { background: var(--paper); font-family: system-ui, sans-serif; }"


def page_variables() -> str:
    """CSS that defines every colour as a variable of the page, following the reader's choice."""

    def block(index: int) -> str:
        return "".join(f"--{name}:{pair[index]};" for name, pair in COLOURS.items())

    return (
        f":root{{color-scheme:light dark;{block(0)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{{block(1)}}}}}"
    )


def literal(css: str) -> str:
    """CSS without variables, for pictures in files of their own, whose viewers may know none."""

    def dressed(index: int) -> str:
        return re.sub(r"var\(--([a-z]+)\)", lambda found: COLOURS[found[1]][index], css)

    return f"{dressed(0)}@media(prefers-color-scheme:dark){{{dressed(1)}}}"
