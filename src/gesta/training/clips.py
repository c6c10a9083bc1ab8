"""The clips of an archive as a model takes them: poses, and RGB or context where it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gesta.archive import Archive, Context, open_context
from gesta.errors import RecipeError, RunError
from gesta.models import SkeletonModel
from gesta.training.card import Card
from gesta.transforms import (
    Footage,
    ResidentClips,
    StoredFrames,
    VideoOptions,
    footage_of,
    takes_footage,
)
from gesta.transforms.footage import PICTURES
from gesta.transforms.reels import build_cache

Missing = Literal["error", "skeleton"]


def load_clips(
    archive: Archive,
    indices: NDArray[np.int64],
    card: Card,
    inputs: Sequence[str],
    device: torch.device | str = "cpu",
    *,
    context: str | Path = "",
    missing: Missing | None = None,
    stored: StoredFrames | None = None,
) -> ResidentClips:
    """Clips of an archive, ready for a model.

    Args:
        archive: what they are in.
        indices: (N,) which.
        card: of the model.
        inputs: the names of `gesta.transforms.Batch` that the model takes.
        device: where it is.
        context: the context file, for a model that takes context vectors.
        missing: what becomes of clips without usable RGB, where the card is not to decide.
        stored: `store_frames` of the archive, where the card says that frames are cached.

    Raises:
        ArchiveError: a shard is damaged.
        MediaError: clips have no usable RGB or context and that is an error.
        RunError: the context was made by something else than what the model learnt from.
    """
    footage = load_footage(
        archive, indices, card, inputs, device, context=context, missing=missing, stored=stored
    )
    return ResidentClips.from_archive(archive, indices, device, card.input.persons, footage)


def load_footage(
    archive: Archive,
    indices: NDArray[np.int64],
    card: Card,
    inputs: Sequence[str],
    device: torch.device | str = "cpu",
    *,
    context: str | Path = "",
    missing: Missing | None = None,
    stored: StoredFrames | None = None,
) -> Footage | None:
    """What a model takes of clips beside poses; arguments and errors as for `load_clips`."""
    if not takes_footage(inputs):
        return None
    opened = find_context(card, inputs, context)
    return footage_of(
        map(archive.read, indices.tolist()),
        inputs,
        card.video if missing is None else replace(card.video, missing=missing),
        find=archive.video_path,
        context=opened,
        stored=None if stored is None else stored.at(indices),
        device=device,
    )


def find_context(card: Card, inputs: Sequence[str], path: str | Path) -> Context | None:
    """The context file of a model; None where it takes none, or no file is named.

    Raises:
        RunError: the context was made by something else than what the model learnt from.
    """
    opened = open_context(path) if path and "context" in inputs else None
    if opened is not None and card.context != about(opened):
        raise RunError(
            f"{opened.path}: the model learnt from the context of {card.context}, this is that of "
            f"{about(opened)}"
        )
    return opened


def store_frames(
    archive: Archive,
    card: Card,
    inputs: Sequence[str],
    device: torch.device | str,
    say: Callable[[str], None] = lambda text: None,
) -> StoredFrames | None:
    """The cached frames of all clips of an archive; None where the card asks for no cache.

    The cache is a folder beside the archive, filled when it is first needed and shared by all
    runs.

    Args:
        archive: whose clips refer to videos.
        card: of the model.
        inputs: the names of `gesta.transforms.Batch` that the model takes.
        device: where frames are brought to where they fit.
        say: told where the cache has to be filled, which takes its time.

    Raises:
        MediaError: the cache cannot be written.
    """
    if not card.video.cache or set(PICTURES).isdisjoint(inputs):
        return None
    home = archive.path.resolve()
    folder = home.with_name(f"{home.name}.rgb{card.video.cache}")
    if not (folder / "index.json").is_file():
        say(f"{folder}: decoding the videos of {len(archive)} clips into a cache of small frames")
    cache = build_cache(folder, archive.clips, card.video, archive.video_path)
    return StoredFrames.of(cache, device)


def about(context: Context) -> dict[str, str]:
    """What a model's card says of the context that it learns from."""
    count, width = context.rows.shape[1:]
    return {**context.about, "k": str(count), "m": str(width)}


def check_context(model: SkeletonModel, context: str) -> None:
    """Check that a model that is given a context file takes one, and vectors of its width.

    Raises:
        RecipeError: it does not.
        FormatError: the file is no context file, or is damaged.
    """
    if context and "context" not in model.inputs:
        raise RecipeError(
            f"context: the model {model.name} takes {', '.join(model.inputs)} with these options, "
            "and no context; leave it out, or choose the option that makes the model take it"
        )
    wanted = getattr(model, "context_channels", None)
    width = open_context(context).rows.shape[2] if context else wanted
    if wanted is not None and wanted != width:
        raise RecipeError(
            f"{context}: has vectors of {width} numbers, and the model was made for {wanted}; give "
            f"it model.context_channels {width}"
        )


def check_pictures(model: SkeletonModel, options: VideoOptions) -> None:
    """Check that pictures are made as many and as large as a model takes them.

    Raises:
        RecipeError: they are not.
    """
    wanted = model.example_inputs(1, model.frames or 1, model.persons or 1)
    places = len(options.position)
    if "frames" in wanted and wanted["frames"].shape[1] != places:
        count = wanted["frames"].shape[1]
        raise RecipeError(
            f"video.position: expected {count} places, as the model {model.name} looks at {count} "
            f"frames of a clip, found {places}; give as many (--video.position 0.3 0.5 0.7), or "
            "the model another number of frames (--model.image-frames)"
        )
    for name in {"video", "frames"} & wanted.keys():
        if (side := wanted[name].shape[-1]) != options.size:
            raise RecipeError(
                f"video.size: expected {side}, as the model {model.name} takes pictures of "
                f"{side}x{side}, found {options.size}; give --video.size and the model's own "
                "option (video_size or image_size) the same number"
            )
