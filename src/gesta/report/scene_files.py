"""What a model looks at in the RGB of a clip, as files: pictures, a video, and the arrays."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from gesta.archive.durable import write_durably
from gesta.clip import Clip
from gesta.errors import ArchiveError, MediaError
from gesta.explain.scene import Look, Scene, Window, scenes
from gesta.inference.overlay import USUAL_RATE
from gesta.media import Image, VideoWriter, open_video
from gesta.media.moments import read_moments
from gesta.media.projection import joint_pixels
from gesta.report.arrays import write_arrays
from gesta.report.draw import spread
from gesta.report.explained import Explainer
from gesta.report.scene_drawing import (
    Bodies,
    Range,
    SceneDrawer,
    heat_range,
    look_panels,
    sheet,
)

# Frames that are decoded at once.
_AT_ONCE = 16
# Seconds that a video rests on a frame under each of its maps.
_HELD = 1.0
SHOWN = 8
_CIRCLES = (
    "Circles are joints, the larger the more they have to do with the scene, from the smallest to "
    "the largest cross-attention in the clip."
)
_HEAT = (
    "Heat from dark (little) to light (much), over the weights that stand below each picture. "
    "Relation: the mean weight that a place or joint receives, 1 where all are attended to alike."
)


@dataclass(frozen=True, eq=False)
class Filmed:
    """A clip with its video at hand, and what a model looked at in it.

    Args:
        clip: in the model's layout.
        scene: what was looked at.
        classes: names of the model's classes.
        path: of the video.
        joints: (M, T, V, 2) in its frames.
        drawer: for its frames.
    """

    clip: Clip
    scene: Scene
    classes: Sequence[str]
    path: Path
    joints: NDArray[np.float32]
    drawer: SceneDrawer

    @property
    def scale(self) -> Range | None:
        """Of the circles, the same over the clip."""
        weights = self.scene.weights
        return None if weights is None else Range.of(weights)

    def images(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """(n, H, W, 3) frames of the clip in the drawer's size.

        Raises:
            MediaError: the video cannot be read.
        """
        assert self.clip.video is not None  # filmed
        found = read_moments(self.path, self.clip.video.times[list(frames)], None, self.drawer.size)
        if isinstance(found, str):
            raise MediaError(found)
        return found

    def bodies(self, frame: int) -> Bodies:
        """The joints of a frame with their weights."""
        weights = self.scene.weights
        return Bodies(self.joints[:, frame], None if weights is None else weights[:, frame])

    def window_at(self, frame: int) -> tuple[int, Window]:
        """The row that judges a frame, and its number: the one that begins last before it."""
        found = 0
        for number, window in enumerate(self.scene.windows):
            if window.frames.min() <= frame:
                found = number
        return found, self.scene.windows[found]

    def caption(self, number: int) -> str:
        """What the model says of a window, as the overlay of `gesta predict` does."""
        scores = self.scene.windows[number].log_probs
        best = int(scores.argmax())
        text = f"{self.classes[best].replace('_', ' ')} {100 * np.exp(scores[best]):.0f} %"
        count = len(self.scene.windows)
        return f"window {number + 1} of {count}: {text}" if count > 1 else text

    def drawn(self, image: Image, frame: int) -> Image:
        """A frame of the clip with what is known of it, and the caption of its window."""
        number, window = self.window_at(frame)
        boxes = [look.box for look in self.scene.looks if look.frame == frame]
        box = boxes[0] if boxes else window.box
        return self.drawer.bodies(image, self.bodies(frame), self.scale, box, self.caption(number))


def filmed(
    explainer: Explainer, clip: Clip, scene: Scene, classes: Sequence[str], short: int = 360
) -> Filmed | None:
    """A clip with its video; None where it has none, or nothing in it was looked at.

    Args:
        explainer: the model, which knows where videos are.
        clip: in the model's layout and space.
        scene: what the model looked at.
        classes: names of its classes.
        short: shorter side of the pictures, at least.
    """
    if scene.weights is None and not scene.looks:
        return None
    try:
        path = explainer.find(clip)
        if path is None or clip.video is None or not clip.frames:
            return None
        with open_video(path) as video:
            size = video.size
    except (ArchiveError, MediaError):  # of a model that does without: its poses are explained
        return None
    pixels = joint_pixels(clip, size=size)
    return Filmed(clip, scene, classes, path, pixels, SceneDrawer(size, clip.layout, short))


def write_scene(explainer: Explainer, clip: Clip, classes: Sequence[str], stem: Path) -> list[Path]:
    """Write ``<stem>-scene.npz`` and, where the clip has its video, ``.png`` and ``.mp4``.

    The picture has frames of the clip with joints as circles sized by their cross-attention, or
    the frames that the model looks at under each of its maps. The video plays the clip, all of its
    windows in order, with what the model says of each; it rests on frames that are looked at.

    The arrays are ``windows`` (K, T) the frames that each window reads, ``log_probs`` (K, Y),
    ``boxes`` (K, 4) what is seen of the whole frames; ``weights`` (M, T, V) the joints'
    cross-attention; for each look i ``look.i.frame``, ``look.i.box``, ``look.i.joints`` and its
    maps ``look.i.<name>``; ``joints`` (M, T, V, 2) in pixels of the video.

    Args:
        explainer: the model.
        clip: in the model's layout and space.
        classes: names of its classes.
        stem: path of the files without what is behind the name.

    Returns:
        The paths written; none for a model of poses alone, or one that weighs nothing.

    Raises:
        MediaError: the video cannot be read.
    """
    if not explainer.looks:
        return []
    (scene,) = scenes(explainer.model, explainer.pipeline, explainer.batch([clip]))
    if scene.weights is None and not scene.looks:
        return []
    own = filmed(explainer, clip, scene, classes)
    paths = [stem.with_name(f"{stem.name}-scene.{kind}") for kind in ("npz", "png", "mp4")]
    arrays = scene_arrays(scene)
    if own is None:
        write_arrays(paths[0], arrays)
        return paths[:1]
    write_arrays(paths[0], arrays | {"joints": own.joints})
    write_picture(paths[1], scene_sheet(own))
    _write_video(paths[2], own)
    return paths


def scene_arrays(scene: Scene) -> dict[str, NDArray[Any]]:
    """What was looked at, by name; see `write_scene`."""
    arrays: dict[str, NDArray[Any]] = {
        "windows": np.stack([window.frames for window in scene.windows]),
        "log_probs": np.stack([window.log_probs for window in scene.windows]),
    }
    boxes = [window.box for window in scene.windows if window.box is not None]
    if boxes:
        arrays["boxes"] = np.array(boxes)
    if scene.weights is not None:
        arrays["weights"] = scene.weights
    for number, look in enumerate(scene.looks):
        arrays[f"look.{number}.frame"] = np.array(look.frame)
        arrays[f"look.{number}.box"] = np.array(look.box)
        for name, weights in look.maps.items():
            arrays[f"look.{number}.{name}"] = weights
        if look.joints is not None:
            arrays[f"look.{number}.joints"] = look.joints
    return arrays


def note_of(own: Filmed) -> str:
    """What circles or colours in the pictures of a clip mean."""
    if own.scene.looks:
        return _HEAT
    boxed = own.scene.windows[0].box is not None
    return f"The rectangle is what the model sees. {_CIRCLES}" if boxed else _CIRCLES


def scene_sheet(own: Filmed, shown: int = SHOWN, columns: int = 4, *, noted: bool = True) -> Image:
    """Frames of a clip as one picture: those that are looked at, else some spread over it.

    Args:
        own: the clip.
        shown: how many frames, where no single ones are looked at.
        columns: how many pictures stand side by side; those of a frame that is looked at together.
        noted: whether what circles or colours mean stands below.

    Raises:
        MediaError: the video cannot be read.
    """
    looks = own.scene.looks
    if looks:
        images = own.images([look.frame for look in looks])
        panels = [
            panel
            for look, image in zip(looks, images, strict=True)
            for panel in look_panels(own.drawer, image, own.bodies(look.frame), look)
        ]
        each = len(panels) // len(looks)
        beside = each if each <= columns or len(looks) > 1 else 3
        note = f"{own.caption(0)}. {note_of(own)}" if noted else own.caption(0)
        return sheet(panels, beside, note)
    frames = spread(own.clip.frames, shown)
    panels = [
        (own.drawn(image, frame), f"frame {frame}")
        for frame, image in zip(frames, own.images(frames), strict=True)
    ]
    scale = "" if own.scale is None else f"cross-attention {own.scale.text}"
    return sheet(panels, columns, f"{note_of(own)} {scale}" if noted else scale)


def write_picture(path: Path, image: Image) -> None:
    """Write a picture as PNG."""
    data = io.BytesIO()
    Pictures.fromarray(image).save(data, "PNG")
    write_durably(path, data.getvalue())


def _write_video(path: Path, own: Filmed) -> None:
    rate = own.clip.frame_rate or USUAL_RATE
    with VideoWriter(path, own.drawer.size, rate) as writer:
        for image in _played(own, max(1, round(rate * _HELD))):
            writer.write(image)


def _played(own: Filmed, held: int) -> Iterator[Image]:
    """Every frame of a clip, and after those that are looked at their maps, each for a while."""
    looks: dict[int, list[Look]] = {}
    for look in own.scene.looks:
        looks.setdefault(look.frame, []).append(look)
    for start in range(0, own.clip.frames, _AT_ONCE):
        frames = range(start, min(start + _AT_ONCE, own.clip.frames))
        for frame, image in zip(frames, own.images(frames), strict=True):
            yield own.drawn(image, frame)
            for look in looks.get(frame, []):
                for name, weights in look.maps.items():
                    scale = heat_range(name, weights)
                    heat = own.drawer.heat(image, look.box, weights, scale)
                    caption = f"{name} in frame {frame}, {scale.text}"
                    nobody = Bodies(own.joints[:0, frame])
                    held_image = own.drawer.bodies(heat, nobody, None, None, caption)
                    for _ in range(held):
                        yield held_image
