"""Cameras and streams: frames that come once, in order, and may stop coming."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from av.format import ContainerFormat

from gesta.errors import MediaError
from gesta.media.decoding import Pass
from gesta.media.render import Renderer, Turn
from gesta.media.video import Box, Frame, Size, Video, check_box, check_size

CAMERA = re.compile(r"camera:(\d+)|(/dev/video\d+)")
URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# How FFmpeg calls the cameras of a system, and one of them by its number.
_CAMERAS = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}:none"),
    "win32": ("vfwcap", "{}"),
}


class LiveVideo(Video):
    """A camera or a stream.

    Args:
        source: ``camera:0``, ``/dev/video0`` or a URL.
        timeout: seconds that opening may take, and that it may send nothing after that.
        threads: of the decoder; 0 for as many as there are cores.

    Raises:
        MediaError: it cannot be reached, holds no video, or sends nothing.
    """

    live = True

    def __init__(self, source: str, timeout: float, threads: int = 0) -> None:
        super().__init__()
        if not timeout > 0:
            raise MediaError(f"{source}: a time-out is positive; got {timeout}")
        self.name = _without_password(source)
        place, options = _reach(source)
        self._pass = Pass(
            place, self.name, self.problems, timeout=timeout, threads=threads, **options
        )
        try:
            self._decoded = self._pass.decoded()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise MediaError(f"{self.name}: ended without a frame that can be decoded")
        except BaseException:
            self.close()
            raise
        frame, rate = self._first.frame, self._pass.stream.average_rate
        turn = Turn.of(frame)
        self.size: Size = turn.size((frame.width, frame.height))
        self.frame_rate = float(rate) if rate else None
        self._renderer = Renderer(turn, self.size)

    def close(self) -> None:
        """Let go of the camera or connection."""
        self._pass.close()

    def frames(self, *, size: Size | None = None, box: Box | None = None) -> Iterator[Frame]:
        """The frames as they come, from where an earlier call stopped; see `Video.frames`."""
        size, box = check_size(self.name, size), check_box(self.name, box)
        first, self._first = self._first, None
        for item in chain([first] if first is not None else [], self._decoded):
            yield Frame(item.index, item.time, self._renderer(item.frame, box, size))


def _reach(source: str) -> tuple[str, dict[str, Any]]:
    """What PyAV is to open, and how."""
    camera = CAMERA.fullmatch(source)
    if camera is None:
        # Frames that are lost on the way are lost for good: RTSP over TCP loses none.
        rtsp = source.lower().startswith("rtsp://")
        return source, {"options": {"rtsp_transport": "tcp"}} if rtsp else {}
    kind, place = _CAMERAS.get(sys.platform, ("v4l2", "/dev/video{}"))
    try:
        ContainerFormat(kind, "r")
    except ValueError as error:
        raise MediaError(
            f"{source}: this build of PyAV has no support for cameras ({kind}); give the URL of a "
            "stream instead"
        ) from error
    device = camera[2] or place.format(camera[1])
    if device.startswith("/dev/") and not Path(device).exists():
        there = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        raise MediaError(f"{source}: there is no camera {device}; cameras here: {there}")
    return device, {"format": kind}


def _without_password(source: str) -> str:
    return re.sub(r"(?<=://)[^/@\s]*@", "", source)
