"""Features of a frozen network of images, a set for each frame: context that training reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from gesta.archive import Archive, Context, write_context
from gesta.clip import Clip
from gesta.errors import MediaError, RecipeError, ShapeError
from gesta.models import ImageNetwork, create_image_network, image_network_entry, load_stream
from gesta.nn import fold_batch_norm
from gesta.training.machine import find_device
from gesta.transforms import DecodedFrames, Footage, VideoOptions, ahead, footage_of
from gesta.transforms.crops import crop_boxes
from gesta.transforms.image import normalise

View = Literal["centre", "whole", "projection"]
Progress = Callable[[int, int], None]

# Frames that a process decodes for itself, and how many such rows are read and seen at once.
_FRAMES, _ROWS = 32, 4


def compute_context(
    archive: Archive,
    path: str | Path,
    backbone: str,
    weights: str | Path,
    *,
    grid: int = 1,
    every: int = 1,
    size: int | None = None,
    view: View = "centre",
    missing: Literal["error", "skeleton"] = "skeleton",
    workers: int = 2,
    device: str = "auto",
    bf16: bool = False,
    progress: Progress | None = None,
) -> tuple[Context, dict[str, str]]:
    """Look at the frames of an archive's videos once, and keep what a frozen network sees.

    Args:
        archive: whose clips refer to videos.
        path: of the context file.
        backbone: one of `gesta.models.list_image_networks`.
        weights: its state dict, as it is published, or a run that has it as its stream ``rgb``.
        grid: the network's map of a frame becomes grid x grid vectors, means of its parts.
        every: the middle one of so many frames is looked at, and holds for all of them.
        size: height and width that frames are scaled to; None: what the network was made for.
        view: the centre square of a frame, all of it, or the box around its joints.
        missing: whether clips without a usable video are an error, or are left out.
        workers: processes that decode.
        device: "auto", "cpu" or "cuda".
        bf16: whether the network computes in bfloat16, which many processors do much faster.
        progress: called with the clips done and all of them.

    Returns:
        The context, and why clips were left out, by id.

    Raises:
        ModelError: there is no such network, or the weights are not its own.
        MediaError: clips have no usable video and that is an error, or none has one.
        RecipeError: a grid, size or number of frames below 1.
    """
    if min(grid, every, 1 if size is None else size) < 1:
        raise RecipeError(
            f"grid, every and size: expected at least 1, found {grid}, {every} and {size}"
        )
    network = create_image_network(backbone)
    load_stream(nn.ModuleDict({"rgb": network}), "rgb", weights)
    place = find_device(device)
    network = fold_batch_norm(network).to(place)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = size or image_network_entry(backbone).size
    options = VideoOptions(
        size=size, crop="projection" if view == "projection" else "centre", workers=workers,
        missing=missing,
    )  # fmt: skip
    problems: dict[str, str] = {}
    about = {
        "backbone": backbone,
        "weights_sha256": _sha256(Path(weights)),
        "grid": f"{grid}x{grid}",
        **({"every": str(every)} if every > 1 else {}),
        **({"precision": "bf16"} if bf16 else {}),
        "size": str(size),
        "view": view,
    }
    pictures = _pictures(archive, options, view, every, problems, progress)
    if workers:
        pictures = ahead(pictures)
    features = _features(pictures, network, grid, place, bf16)
    try:
        context = write_context(path, features, about)
    except ShapeError as error:
        first = next(iter(problems.values()), "it has no clips")
        raise MediaError(f"{archive.path}: no clip has a usable video: {first}") from error
    return context, problems


@dataclass(frozen=True, eq=False)
class _Part:
    """Some frames of a clip, (3, T', H, W) in [0, 1], and whether they are its last."""

    clip: str
    pictures: Tensor
    last: bool


def _pictures(
    archive: Archive,
    options: VideoOptions,
    view: View,
    every: int,
    problems: dict[str, str],
    progress: Progress | None,
) -> Iterator[_Part]:
    """The frames of all clips, in order; why a clip is left out is noted."""
    inputs = ("frames", "frame_joints") if view == "projection" else ("frames",)
    for number, clip in enumerate(archive.clips, 1):
        footage = footage_of([clip], inputs, options, find=archive.video_path)
        assert footage is not None and isinstance(footage.source, DecodedFrames)  # asked for frames
        problems |= footage.problems
        if not footage.problems:
            try:
                yield from _frames_of(clip, footage, footage.source, options, view, every)
            except MediaError as error:
                if options.missing == "error":
                    raise
                problems[clip.id] = str(error)
        if progress is not None:
            progress(number, len(archive))


def _frames_of(
    clip: Clip,
    footage: Footage,
    source: DecodedFrames,
    options: VideoOptions,
    view: View,
    every: int,
) -> Iterator[_Part]:
    joints = None
    if footage.pixels is not None:
        joints = torch.from_numpy(footage.pixels).reshape(1, -1, 2)
    box = crop_boxes(source.sizes, options, joints, None)
    if view == "whole":
        box = torch.cat([torch.zeros_like(source.sizes), source.sizes], dim=1)
    chosen = torch.arange(every // 2, clip.frames + every // 2, every).clamp(max=clip.frames - 1)
    for part in chosen.split(_ROWS * _FRAMES):
        rows = -(-len(part) // _FRAMES)
        # The last row repeats its last frame until it is full.
        width = -(-len(part) // rows)
        frames = part[torch.arange(rows * width).clamp(max=len(part) - 1)].view(rows, width)
        where = torch.zeros(rows, dtype=torch.int64)
        found, good = source.read(where, frames, box.expand(rows, -1), options.size, None)
        if not bool(good.all()):
            raise MediaError(source.problems[-1])
        pictures = found.transpose(0, 1).flatten(1, 2)[:, : len(part)]
        yield _Part(clip.id, pictures, bool(part[-1] == chosen[-1]))


def _features(
    parts: Iterable[_Part], network: ImageNetwork, grid: int, device: torch.device, bf16: bool
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Ids and (T, k, C) features of the clips that were read whole."""
    clip, rows = "", list[NDArray[np.float32]]()
    for part in parts:
        if part.clip != clip:  # one that broke off in the middle is left out
            clip, rows = part.clip, []
        rows.append(_look(network, part.pictures, grid, device, bf16))
        if part.last:
            yield clip, np.concatenate(rows)


@torch.no_grad()
def _look(
    network: ImageNetwork, pictures: Tensor, grid: int, device: torch.device, bf16: bool
) -> NDArray[np.float32]:
    """(T, k, C) means over a grid of the maps of (3, T, H, W) pictures in [0, 1]."""
    frames = normalise(pictures.transpose(0, 1).to(device))
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        maps = network(frames.contiguous(memory_format=torch.channels_last))
    return adaptive_avg_pool2d(maps.float(), grid).flatten(2).transpose(1, 2).cpu().numpy()


def _sha256(path: Path) -> str:
    """Of a file; of a run, of its weights."""
    file = path / "model.safetensors" if path.is_dir() else path
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
