"""What a clip must be like to come into an archive, and what an archive must be to be finished."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from gesta.archive.manifest import Body
from gesta.archive.protocol import Protocol
from gesta.archive.table import ClipTable
from gesta.clip import Clip
from gesta.errors import ArchiveError
from gesta.skeleton import Layout


def check_clip(path: Path, clip: Clip, wanted: Mapping[str, Any], classes: int | None) -> Body:
    """Check a clip against what an archive holds.

    Args:
        path: of the archive, for the message.
        clip: to be added.
        wanted: layout, channels and space that it must have; None where any is right.
        classes: how many there are, None where that is not known yet.

    Returns:
        The layout, channels and space of the clip.

    Raises:
        ArchiveError: it does not fit.
    """
    if not clip.id:
        raise ArchiveError(f"{path}: a clip has no id; give each a unique one")
    found = {"layout": clip.layout, "channels": clip.channels, "space": clip.space}
    for name, value in found.items():
        if wanted[name] is not None and wanted[name] != value:
            raise ArchiveError(
                f"{path}: clip {clip.id!r} has {name} {_say(value)}, the archive's is "
                f"{_say(wanted[name])}; an archive holds one, convert the clip or use another"
            )
    if classes is not None and clip.label is not None and clip.label >= classes:
        raise ArchiveError(
            f"{path}: clip {clip.id!r} has label {clip.label}, and there are {classes} classes, "
            "numbered from 0"
        )
    _check_texts(clip)
    return Body(clip.layout, clip.channels, clip.space)


def _check_texts(clip: Clip) -> None:
    texts = {"id": clip.id, "subject": clip.subject, "source": clip.source}
    if clip.video is not None:
        path = clip.video.path
        texts["video"] = path
        windows, posix = PureWindowsPath(path), PurePosixPath(path)
        if windows.anchor or posix.is_absolute() or ".." in windows.parts:
            raise ArchiveError(
                f"clip {clip.id!r}: expected the path of its video relative to the folder of "
                f"videos, found {path!r}"
            )
    for name, text in texts.items():
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise ArchiveError(
                f"clip {clip.id!r}: its {name} is no valid Unicode ({error.reason}); rename it"
            ) from error


def check_classes(path: Path, table: ClipTable, classes: Sequence[str]) -> None:
    """Check that class names differ and that every label has one.

    Raises:
        ArchiveError: it is not so.
    """
    if len(set(classes)) != len(classes):
        raise ArchiveError(f"{path}: class names repeat: {', '.join(classes)}")
    highest = int(table.labels.max(initial=-1))
    if highest >= len(classes):
        raise ArchiveError(
            f"{path}: clip {table.ids[int(table.labels.argmax())]!r} has label {highest}, and "
            f"there are {len(classes)} classes, numbered from 0"
        )


def check_protocols(path: Path, protocols: Sequence[Protocol]) -> tuple[Protocol, ...]:
    """Check that protocols have different names.

    Raises:
        ArchiveError: two are called the same.
    """
    names = [protocol.name for protocol in protocols]
    if len(set(names)) != len(names):
        raise ArchiveError(f"{path}: protocols have the same name: {', '.join(names)}")
    return tuple(protocols)


def as_json(path: Path, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance as JSON reads it back.

    Raises:
        ArchiveError: it holds other things than plain JSON containers.
    """
    try:
        return json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"{path}: provenance is plain JSON containers: {error}") from error


def _say(value: object) -> str:
    return value.name if isinstance(value, Layout) else str(value)
