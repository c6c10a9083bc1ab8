"""A trained model that is handed clips, files or videos and says what people do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.archive import Context
from gesta.clip import Clip
from gesta.errors import MediaError, RecipeError, RunError
from gesta.evaluation import score_batch
from gesta.formats import read_clips
from gesta.inference.live import Follower
from gesta.inference.predict import (
    PersonPrediction,
    Prediction,
    Segment,
    fit_to_card,
    make_segment,
)
from gesta.inference.timeline import (
    A_FRAME,
    BATCH,
    Subject,
    Timing,
    frame_edges,
    judge,
    subjects_of,
)
from gesta.inference.video import (
    Progress,
    Scene,
    Watched,
    check_persons,
    check_watches,
    is_live,
    is_video,
    make_estimator,
    see,
)
from gesta.models import SkeletonModel
from gesta.nn import fold_batch_norm
from gesta.pose import PoseEstimator, watch
from gesta.training import Card, Run, load_model
from gesta.training.machine import find_device
from gesta.training.run import is_demo
from gesta.transforms import collate, footage_of
from gesta.transforms.reels import FindVideo, own_video, takes_footage

if TYPE_CHECKING:
    from gesta.media import Video

# Clips scored at once where pictures go with them: those of `BATCH` may take gigabytes.
WITH_RGB = 8


class Recognizer:
    """Says what people do.

    Args:
        model: stays as it is; a copy with folded norms, on its device, does the work.
        card: what its file says of it.
    """

    def __init__(self, model: SkeletonModel, card: Card) -> None:
        self.model, self.card = fold_batch_norm(model), card
        self.pipeline = card.pipeline()

    @classmethod
    def from_run(cls, path: str | Path, device: str = "auto") -> Recognizer:
        """The recogniser of a finished run's folder, or of a weights file with its card.

        Args:
            path: of either; the word "demo" stands for the model that comes with the package.
            device: "auto", "cpu" or "cuda".

        Raises:
            RunError: there is none, the run is not finished, or it is a group.
            FormatError: the file is damaged, or no gesta model.
        """
        is_run = is_demo(path) or Path(path).is_dir()
        if not is_run and not Path(path).exists():
            raise RunError(f"{path}: there is no such run, nor a weights file of one")
        file = Run.open(path).own_model() if is_run else Path(path)
        return cls(*load_model(file, find_device(device)))

    @property
    def classes(self) -> tuple[str, ...]:
        """What it can tell apart."""
        return self.card.classes

    def predict(
        self,
        inputs: Clip | str | Path | Sequence[Clip | str | Path],
        *,
        scene: bool | None = None,
        timing: Timing | None = None,
        estimator: str | PoseEstimator | None = None,
        size: int | None = None,
        persons: int | None = None,
    ) -> list[Prediction]:
        """What is done in each clip or video.

        A video is judged in windows over time, which are merged into segments in seconds. A clip
        is judged as a whole, as one that was cut to an action, unless ``timing`` asks for windows;
        its segments are in frames.

        Args:
            inputs: clips, paths of skeleton files (which may hold several clips), videos (files,
                or folders of images), or a mixture.
            scene: whether all persons of a clip are judged together; False: each alone. By
                default as the model was trained.
            timing: windows, and from when on an answer is one. A video's threshold is by default
                the card's; a clip always gets an answer unless a threshold is given.
            estimator: of poses in videos, or its name; by default the one that the model's
                training data were made with, else MoveNet.
            size: pixels of the longer side that frames are scaled to for the estimator.
            persons: how many of a video are judged, the most present; None: everybody.

        Returns:
            A prediction for each clip and video, in order.

        Raises:
            FormatError, MediaError: a file cannot be read.
            ShapeError: coordinates are not what the model was trained on, and cannot be made so.
            RecipeError: windows or persons that cannot be.
        """
        given = [inputs] if isinstance(inputs, Clip | str | Path) else list(inputs)
        timing = timing or Timing()
        predictions: list[Prediction] = []
        clips: list[Clip] = []
        for item in given:
            if isinstance(item, Clip) or not is_video(item):
                clips += _clips_of(item, self.card)
                continue
            predictions += self._judge_clips(clips, scene, timing)
            clips = []
            watched = self.watch(
                item, scene=scene, timing=timing, estimator=estimator, size=size, persons=persons
            )
            predictions.append(watched.prediction)
        return predictions + self._judge_clips(clips, scene, timing)

    def watch(
        self,
        source: str | Path,
        *,
        scene: bool | None = None,
        timing: Timing | None = None,
        estimator: str | PoseEstimator | None = None,
        size: int | None = None,
        persons: int | None = None,
        progress: Progress | None = None,
    ) -> Watched:
        """Watch a video to its end.

        Args:
            source: a file, or a folder of images.
            scene, timing, estimator, size, persons: as of `predict`.
            progress: is told how many frames have been watched.

        Returns:
            What is said of it with what was seen, as `gesta.inference.write_overlay` draws it.

        Raises:
            MediaError: it cannot be read, or is a camera or stream; see `follow`.
            ShapeError, RunError: the model cannot judge such poses, or wants more than them.
            RecipeError: windows or persons that cannot be.
        """
        from gesta.media import open_video

        timing = timing or Timing()
        check_persons(persons)
        if is_live(source):
            raise MediaError(f"{source}: has no end; follow it as it comes (Recognizer.follow)")
        eyes = make_estimator(self.card, estimator, size)
        check_watches(self.card, self.model.inputs, eyes.layout, str(source))
        with open_video(source) as video:
            # Windows that cannot be are told before the video is watched.
            timing.lengths(self.card, 1 / (video.frame_rate or 1 / A_FRAME))
            sightings = see(watch(video, eyes), video, progress)
            scenery = Scene(sightings, eyes.layout, video.frame_rate, video.size, str(source))
            problems = tuple(video.problems)
        subjects, people = self._subjects(scenery, self._together(scene), persons)
        edges = frame_edges(scenery.times, scenery.frame_rate)
        judged = judge(subjects, edges, self.card, timing, self.score, self._threshold(timing))
        prediction = Prediction(str(source), scenery.frame_rate, judged)
        return Watched(prediction, eyes.layout, tuple(sightings), people, problems)

    def follow(
        self,
        video: Video,
        estimator: PoseEstimator,
        *,
        scene: bool | None = None,
        timing: Timing | None = None,
        persons: int | None = None,
    ) -> Follower:
        """Follow a camera or stream, which may have no end; `Follower.follow` gives segments.

        Args:
            video: what `gesta.media.open_video` gives.
            estimator: of its poses.
            scene, timing, persons: as of `predict`.

        Raises:
            ShapeError, RunError: the model cannot judge such poses, or wants more than them.
            RecipeError: windows or persons that cannot be.
        """
        timing = timing or Timing()
        check_persons(persons)
        check_watches(self.card, self.model.inputs, estimator.layout, video.name, live=video.live)
        return Follower(
            self.card,
            self.score,
            Scene((), estimator.layout, video.frame_rate, video.size, video.name),
            timing,
            together=self._together(scene),
            threshold=self._threshold(timing),
            persons=persons,
        )

    def score(
        self,
        clips: Sequence[Clip],
        *,
        find: FindVideo = own_video,
        context: Context | None = None,
    ) -> NDArray[np.float32]:
        """Judge clips that are in the model's layout and space.

        Args:
            clips: N of them.
            find: where the video of a clip is, for a model that takes RGB.
            context: vectors of the clips, for a model that takes context.

        Returns:
            (N, Y) log-probabilities.

        Raises:
            MediaError: clips have no usable RGB, and the model's card has this as an error.
        """
        device, rows = next(self.model.parameters()).device, []
        step = WITH_RGB if takes_footage(self.model.inputs) else BATCH
        for start in range(0, len(clips), step):
            some, options = clips[start : start + step], self.card.video
            footage = footage_of(
                some, self.model.inputs, options, find=find, context=context, device=device
            )
            batch = collate(some, persons=self.card.input.persons, footage=footage)
            rows.append(score_batch(self.model, self.pipeline, batch.to(device)))
        if not rows:
            return np.zeros((0, len(self.classes)), np.float32)
        return torch.cat(rows).float().numpy()

    def _together(self, scene: bool | None) -> bool:
        return self.card.scene if scene is None else scene

    def _threshold(self, timing: Timing) -> float | None:
        return self.card.unknown_below if timing.threshold is None else timing.threshold

    def _subjects(
        self, scene: Scene, together: bool, persons: int | None
    ) -> tuple[list[Subject], dict[int, int]]:
        """Who is judged, and the numbers under which people are drawn."""
        subjects, people = scene.apart(self.card, persons)
        if together:
            return [scene.together(self.card)], people
        return subjects, people

    def _judge_clips(
        self, given: Sequence[Clip], scene: bool | None, timing: Timing
    ) -> list[Prediction]:
        clips = [fit_to_card(clip, self.card) for clip in given]
        together = self._together(scene)
        if timing.cuts:
            return [self._judge_in_windows(clip, together, timing) for clip in clips]
        subjects = [subjects_of(clip, together) for clip in clips]
        scores = iter(
            self.score(
                [
                    subject.cut(0, clip.frames)
                    for clip, own in zip(clips, subjects, strict=True)
                    for subject in own
                ]
            )
        )
        return [
            Prediction(
                clip.id,
                clip.frame_rate,
                tuple(
                    PersonPrediction(
                        subject.track,
                        (make_segment(clip, next(scores), self.classes, timing.threshold),),
                    )
                    for subject in own
                ),
            )
            for clip, own in zip(clips, subjects, strict=True)
        ]

    def _judge_in_windows(self, clip: Clip, together: bool, timing: Timing) -> Prediction:
        if clip.frame_rate is None:
            raise RecipeError(
                f"clip {clip.id!r}: windows are given in seconds, and the clip does not say how "
                "many frames it has a second; judge it as a whole"
            )
        edges = np.arange(clip.frames + 1) / clip.frame_rate
        persons = judge(
            subjects_of(clip, together), edges, self.card, timing, self.score, timing.threshold
        )
        return Prediction(clip.id, clip.frame_rate, _in_frames(persons, clip.frame_rate))


def _in_frames(
    persons: Sequence[PersonPrediction], frame_rate: float
) -> tuple[PersonPrediction, ...]:
    return tuple(
        PersonPrediction(
            person.track,
            tuple(
                Segment(
                    round(one.start * frame_rate), round(one.end * frame_rate), one.label, one.top5
                )
                for one in person.segments
            ),
        )
        for person in persons
    )


def _clips_of(item: Clip | str | Path, card: Card) -> list[Clip]:
    if isinstance(item, Clip):
        return [item]
    path = Path(item)
    # Files that do not say which joints they hold are taken to hold the model's.
    clips = list(read_clips(path, card.layout))
    many = len(clips) > 1
    return [clip.replace(id=f"{path}:{clip.id}" if many else str(path)) for clip in clips]
