"""The card: what has to be known to use weights, stored in the file that holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gesta.archive.durable import write_durably
from gesta.errors import FormatError, RunError
from gesta.models import SkeletonModel, create_model, load_weights
from gesta.skeleton import Layout
from gesta.training.typed import section_from
from gesta.transforms import AugmentOptions, InputOptions, InputPipeline, VideoOptions


@dataclass(frozen=True)
class Card:
    """What has to be known to use a model's weights.

    Args:
        model, options: name and options of the model.
        layout: the skeleton.
        classes: names of the Y classes.
        channels: names of the C coordinate channels.
        space: what the coordinates are measured in.
        stream: what is made of the joints.
        input: how clips become the model's input.
        frames, persons: what the model was made for, None: any.
        scene: whether it was trained on clips with all their persons; otherwise on one track.
        dataset, protocol: what it was trained on.
        final: whether on train and validation together.
        seed: of the training.
        metrics: of its test part.
        version: of gesta.
        clip_frames, clip_seconds: the 10th, 50th and 90th percentile of the lengths of the clips
            it was trained on; none where unknown (no frame rate, or a card of an older gesta).
        frame_rate: their median frames a second, None where unknown.
        unknown_below: the probability below which its answer about a video is "unknown", chosen
            on validation scores (`gesta.evaluation.answer_threshold`); None: it always answers.
        licence: of the data it was trained on, as far as their archive says.
        video: how RGB becomes the model's input, for a model that takes any.
        context: what made the context vectors that it learnt from, for a model that takes them.
        poses: how the poses of its training data were estimated, if they were and the archive
            says it: ``estimator`` and its ``options``.
    """

    model: str
    options: Mapping[str, Any]
    layout: Layout
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    space: str
    stream: str
    input: InputOptions
    frames: int | None
    persons: int | None
    scene: bool
    dataset: str
    protocol: str
    final: bool
    seed: int
    metrics: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    clip_frames: tuple[float, ...] = ()
    clip_seconds: tuple[float, ...] = ()
    frame_rate: float | None = None
    unknown_below: float | None = None
    licence: str = ""
    poses: Mapping[str, Any] = field(default_factory=dict)
    video: VideoOptions = field(default_factory=VideoOptions)
    context: Mapping[str, str] = field(default_factory=dict)

    def provenance(self, run: str, dataset: str, protocol: str, part: str) -> dict[str, Any]:
        """What scores of this model say of their origin: whose they are, and of which clips."""
        return {
            "run": run,
            "model": self.model,
            "dataset": dataset,
            "protocol": protocol,
            "part": part,
            "stream": self.stream,
            "seed": self.seed,
            "final": self.final,
        }

    def pipeline(self, augment: AugmentOptions | None = None) -> InputPipeline:
        """What makes the model's input of clips."""
        augment = augment or AugmentOptions()
        return InputPipeline(self.input, augment, self.layout, self.stream, self.video)

    def make_model(self, generator: torch.Generator | None = None) -> SkeletonModel:
        """The model, newly initialised."""
        return create_model(
            self.model,
            self.layout,
            len(self.classes),
            self.pipeline().channels(len(self.channels)),
            self.frames,
            self.persons,
            generator=generator,
            **self.options,
        )

    def to_json(self) -> str:
        """The card as it stands in the file's metadata."""
        table = dict(vars(self)) | {
            "layout": self.layout.to_dict(),
            "input": asdict(self.input),
            "video": asdict(self.video),
        }
        return json.dumps(table)

    @classmethod
    def from_json(cls, text: str, source: str | Path) -> Card:
        """Read what `to_json` gives.

        Raises:
            FormatError: it is something else.
        """
        try:
            table = json.loads(text)
            return cls(
                **table
                | {
                    "layout": Layout.from_dict(table["layout"], source),
                    "input": section_from(InputOptions, table["input"], f"{source}: input"),
                    "video": section_from(VideoOptions, table.get("video", {}), f"{source}: video"),
                    "classes": tuple(table["classes"]),
                    "channels": tuple(table["channels"]),
                    "clip_frames": tuple(table.get("clip_frames", ())),
                    "clip_seconds": tuple(table.get("clip_seconds", ())),
                }
            )
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(
                source, "metadata", "the card of a gesta model", str(error)
            ) from error


def save_model(path: str | Path, weights: Mapping[str, Tensor], card: Card) -> None:
    """Write weights with their card, whole or not at all."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_durably(Path(path), save(tensors, {"format": "pt", "card": card.to_json()}))


def read_card(path: str | Path) -> Card:
    """The card of a weights file.

    Raises:
        RunError: there is no such file.
        FormatError: it is no safetensors file, or has no card.
    """
    if not Path(path).is_file():
        raise RunError(f"{path}: no such model; it is written when a run is finished")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise FormatError(path, "file", "a safetensors file", str(error)) from error
    if "card" not in metadata:
        raise FormatError(path, "metadata", "the card of a gesta model", "none")
    return Card.from_json(metadata["card"], path)


def load_model(path: str | Path, device: torch.device | str = "cpu") -> tuple[SkeletonModel, Card]:
    """The model in a weights file, in evaluation mode, and its card.

    Raises:
        RunError, FormatError: there is no such file, or it is another kind.
        ModelError: the weights do not fit the model that the card names.
    """
    card = read_card(path)
    # Initial weights are overwritten at once: any generator does.
    model = card.make_model(torch.Generator().manual_seed(0))
    load_weights(model, path)
    return model.eval().to(device), card
