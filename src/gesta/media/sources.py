"""What a video may come from: a file, a folder of images, a camera, a stream."""

from __future__ import annotations

from pathlib import Path

from gesta.media.file import VideoFile
from gesta.media.images import ImageFolder
from gesta.media.live import CAMERA, URL, LiveVideo
from gesta.media.video import Video


def open_video(
    source: str | Path, *, timeout: float = 10.0, threads: int = 0, image_rate: float = 25.0
) -> Video:
    """Open a video.

    Args:
        source: a file of any container, a folder of images of one size, a camera (``camera:0``
            or ``/dev/video0``), or the URL of a stream (``rtsp://``, ``http://``, ``udp://`` ...).
        timeout: seconds that opening a stream may take, and that it may send nothing after that.
        threads: of the decoder; 0 for as many as there are cores. Where several processes decode,
            one each is best.
        image_rate: images a second in a folder of images, which does not say.

    Returns:
        The video, to be closed after use.

    Raises:
        MediaError: it cannot be read or reached, or holds no video.
    """
    if CAMERA.fullmatch(str(source)) or (isinstance(source, str) and URL.match(source)):
        return LiveVideo(str(source), timeout, threads)
    path = Path(source)
    return ImageFolder(path, image_rate) if path.is_dir() else VideoFile(path, threads)
