"""The frames of a video at given times, cut and scaled: what a worker process is asked for."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gesta.errors import MediaError
from gesta.media.sources import open_video
from gesta.media.video import Box, Size


def read_moments(
    path: str | Path,
    times: NDArray[np.float64],
    box: Box | None,
    size: Size,
    frame_size: Size | None = None,
) -> NDArray[np.uint8] | str:
    """Read the frames nearest to some times.

    Args:
        path: a video file or a folder of images.
        times: (T,) seconds, in any order and with repetitions.
        box: (x0, y0, x1, y1) what is cut; None for all of the frame.
        size: (width, height) it is scaled to.
        frame_size: (width, height) of the frames that the box means; None: of the video's own.

    Returns:
        (T, height, width, 3) uint8, or why the frames cannot be read: one damaged file among
        thousands is for the caller to judge, and a text comes home from any process.
    """
    try:
        # One thread: several processes decode at once.
        with open_video(path, threads=1) as video:
            wanted, places = np.unique(video.index_at(times), return_inverse=True)
            if box is not None and frame_size is not None:
                box = _scaled(box, frame_size, video.size)
            frames = video.read(wanted, box=box, size=size)
    except (MediaError, OSError) as error:
        return str(error)
    return frames[places]


def leave_interrupts() -> None:
    """In a worker process: Ctrl-C is for the program that started it, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _scaled(box: Box, old: Size, new: Size) -> Box:
    """A box in frames of another size, in whole pixels and never empty."""
    if old == new:
        return box
    x0, x1 = (round(edge * new[0] / old[0]) for edge in (box[0], box[2]))
    y0, y1 = (round(edge * new[1] / old[1]) for edge in (box[1], box[3]))
    x0, y0 = min(x0, new[0] - 1), min(y0, new[1] - 1)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
