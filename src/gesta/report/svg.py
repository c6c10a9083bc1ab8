"""SVG as text: elements with escaped attributes and contents, numbers kept short."""

from __future__ import annotations

import re
from html import escape

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
Attribute = str | float | int | None


def number(value: float) -> str:
    """A coordinate with at most two decimals, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def element(tag: str, *children: str, **attributes: Attribute) -> str:
    """One element.

    Args:
        tag: the element's name.
        children: markup that is already safe (other elements, or text through `text_of`).
        attributes: ``stroke_width`` becomes ``stroke-width`` and ``class_`` becomes ``class``;
            None leaves an attribute out.
    """
    parts = [tag]
    for name, value in attributes.items():
        if value is None:
            continue
        shown = value if isinstance(value, str) else number(float(value))
        parts.append(f'{name.rstrip("_").replace("_", "-")}="{escape(_clean(shown), quote=True)}"')
    opening = " ".join(parts)
    return f"<{opening}>{''.join(children)}</{tag}>" if children else f"<{opening}/>"


def text_of(text: object) -> str:
    """Text that is safe between tags."""
    return escape(_clean(str(text)), quote=False)


def _clean(text: str) -> str:
    """Characters that XML forbids, replaced by a mark."""
    return _FORBIDDEN.sub("\ufffd", text)


def text(x: float, y: float, content: object, **attributes: Attribute) -> str:
    """A text element at a place."""
    return element("text", text_of(content), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: Attribute) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def rect(x: float, y: float, width: float, height: float, **attributes: Attribute) -> str:
    """A rectangle; with a ``title`` child given through `element` where a hover text is wanted."""
    return element("rect", x=x, y=y, width=max(width, 0), height=max(height, 0), **attributes)


def picture(
    width: float, height: float, *children: str, label: str, class_: str = "", style: str = ""
) -> str:
    """A whole SVG picture.

    Args:
        width, height: its size in CSS pixels, which is also its coordinate system.
        children: what is in it.
        label: what it shows, read aloud by screen readers.
        class_: CSS class.
        style: CSS put inside, for a picture in a file of its own; inside a page it has none.
    """
    inside = [element("style", text_of(style))] if style else []
    return element(
        "svg",
        *inside,
        *children,
        xmlns="http://www.w3.org/2000/svg" if style else None,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
        class_=class_ or None,
    )
