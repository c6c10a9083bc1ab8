"""Errors that name what was expected, what was found and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def first_of(names: Sequence[str], most: int, count: int | None = None) -> str:
    """The first of many names, for a message, and how many more there are.

    Args:
        names: all of them, or the first ones.
        most: so many are named.
        count: how many there are, where ``names`` are not all.
    """
    shown = names[:most]
    more = (len(names) if count is None else count) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


class GestaError(Exception):
    """Base of every error that gesta raises on bad input; its text is meant for people."""


class ShapeError(GestaError, ValueError):
    """An array or tensor has another shape, type or range than its letters say."""


class LayoutError(GestaError, ValueError):
    """A skeleton layout is unknown, inconsistent, or cannot be mapped to another."""


class FormatError(GestaError, ValueError):
    """A file does not hold what its format promises.

    Args:
        path: the file.
        place: where in it ("line 7", "frame 3", "key 'SW'").
        expected: what the format asks for there.
        found: what stands there.
        advice: what the reader of the message can do; optional.
    """

    def __init__(
        self, path: str | Path, place: str, expected: str, found: str, advice: str = ""
    ) -> None:
        self.path, self.place = str(path), place
        self.expected, self.found, self.advice = expected, found, advice
        text = f"{path}: {place}: expected {expected}, found {found}"
        super().__init__(f"{text}; {advice}" if advice else text)

    def __reduce__(self) -> tuple[type[FormatError], tuple[str, str, str, str, str]]:
        # Worker processes send their errors home by pickle.
        return type(self), (self.path, self.place, self.expected, self.found, self.advice)


class MediaError(GestaError):
    """A video, stream, camera or folder of images cannot be read, or a video not be written."""


class ArchiveError(GestaError):
    """An archive is damaged, incomplete, or of a version this gesta cannot read."""


class ProtocolError(GestaError, ValueError):
    """A protocol is unknown for an archive, or leaves a part without clips."""


class RecipeError(GestaError, ValueError):
    """A recipe names an option or value that does not exist or cannot be combined."""


class ModelError(GestaError, ValueError):
    """A model is unknown, wrongly asked for, or weights do not fit it."""


class RunError(GestaError):
    """A run folder is missing, incomplete, or was made from other data."""


class PoseError(GestaError, ValueError):
    """A pose estimator is unknown, lacks its package or model, or is wrongly asked for."""
