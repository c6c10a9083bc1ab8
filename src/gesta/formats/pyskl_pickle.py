"""Pickles of annotations as PYSKL and MMAction2 exchange them, read and written.

``{"split": {name: [frame_dir]}, "annotations": [annotation]}`` or the bare list. An annotation is
a dict of ``frame_dir`` (the clip's id), ``label``, ``total_frames``, ``keypoint`` (M, T, V, C),
and in 2D ``keypoint_score`` (M, T, V), ``img_shape`` and ``original_shape`` as (height, width).

Convention: 2D is in pixels of the frame, y down; 3D in metres. Absent joints and persons are
zeros (with a score of zero where there are scores) in the file and NaN in a clip.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip
from gesta.errors import FormatError
from gesta.formats.checks import file_bytes, finite, without_zeros
from gesta.formats.safe_pickle import load_pickle
from gesta.skeleton import Layout, get_layout

# Only sizes that mean one layout among the files people exchange.
_LAYOUT_OF_SIZE = {
    17: "coco_17",
    18: "openpose_18",
    20: "kinect_v1_20",
    25: "kinect_v2_25",
    33: "mediapipe_33",
}


@dataclass(frozen=True)
class Annotations:
    """A file's annotations, converted to clips as they are asked for, and its splits.

    Args:
        entries: the annotations as they stand in the file.
        splits: ids by the name of the split; empty for a bare list.
        name: the file, for messages.
        layout: the layout of all clips, None where the number of joints says it.
    """

    entries: Sequence[Any]
    splits: dict[str, tuple[str, ...]]
    name: str
    layout: Layout | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Clip]:
        """The clips, one after the other, so that a large file is in memory only once."""
        return (self.clip(index) for index in range(len(self)))

    def clip(self, index: int) -> Clip:
        """One annotation as a clip.

        Raises:
            FormatError: it has no keypoints of (M, T, V, C), they are not finite, the score or
                frame count does not fit them, or the layout cannot be told.
        """
        return _clip(self.entries[index], f"annotation {index}", self.name, self.layout)


def parse_annotations(data: bytes, name: str, layout: Layout | str | None = None) -> Annotations:
    """What a pickle holds, its clips not yet converted.

    Raises:
        FormatError: anything but arrays and plain containers is in the pickle, or it is damaged,
            or holds no list of annotations.
    """
    content = load_pickle(data, name)
    splits: Any = {}
    if isinstance(content, Mapping):
        splits, content = content.get("split", {}), content.get("annotations")
    if not isinstance(content, list | tuple) or not content:
        expected = "a list of annotations, or a dict with keys 'split' and 'annotations'"
        raise FormatError(name, "pickle", expected, _kind(content))
    if not isinstance(splits, Mapping):
        raise FormatError(name, "key 'split'", "a dict of lists of ids", _kind(splits))
    named = {}
    for split, ids in splits.items():
        if not isinstance(ids, list | tuple | set | np.ndarray):
            raise FormatError(name, f"split {split!r}", "a list of ids", _kind(ids))
        named[str(split)] = tuple(str(one) for one in ids)
    known = None if layout is None else get_layout(layout)
    return Annotations(content, named, name, known)


def parse_pyskl(data: bytes, name: str, layout: Layout | str | None = None) -> list[Clip]:
    """All clips of a pickle, with id and label; see `Annotations.clip` and `parse_annotations`.

    Float16 becomes float32; scores above 1, which heat maps give, become 1.
    """
    return list(parse_annotations(data, name, layout))


def read_pyskl(path: str | Path, layout: Layout | str | None = None) -> list[Clip]:
    """Read a file; see `parse_pyskl`."""
    return parse_pyskl(file_bytes(path), str(path), layout)


class _Place(NamedTuple):
    """Where in which file an annotation stands, for messages."""

    file: str
    text: str

    def error(self, key: str, expected: str, found: str, advice: str = "") -> FormatError:
        return FormatError(self.file, f"{self.text}: {key}", expected, found, advice)


def _clip(entry: Any, where: str, name: str, layout: Layout | None) -> Clip:  # noqa: ANN401
    if not isinstance(entry, Mapping) or "keypoint" not in entry:
        raise FormatError(name, where, "a dict with 'keypoint'", _kind(entry))
    named = str(entry.get("frame_dir") or entry.get("filename") or "")
    if not named:
        raise FormatError(name, where, "'frame_dir', the clip's name", _kind(entry))
    place = _Place(name, f"{where} ({named})")
    keypoint = _keypoints(entry, place)
    score = _score(entry, keypoint.shape[:3], place)
    coords = without_zeros(keypoint)
    if score is not None:
        # A joint in the frame's very corner that the estimator is sure of is a joint.
        coords = np.where(score[..., None] > 0, keypoint, coords)
    flat = keypoint.shape[-1] == 2
    return Clip(
        coords,
        _layout(keypoint.shape[2], layout, place),
        ("x", "y") if flat else ("x", "y", "z"),
        "pixels" if flat else "camera_metres",
        confidence=score,
        frame_size=_frame_size(entry, place) if flat else None,
        id=named,
        label=_label(entry, place),
    )


def _keypoints(entry: Mapping[str, Any], place: _Place) -> NDArray[np.float32]:
    array = entry["keypoint"]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise place.error("keypoint", "an array of numbers", _kind(array))
    if array.ndim != 4 or array.shape[-1] not in (2, 3) or not array.shape[1]:
        raise place.error("keypoint", "shape (M, T, V, 2 or 3)", f"shape {array.shape}")
    frames = entry.get("total_frames", array.shape[1])
    if frames != array.shape[1]:
        raise place.error("keypoint", f"{frames} frames (total_frames)", f"{array.shape[1]}")
    return finite(array, place.file, "person frame joint channel", where=place.text)


def _score(
    entry: Mapping[str, Any], shape: tuple[int, ...], place: _Place
) -> NDArray[np.float32] | None:
    score = entry.get("keypoint_score")
    if score is None:
        return None
    if not isinstance(score, np.ndarray) or score.shape != shape or score.dtype.kind not in "fiu":
        found = f"shape {score.shape}" if isinstance(score, np.ndarray) else _kind(score)
        raise place.error("keypoint_score", f"numbers of shape {shape}", found)
    numbers = finite(score, place.file, "person frame joint", where=f"{place.text}: score")
    return np.clip(numbers, 0, 1)


def _layout(joints: int, layout: Layout | None, place: _Place) -> Layout:
    if layout is None and joints not in _LAYOUT_OF_SIZE:
        known = ", ".join(f"{size} ({name})" for size, name in _LAYOUT_OF_SIZE.items())
        raise place.error("keypoint", f"joints: {known}", f"{joints}", "say which layout it is")
    found = get_layout(_LAYOUT_OF_SIZE[joints]) if layout is None else layout
    if len(found) != joints:
        raise place.error("keypoint", f"the {len(found)} joints of {found.name}", f"{joints}")
    return found


def _frame_size(entry: Mapping[str, Any], place: _Place) -> tuple[int, int] | None:
    shape = entry.get("img_shape", entry.get("original_shape"))
    if shape is None:
        return None
    try:
        height, width = (int(size) for size in shape)
    except (TypeError, ValueError) as error:
        raise place.error("img_shape", "(height, width)", f"{shape!r}"[:60]) from error
    if min(height, width) <= 0:
        raise place.error("img_shape", "(height, width), both positive", f"{shape!r}"[:60])
    return width, height


def _label(entry: Mapping[str, Any], place: _Place) -> int | None:
    label = entry.get("label")
    if label is None:
        return None
    if isinstance(label, bool) or not isinstance(label, int | np.integer) or label < 0:
        raise place.error("label", "a class index from 0", f"{label!r}"[:60])
    return int(label)


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(str(key) for key in list(value)[:8]) or 'nothing'}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__


def write_pyskl(
    path: str | Path,
    clips: Iterable[Clip],
    splits: Mapping[str, Sequence[str]] | None = None,
    *,
    half: bool = False,
) -> None:
    """Write clips as a pickle that PYSKL and MMAction2 train on.

    Args:
        path: the file to write; it appears when it is whole.
        clips: of one layout. ``unit_frame`` is written as pixels. A 2D clip without confidence
            gets a score of 1 for each joint that is there.
        splits: ids by the name of the split, as ``{"xsub_train": [...], "xsub_val": [...]}``.
        half: write float16 as PYSKL's own files have it; above 1024 pixels that rounds to whole
            ones. Float32 by default, which both read and which comes back as it was.

    Raises:
        FormatError: a 2D clip does not know the size of its frame, which the format asks for.
    """
    entries = [_annotation(clip, str(path), np.float16 if half else np.float32) for clip in clips]
    content = {"split": {k: list(v) for k, v in (splits or {}).items()}, "annotations": entries}
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        with partial.open("wb") as file:
            pickle.dump(content, file, protocol=4)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _annotation(clip: Clip, path: str, dtype: type[np.floating[Any]]) -> dict[str, Any]:
    there = ~np.isnan(clip.coords[..., 0])
    coords = np.nan_to_num(clip.coords)
    entry: dict[str, Any] = {"frame_dir": clip.id, "total_frames": clip.frames}
    if len(clip.channels) == 2:
        if clip.frame_size is None:
            expected = "frame_size, which the format calls img_shape"
            raise FormatError(path, f"clip {clip.id!r}", expected, "none", "set it on the clip")
        width, height = clip.frame_size
        if clip.space == "unit_frame":
            coords = coords * np.array([width, height], np.float32)
        score = there.astype(np.float32) if clip.confidence is None else clip.confidence
        entry["keypoint_score"] = np.where(there, score, 0).astype(dtype)
        entry["img_shape"] = entry["original_shape"] = (height, width)
    if clip.label is not None:
        entry["label"] = clip.label
    return {**entry, "keypoint": coords.astype(dtype)}
