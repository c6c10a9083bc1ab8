"""The letters of every shape in gesta, and one check that enforces them.

========  =====================================
letter    axis
========  =====================================
N         clips
M         persons
T         frames
V         joints
C         channels (x, y, z, confidence)
K         graph subsets
G         temporal segments
k, m      contexts a frame, width of a context
P         positions
H, W      image height and width
Y         classes
========  =====================================

One order everywhere outside ``nn``: poses are (N, M, T, V, C), a clip is (M, T, V, C).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gesta.errors import ShapeError


class HasShape(Protocol):
    """Anything with a ``shape``: numpy arrays and torch tensors alike."""

    @property
    def shape(self) -> Sequence[int]:
        """The sizes of its axes."""
        ...


def check_shape(name: str, array: HasShape, letters: str, **sizes: int | None) -> dict[str, int]:
    """Check an array against space-separated axis letters and return their sizes.

    Args:
        name: what the array is called in the message.
        array: anything with ``.shape``.
        letters: for example ``"N M T V C"``.
        sizes: sizes that letters must have; None leaves a letter free.

    Returns:
        The size of each letter.

    Raises:
        ShapeError: another number of axes, or another size of a named axis.
    """
    axes, shape = letters.split(), tuple(int(size) for size in array.shape)
    fixed = {letter: size for letter, size in sizes.items() if size is not None}
    fits = len(axes) == len(shape) and all(
        fixed.get(letter, size) == size for letter, size in zip(axes, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(f"{a}={fixed[a]}" if a in fixed else a for a in axes)
        raise ShapeError(f"{name}: expected shape ({wanted}), found {shape}")
    return dict(zip(axes, shape, strict=True))
