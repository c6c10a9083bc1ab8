"""What is said of a video, drawn over its pictures: skeletons, numbers of persons, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from gesta.inference.predict import UNKNOWN, Segment
from gesta.inference.video import Watched
from gesta.media import Image, Size, VideoWriter, open_video
from gesta.pose import Sighting
from gesta.skeleton import Layout
from gesta.transforms.rgb import SURE

# Bright hues that the colour-blind tell apart (Okabe and Ito, 2008), for dark and light pictures.
COLOURS = ("#56b4e9", "#e69f00", "#2fd08f", "#f0e442", "#e58ac0", "#ff7043", "#b3a2ff", "#ffffff")
_DARK = (12, 14, 18)
# Larger pictures are scaled down: few players show more.
LONGEST_SIDE = 3840
# A person is drawn where they were last seen for so many seconds, should a frame have no poses.
_HELD = 0.2
USUAL_RATE = 25.0


@dataclass(frozen=True)
class Figure:
    """Somebody to be drawn.

    Args:
        number: of the person; chooses the colour.
        joints: (V, 2) pixels of the picture, NaN where not known.
        confidence: (V,).
        text: what stands beside the number; "" where nothing is said.
    """

    number: int
    joints: NDArray[np.float32]
    confidence: NDArray[np.float32]
    text: str


class Painter:
    """Draws on pictures of one size; lines and letters go by that.

    Args:
        size: (width, height) of the pictures.
        layout: what joints are.
    """

    def __init__(self, size: Size, layout: Layout) -> None:
        self.size, self.layout = size, layout
        short = min(size)
        self.line = max(2, round(short / 240))
        self.font = ImageFont.load_default(max(12, round(short / 26)))

    def draw(self, image: Image, figures: Sequence[Figure], caption: str = "") -> Image:
        """A picture with figures, their numbers and labels, and a caption in its upper corner.

        Args:
            image: (H, W, 3) uint8 RGB; stays as it is.
            figures: who is in it.
            caption: of the picture as a whole.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        picture = Pictures.fromarray(image)
        draw = ImageDraw.Draw(picture)
        for figure in figures:
            self._draw_body(draw, figure)
        taken: list[tuple[float, float, float, float]] = []
        if caption:
            self._draw_label(draw, caption, "#ffffff", (self.line * 2, self.line * 2), taken)
        for figure in figures:
            known = figure.joints[self._shown(figure)]
            if len(known):
                text = f"{figure.number} {figure.text}".strip()
                place = (float(known[:, 0].mean()), float(known[:, 1].min()))
                self._draw_label(draw, text, _colour(figure), place, taken, above=True)
        return np.array(picture)

    def _shown(self, figure: Figure) -> NDArray[np.bool_]:
        there = np.isfinite(figure.joints).all(axis=1)
        return np.asarray(there & (figure.confidence >= SURE))

    def _draw_body(self, draw: ImageDraw.ImageDraw, figure: Figure) -> None:
        shown, colour = self._shown(figure), _colour(figure)
        bones = [bone for bone in self.layout.bones if shown[list(bone)].all()]
        points = [tuple(map(float, point)) for point in figure.joints]
        # A dark rim keeps light lines apart from light pictures.
        for width, ink in ((self.line + max(2, self.line // 2 * 2), _DARK), (self.line, colour)):
            for child, parent in bones:
                draw.line([points[child], points[parent]], fill=ink, width=width)
            radius = width * 0.8
            for joint in np.flatnonzero(shown):
                x, y = points[joint]
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=ink)

    def _draw_label(
        self,
        draw: ImageDraw.ImageDraw,
        text: str,
        colour: str,
        place: tuple[float, float],
        taken: list[tuple[float, float, float, float]],
        *,
        above: bool = False,
    ) -> None:
        """Text on a dark ground, inside the picture and on no other text."""
        pad = self.line + 1
        left, top, right, bottom = draw.textbbox((0, 0), text, font=self.font)
        wide, high = right - left + 2 * pad, bottom - top + 2 * pad
        x, y = (place[0] - wide / 2, place[1] - high - 4 * self.line) if above else place
        x = min(max(x, 0), max(0, self.size[0] - wide))
        y = min(max(y, 0), max(0, self.size[1] - high))
        for _ in taken:
            y = max((other[3] for other in taken if _overlap(other, (x, y, x + wide, y + high))),
                    default=y)  # fmt: skip
        box = (x, y, x + wide, y + high)
        taken.append(box)
        draw.rectangle(box, fill=_DARK, outline=colour)
        draw.text((x + pad - left, y + pad - top), text, fill=colour, font=self.font)


def write_overlay(
    source: str | Path,
    out: str | Path,
    watched: Watched,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write a video again with what was seen and said of it drawn over its pictures.

    Args:
        source: the video, a file or folder.
        out: the video to write: .mp4, .mov or .mkv.
        watched: what `gesta.inference.Recognizer.watch` gave for it.
        progress: is told how many frames are written.

    Raises:
        MediaError: the video cannot be read again, or the other not be written.
    """
    with open_video(source) as video:
        size = overlay_size(video.size)
        painter = Painter(size, watched.layout)
        scale = size[0] / video.size[0]
        sightings = _Latest(iter(watched.sightings))
        segments = {p.track: p.segments for p in watched.prediction.persons}
        scaled = None if size == video.size else size
        with VideoWriter(out, size, video.frame_rate or USUAL_RATE) as writer:
            for frame in video.frames(size=scaled):
                figures = []
                seen = sightings.at(frame.time)
                if seen is not None:
                    said = said_at(segments, frame.time)
                    figures = figures_of(seen, watched.people, said, scale)
                caption = said_at(segments, frame.time).get(None, "")
                writer.write(painter.draw(frame.image, figures, caption))
                if progress is not None:
                    progress(frame.index + 1)
    return Path(out)


def overlay_size(size: Size) -> Size:
    """The size of the pictures drawn on: the video's, unless that is too large to be played."""
    share = min(1.0, LONGEST_SIDE / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def figures_of(
    seen: Sighting, people: Mapping[int, int], said: Mapping[int | None, str], scale: float
) -> list[Figure]:
    """Those of a sighting who have a number, as they are drawn.

    Args:
        seen: persons of a frame.
        people: numbers by track.
        said: what is said of each number.
        scale: of the picture drawn on, against the frame.
    """
    found = seen.detections
    return [
        Figure(
            people[track],
            found.joints[index] * np.float32(scale),
            found.confidence[index],
            said.get(people[track], ""),
        )
        for index, track in enumerate(seen.tracks.tolist())
        if track in people
    ]


def said_at(segments: Mapping[int | None, Sequence[Segment]], time: float) -> dict[int | None, str]:
    """What is said of each person at a moment."""
    return {
        track: label_text(segment)
        for track, own in segments.items()
        for segment in own
        if segment.start <= time < segment.end
    }


def label_text(segment: Segment) -> str:
    """A label as it is drawn: with its probability, but for "unknown"."""
    if segment.label == UNKNOWN:
        return UNKNOWN
    return f"{segment.label.replace('_', ' ')} {100 * segment.top5[0][1]:.0f} %"


class _Latest:
    """The last sighting before a moment that goes on."""

    def __init__(self, sightings: Iterator[Sighting]) -> None:
        self._rest = sightings
        self._next = next(sightings, None)
        self._last: Sighting | None = None

    def at(self, time: float) -> Sighting | None:
        while self._next is not None and self._next.time <= time + 1e-6:
            self._last, self._next = self._next, next(self._rest, None)
        return self._last if self._last and time - self._last.time <= _HELD else None


def _colour(figure: Figure) -> str:
    return COLOURS[figure.number % len(COLOURS)]


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
