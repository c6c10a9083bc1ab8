"""Frames of a video with what a model looks at drawn over them.

Joints are circles sized by their cross-attention (Fan et al., 2020, Figure 6); weights of places
are heat maps over the part of the frame that the model saw (Zhu et al., 2022, Figures 10 and 11),
whose box is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from gesta.explain.scene import RELATION, Box, Floats, Look
from gesta.inference.overlay import COLOURS, Figure, Painter
from gesta.media import Image, Size
from gesta.skeleton import Layout

# From little to much, dark to light: read without colour, too.
_HEAT = ((0, 12, 12, 40), (0.3, 90, 20, 120), (0.6, 215, 60, 80), (0.85, 250, 160, 60),
         (1, 252, 250, 180))  # fmt: skip
_DARK, _LIGHT = (12, 14, 18), (255, 255, 255)
# Weights that differ by less than this do not look different.
SMALLEST_SPAN = 0.1
# Heat that hides less of the picture where there is little of it.
_FAINT, _STRONG = 0.25, 0.65
_GAP = 8


@dataclass(frozen=True)
class Range:
    """The weights that are drawn smallest and largest."""

    low: float
    high: float

    @classmethod
    def of(cls, weights: NDArray[np.floating], smallest: float = SMALLEST_SPAN) -> Range:
        """That of some weights, NaN left out, at least so wide."""
        known = weights[np.isfinite(weights)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        return cls(low, max(high, low + smallest))

    def share(self, weights: NDArray[np.floating]) -> NDArray[np.floating]:
        """Weights as shares of the way from the smallest to the largest."""
        return np.clip((weights - self.low) / (self.high - self.low), 0, 1)

    @property
    def text(self) -> str:
        """Both, for people."""
        return f"{self.low:.2f} to {self.high:.2f}"


@dataclass(frozen=True)
class Bodies:
    """The joints of one frame.

    Args:
        joints: (M, V, 2) pixels of the frame, NaN where missing.
        weights: (M, V) of them, NaN where a person has none; None: they are not weighed.
    """

    joints: NDArray[np.floating]
    weights: Floats | None = None


class SceneDrawer:
    """Draws on frames of one size, which are enlarged to be seen.

    Args:
        frame_size: (width, height) of the frames that joints and boxes mean.
        layout: what joints are.
        short: shorter side of the pictures, at least.
        longest: longer side at most.
    """

    def __init__(
        self, frame_size: Size, layout: Layout, short: int = 360, longest: int = 1280
    ) -> None:
        self.scale = min(max(1.0, short / min(frame_size)), longest / max(frame_size))
        width, height = (max(1, round(side * self.scale)) for side in frame_size)
        self.size = width, height
        self.painter = Painter(self.size, layout)
        self.largest = min(self.size) / 22

    def bodies(
        self, image: Image, bodies: Bodies, scale: Range | None, box: Box | None, caption: str = ""
    ) -> Image:
        """A frame with bodies, joints as circles by weight, the model's box and a caption.

        Args:
            image: (H, W, 3) uint8 RGB of the drawer's `size`.
            bodies: who is in it.
            scale: of the circles; None: there are none.
            box: what the model sees; None: all or nothing of it.
            caption: of the picture; none where empty.
        """
        picture = Pictures.fromarray(image)
        draw = ImageDraw.Draw(picture, "RGBA")
        if box is not None:
            self._frame(draw, box)
        joints = np.asarray(bodies.joints * self.scale, np.float32)
        if bodies.weights is not None and scale is not None:
            for person, weights in enumerate(bodies.weights):
                self._circles(draw, joints[person], scale.share(weights), person)
        figures = [
            Figure(person, points, np.ones(len(points), np.float32), "")
            for person, points in enumerate(joints)
        ]
        return self.painter.draw(np.array(picture), figures, caption)

    def heat(self, image: Image, box: Box, weights: Floats, scale: Range) -> Image:
        """A frame with weights of the parts of a box as a heat map over it."""
        x0, y0, x1, y1 = (round(edge * self.scale) for edge in box)
        size = max(1, x1 - x0), max(1, y1 - y0)
        shares = Pictures.fromarray(np.asarray(scale.share(weights), np.float32))
        spread = np.array(shares.resize(size, Pictures.Resampling.BILINEAR))[..., None]
        spread = spread[: image.shape[0] - y0, : image.shape[1] - x0]
        found = image.copy()
        place = (slice(y0, y0 + spread.shape[0]), slice(x0, x0 + spread.shape[1]))
        cover = _FAINT + (_STRONG - _FAINT) * spread
        found[place] = np.round((1 - cover) * image[place] + cover * _colour(spread[..., 0]))
        picture = Pictures.fromarray(found)
        self._frame(ImageDraw.Draw(picture, "RGBA"), box)
        return np.array(picture)

    def _frame(self, draw: ImageDraw.ImageDraw, box: Box) -> None:
        edges = [round(edge * self.scale) for edge in box]
        edges[2], edges[3] = edges[2] - 1, edges[3] - 1
        line = self.painter.line
        draw.rectangle(edges, outline=_DARK, width=line + 2)
        inner = [edges[0] + 1, edges[1] + 1, edges[2] - 1, edges[3] - 1]
        if inner[0] < inner[2] and inner[1] < inner[3]:
            draw.rectangle(inner, outline=_LIGHT, width=line)

    def _circles(
        self, draw: ImageDraw.ImageDraw, joints: Floats, shares: NDArray[np.floating], person: int
    ) -> None:
        """Circles whose area grows with the share; the smallest is the joint's own dot."""
        colour = _rgb(COLOURS[person % len(COLOURS)])
        for (x, y), share in zip(joints.tolist(), shares.tolist(), strict=True):
            if not np.isfinite([x, y, share]).all():
                continue
            radius = max(self.painter.line, self.largest * share**0.5)
            place = [x - radius, y - radius, x + radius, y + radius]
            draw.ellipse(place, fill=(*colour, 130), outline=(*_DARK, 230), width=1)
            inner = [place[0] + 1, place[1] + 1, place[2] - 1, place[3] - 1]
            draw.ellipse(inner, outline=(*colour, 255), width=2)


def heat_range(name: str, weights: Floats) -> Range:
    """What is drawn darkest and lightest of a map, by its name."""
    if name == "skeleton attention":  # a mask of squares: all or nothing
        return Range(0.0, 1.0)
    if name == RELATION:
        return Range.of(weights, smallest=0.5)
    return Range.of(weights)


def look_panels(
    drawer: SceneDrawer, image: Image, bodies: Bodies, look: Look
) -> list[tuple[Image, str]]:
    """A single frame that a model looks at: as it is, and under each of its maps.

    Args:
        drawer: of the frame's size.
        image: the frame, (H, W, 3) uint8 of the drawer's size.
        bodies: in it; their weights are not looked at.
        look: what is drawn.

    Returns:
        Pictures with their titles.
    """
    own = Bodies(bodies.joints)
    panels = [(drawer.bodies(image, own, None, look.box), f"frame {look.frame} and the crop")]
    for name, weights in look.maps.items():
        scale = heat_range(name, weights)
        title = f"{name}, {scale.text}"
        picture = drawer.heat(image, look.box, weights, scale)
        if name == RELATION and look.joints is not None:
            sizes = Range.of(look.joints, smallest=0.5)
            weighed = np.repeat(look.joints[None], len(own.joints), axis=0)
            picture = drawer.bodies(picture, Bodies(own.joints, weighed), sizes, None)
            title += f"; joints {sizes.text}"
        panels.append((picture, title))
    return panels


def sheet(panels: Sequence[tuple[Image, str]], columns: int, note: str = "") -> Image:
    """Pictures of one size side by side, each with its title below, and a note under all."""
    height, width = panels[0][0].shape[:2]
    letters = max(13, round(width / 30))
    font, foot = ImageFont.load_default(letters), round(letters * 1.7)
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    wide = columns * (width + _GAP) + _GAP
    lines = _wrapped(note, font, wide - 2 * _GAP)
    high = rows * (height + foot + _GAP) + _GAP + len(lines) * foot
    page = Pictures.new("RGB", (wide, high), _DARK)
    draw = ImageDraw.Draw(page)
    for number, (picture, title) in enumerate(panels):
        x = _GAP + number % columns * (width + _GAP)
        y = _GAP + number // columns * (height + foot + _GAP)
        page.paste(Pictures.fromarray(picture), (x, y))
        draw.text((x, y + height + 2), title, fill=_LIGHT, font=font)
    for number, line in enumerate(lines):
        draw.text((_GAP, high - (len(lines) - number) * foot), line, fill=_LIGHT, font=font)
    return np.array(page)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, wide: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= wide:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _colour(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """(H, W, 3) colours of shares (H, W)."""
    stops = np.array(_HEAT, np.float64)
    return np.stack([np.interp(shares, stops[:, 0], stops[:, i]) for i in (1, 2, 3)], axis=-1)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
