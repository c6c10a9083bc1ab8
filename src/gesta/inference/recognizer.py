"""A trained model that is handed clips or files and says what people do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.clip import Clip, keep_persons
from gesta.errors import FormatError
from gesta.evaluation import score_batch
from gesta.formats import read_clips
from gesta.inference.predict import PersonPrediction, Prediction, fit_to_card, make_segment
from gesta.models import SkeletonModel
from gesta.nn import fold_batch_norm
from gesta.training import Card, Run, load_model
from gesta.training.machine import find_device
from gesta.transforms import collate

VIDEO_SUFFIXES = frozenset(
    (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
)
# Clips at once: the memory of a batch is bounded, whatever the length of a list.
BATCH = 64


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

        Raises:
            RunError: there is none, the run is not finished, or it is a group.
            FormatError: the file is damaged, or no gesta model.
        """
        file = Run.open(path).own_model() if Path(path).is_dir() else Path(path)
        return cls(*load_model(file, find_device(device)))

    @property
    def classes(self) -> tuple[str, ...]:
        """What it can tell apart."""
        return self.card.classes

    def predict(
        self, inputs: Clip | str | Path | Sequence[Clip | str | Path], *, scene: bool | None = None
    ) -> list[Prediction]:
        """What is done in each clip.

        Args:
            inputs: clips, paths of skeleton files (which may hold several clips), or a mixture.
            scene: whether all persons of a clip are judged together; False: each alone. By
                default as the model was trained.

        Returns:
            A prediction for each clip, in order.

        Raises:
            FormatError: a file cannot be read, or is a video.
            ShapeError: a clip's coordinates are not what the model was trained on.
        """
        given = [inputs] if isinstance(inputs, Clip | str | Path) else list(inputs)
        clips = [
            fit_to_card(clip, self.card) for item in given for clip in _clips_of(item, self.card)
        ]
        together = self.card.scene if scene is None else scene
        tracks = [self._tracks(clip, together) for clip in clips]
        scores = iter(self.score([clip for parts in tracks for _, clip in parts]))
        return [
            Prediction(
                clip.id,
                clip.frame_rate,
                tuple(
                    PersonPrediction(track, (make_segment(part, next(scores), self.classes),))
                    for track, part in parts
                ),
            )
            for clip, parts in zip(clips, tracks, strict=True)
        ]

    def score(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """(N, Y) log-probabilities of clips that are in the model's layout and space."""
        device = next(self.model.parameters()).device
        rows = [
            score_batch(
                self.model,
                self.pipeline,
                collate(clips[start : start + BATCH], persons=self.card.input.persons).to(device),
            )
            for start in range(0, len(clips), BATCH)
        ]
        if not rows:
            return np.zeros((0, len(self.classes)), np.float32)
        return torch.cat(rows).float().numpy()

    @staticmethod
    def _tracks(clip: Clip, together: bool) -> list[tuple[int | None, Clip]]:
        """What is judged: all of a clip at once, or each of its persons alone."""
        if together:
            return [(None, clip)]
        return [(person, keep_persons(clip, [person])) for person in range(clip.persons)]


def _clips_of(item: Clip | str | Path, card: Card) -> list[Clip]:
    if isinstance(item, Clip):
        return [item]
    path = Path(item)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise FormatError(
            path,
            "file",
            "a skeleton file",
            "a video",
            "video input needs a pose estimator and is not available in this version; extract "
            "skeletons first, for example with MMPose or MediaPipe, and give their file",
        )
    # Files that do not say which joints they hold are taken to hold the model's.
    clips = list(read_clips(path, card.layout))
    many = len(clips) > 1
    return [clip.replace(id=f"{path}:{clip.id}" if many else str(path)) for clip in clips]
