"""Videos as what is judged: who is seen in them, frame by frame, and how a model asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gesta.clip import Clip, VideoReference
from gesta.datasets.split_files import VIDEO_ENDINGS
from gesta.errors import MediaError, RecipeError, RunError
from gesta.inference.predict import Prediction, fit_to_card
from gesta.inference.timeline import Subject
from gesta.inference.windows import Floats
from gesta.pose import PoseEstimator, Sighting, choose_tracks, create_estimator, tracks_to_clip
from gesta.skeleton import Layout
from gesta.training import Card
from gesta.transforms.reels import takes_footage

if TYPE_CHECKING:
    from gesta.media import Size, Video

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Watched:
    """A video that was watched to its end.

    Args:
        prediction: what is said of it.
        layout: what the joints of its sightings are.
        sightings: of its T frames, in order.
        people: the numbers that the tracks of the sightings have in the prediction.
        problems: what is damaged in the video, in words.
    """

    prediction: Prediction
    layout: Layout
    sightings: tuple[Sighting, ...]
    people: Mapping[int, int]
    problems: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """What was seen in a video.

    Args:
        sightings: of its T frames, in order.
        layout: what their joints are.
        frame_rate: frames a second, None where unknown.
        frame_size: (width, height).
        name: of the video.
    """

    sightings: Sequence[Sighting]
    layout: Layout
    frame_rate: float | None
    frame_size: Size
    name: str

    @cached_property
    def times(self) -> Floats:
        """(T,) seconds of the frames."""
        return np.array([seen.time for seen in self.sightings], np.float64)

    def together(self, card: Card) -> Subject:
        """Everybody as one subject; of each window the most present count."""

        def cut(start: int, stop: int) -> Clip:
            part = self.sightings[start:stop]
            clip = tracks_to_clip(
                part,
                self.layout,
                persons=card.input.persons,
                frame_rate=self.frame_rate,
                frame_size=self.frame_size,
                video=self.name,
                id=self.name,
            )
            return fit_to_card(clip, card)

        seen = np.array([bool((one.tracks >= 0).any()) for one in self.sightings], bool)
        return Subject(None, 0, seen, cut)

    def apart(self, card: Card, persons: int | None) -> tuple[list[Subject], dict[int, int]]:
        """Each person as a subject, the most present first, and their numbers by track.

        Memory is that of the frames in which each is about, not of all frames for each.
        """
        chosen = choose_tracks(self.sightings, persons)
        numbers = {track: number for number, track in enumerate(chosen)}
        places: dict[int, list[tuple[int, int]]] = {track: [] for track in chosen}
        for frame, seen in enumerate(self.sightings):
            for index, track in enumerate(seen.tracks.tolist()):
                if track in places:
                    places[track].append((frame, index))
        return [self._subject(numbers[track], places[track], card) for track in chosen], numbers

    def _subject(self, number: int, places: Sequence[tuple[int, int]], card: Card) -> Subject:
        first, after = places[0][0], places[-1][0] + 1
        shape = (1, after - first, len(self.layout))
        coords, confidence = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32)
        for frame, index in places:
            found = self.sightings[frame].detections
            coords[0, frame - first] = found.joints[index]
            confidence[0, frame - first] = found.confidence[index]
        times = self.times[first:after]

        def cut(start: int, stop: int) -> Clip:
            part = slice(start - first, stop - first)
            clip = Clip(
                coords[:, part],
                self.layout,
                ("x", "y"),
                "pixels",
                confidence=confidence[:, part],
                pixels=coords[:, part],
                frame_rate=self.frame_rate,
                frame_size=self.frame_size,
                video=VideoReference(self.name, times[part]),
                id=self.name,
            )
            return fit_to_card(clip, card)

        seen = np.zeros(after - first, bool)
        seen[[frame - first for frame, _ in places]] = True
        return Subject(number, first, seen, cut)


def is_live(source: object) -> bool:
    """Whether it names a camera or a stream."""
    from gesta.media.live import CAMERA, URL

    text = str(source)
    return CAMERA.fullmatch(text) is not None or URL.match(text) is not None


def is_video(source: str | Path) -> bool:
    """Whether it is watched, and not read as a file of skeletons: by its name or kind."""
    path = Path(source)
    return is_live(source) or path.suffix.lower() in VIDEO_ENDINGS or path.is_dir()


def videos_in(folder: str | Path) -> list[Path]:
    """The videos in a folder at any depth, in the order of their names; hidden ones left out."""
    found = (path for path in Path(folder).rglob("*") if path.suffix.lower() in VIDEO_ENDINGS)
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def make_estimator(
    card: Card, estimator: str | PoseEstimator | None = None, size: int | None = None
) -> PoseEstimator:
    """The pose estimator that a video is watched with.

    Args:
        card: of the model, which names the one that its training data was made with, if any.
        estimator: another one, or its name.
        size: pixels of the longer side that frames are scaled to.

    Raises:
        PoseError: there is no such estimator, or it has no such option.
    """
    if estimator is not None and not isinstance(estimator, str):
        return estimator
    own = str(card.poses.get("estimator", "movenet"))
    name = estimator or own
    options: dict[str, Any] = dict(card.poses.get("options", {})) if name == own else {}
    return create_estimator(name, **(options if size is None else options | {"long_side": size}))


def check_watches(
    card: Card, inputs: Iterable[str], layout: Layout, name: str, *, live: bool = False
) -> None:
    """Check, before a video is decoded, that a model can judge what will be seen in it.

    Args:
        card: of the model.
        inputs: what the model takes.
        layout: what the joints of the estimator are.
        name: of the video.
        live: whether its pictures come only once.

    Raises:
        ShapeError: the model wants metres or depth, or joints that the estimator does not give.
        RunError: it takes something beside poses that is not to be had.
    """
    joints = np.zeros((1, 1, len(layout), 2), np.float32)
    fit_to_card(Clip(joints, layout, ("x", "y"), "pixels", frame_size=(2, 2), id=name), card)
    if "context" in inputs:
        raise RunError(
            f"{name}: the model takes context vectors, which are made for the clips of an archive: "
            "put the video into one with gesta extract, and score it with gesta evaluate"
        )
    if live and takes_footage(tuple(inputs)):
        raise RunError(
            f"{name}: the model looks at pictures of the whole window, and those of a camera or "
            "stream come only once; record it to a file, or give a model of poses alone"
        )


def check_persons(persons: int | None) -> None:
    """Check how many persons are to be judged.

    Raises:
        RecipeError: less than one.
    """
    if persons is not None and persons < 1:
        raise RecipeError(f"persons: expected at least 1, found {persons}")


def see(
    sightings: Iterable[Sighting], video: Video, progress: Progress | None = None
) -> list[Sighting]:
    """All that is seen in a video.

    Raises:
        MediaError: it cannot be decoded, or has no frame.
    """
    found = []
    for seen in sightings:
        found.append(seen)
        if progress is not None:
            progress(len(found))
    if not found:
        raise MediaError(f"{video.name}: has no frame that can be decoded")
    return found
