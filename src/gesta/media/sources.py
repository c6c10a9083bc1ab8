"""What a video may come from: a file, a folder of images, a camera, a stream."""

from __future__ import annotations

from pathlib import Path

from gesta.errors import MediaError
from gesta.media.file import VideoFile
from gesta.media.video import Video


def open_video(source: str | Path, *, timeout: float = 10.0, threads: int = 0) -> Video:
    """Open a video.

    Args:
        source: a file of any container, or ...
        timeout: seconds that a stream may send nothing before it counts as stopped.
        threads: of the decoder; 0 for as many as there are cores. Where several processes decode,
            each does best with one.

    Raises:
        MediaError: it cannot be read, or holds no video.
    """
    path = Path(source)
    if path.is_dir():
        raise MediaError(f"{path}: is a folder")
    return VideoFile(path, threads)
