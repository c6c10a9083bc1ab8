"""One pass over a container: packets in, decoded frames with their places and times out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.error import ExitError, FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gesta.errors import MediaError

# More pixels than any camera has, and 800 MB a picture: such a header is damaged.
MOST_PIXELS = 2**28
USUAL_RATE = Fraction(25)
# Each thread holds frames of its own: beyond 4K a core each would take gigabytes.
_LARGE, _LARGE_THREADS = 2**24, 4


@dataclass(frozen=True)
class Decoded:
    """A frame, its place among those shown, and its time in seconds after the first."""

    index: int
    time: float
    frame: VideoFrame


class Clock:
    """Places and times of frames, told from the times of the packets they came in.

    Packets come in the order of decoding, frames in that of showing. When a frame comes out, all
    packets that are shown before it have gone in, so that their number is its place; one that has
    gone in and did not come out is missing.

    A container that does not keep times (raw H.264), or whose times jump back, has its frames
    counted instead, at a constant rate.

    Attributes:
        base: seconds that the container counts in.
        step: seconds from frame to frame where they are counted.
        counts: whether frames are counted.
        last: the place of the last frame that came out.
    """

    def __init__(self, stream: VideoStream) -> None:
        self.base = float(stream.time_base or 0)
        self.step = float(1 / (stream.average_rate or USUAL_RATE))
        # AVI numbers packets in the order of decoding, which says nothing of that of showing.
        avi = stream.container.format.name == "avi"
        self.counts = avi and bool(stream.codec_context.has_b_frames)
        self.last = -1
        self._stream, self._packets, self._end = stream, 0, stream.start_time or 0
        self._waiting: list[int] = []
        self._last_dts: int | None = None
        self._origin: int | None = None
        self._missing = 0
        # The last frame whose time was known, from which others are counted.
        self._anchor = (0, 0.0)

    def put(self, packet: Packet) -> None:
        """Note a packet that goes into the decoder."""
        if not shows(packet):
            return
        self._packets += 1
        if packet.dts is not None:
            self.counts |= self._last_dts is not None and packet.dts <= self._last_dts
            self._last_dts = packet.dts
        if packet.pts is None:
            self.counts = True
        elif not self.counts:
            heapq.heappush(self._waiting, packet.pts)
            self._end = max(self._end, packet.pts + (packet.duration or 0))

    def get(self, frame: VideoFrame) -> Decoded:
        """Place a frame that came out."""
        pts, skipped = frame.pts, 0
        self.last += 1
        if pts is None or self.counts:
            self.counts = True
            since = self.last - self._anchor[0]
            return Decoded(self.last, self._anchor[1] + since * self.step, frame)
        while self._waiting and self._waiting[0] <= pts:
            skipped += heapq.heappop(self._waiting) < pts
        self._missing += skipped
        if self._origin is None:
            self._origin = pts
        else:
            self.last += skipped
        self._anchor = (self.last, (pts - self._origin) * self.base)
        return Decoded(*self._anchor, frame)

    def finish(self) -> int:
        """How many frames are missing, now that no more come."""
        return self._missing + (0 if self.counts else len(self._waiting))

    def lacking(self) -> float:
        """Seconds at the end that the container promises and does not hold."""
        stream = self._stream
        # Where no number of frames is given, the duration is FFmpeg's guess.
        if not stream.frames or stream.duration is None:
            return 0.0
        if self.counts:
            lacks = (stream.frames - self._packets) * self.step
        else:
            lacks = ((stream.start_time or 0) + stream.duration - self._end) * self.base
        return lacks if lacks > 1.5 * self.step else 0.0


def shows(packet: Packet) -> bool:
    """Whether a packet holds a frame that is meant to be shown."""
    if packet.is_discard or not packet.size:
        return False
    # VP8 has pictures that are only referred to: a bit of their first byte says so (RFC 6386,
    # 9.1).
    return packet.stream.codec_context.name != "vp8" or bool(memoryview(packet)[0] & 0x10)


class Pass:
    """One way through a container, from where it stands to its end.

    Args:
        source: URL, or the path of a file with ``file:`` before it.
        name: what messages call it.
        problems: where damage is told; None where nobody asks.
        timeout: seconds after which opening, or waiting for data, ends with an error.
        threads: of the decoder; 0 for as many as there are cores.
        options: of PyAV's ``open``.

    Attributes:
        name: the same.
        container, stream: what was opened.

    Raises:
        MediaError: it cannot be opened, or holds no video.
    """

    def __init__(
        self,
        source: str,
        name: str,
        problems: list[str] | None = None,
        *,
        timeout: float | None = None,
        threads: int = 0,
        **options: Any,  # noqa: ANN401 - PyAV's own
    ) -> None:
        self.name, self._timeout, self._problems = name, timeout, problems
        self.container = _open(source, name, timeout, **options)
        try:
            self.stream = _video_stream(self.container, name)
            self.stream.thread_type = "AUTO"
            large = self.stream.width * self.stream.height > _LARGE
            self.stream.thread_count = threads or (_LARGE_THREADS if large else 0)
        except BaseException:
            self.container.close()
            raise

    def close(self) -> None:
        """Close the container."""
        self.container.close()

    def packets(self) -> Iterator[Packet]:
        """The video's packets; the last one is empty and empties the decoder.

        Raises:
            MediaError: a stream stopped.
        """
        try:
            yield from self.container.demux(self.stream)
        except (FFmpegError, OSError) as error:
            if self._timeout is not None:
                raise MediaError(f"{self.name}: {_reason(error, self._timeout)}") from error
            self._tell(f"reading ended early: {_reason(error, None)}")
            yield Packet()

    def frames(self, packets: Iterable[Packet] | None = None) -> Iterator[VideoFrame]:
        """What decodes of the packets (all that come, where None), in the order of showing."""
        for packet in self.packets() if packets is None else packets:
            try:
                frames = self.stream.decode(packet if packet.size else None)
            except (FFmpegError, ValueError):
                continue
            yield from frames

    def decoded(self) -> Iterator[Decoded]:
        """Frames with places and times, of a pass that stands at the start."""
        clock = Clock(self.stream)
        for frame in self.frames(self._noted(clock)):
            yield clock.get(frame)
        missing, lacking = clock.finish(), clock.lacking()
        if missing:
            self._tell(f"{missing} of its frames are damaged and left out")
        if lacking:
            self._tell(f"is cut off: its last {lacking:.2f} seconds are not there")

    def _noted(self, clock: Clock) -> Iterator[Packet]:
        for packet in self.packets():
            clock.put(packet)
            yield packet

    def _tell(self, problem: str) -> None:
        if self._problems is not None and problem not in self._problems:
            self._problems.append(problem)


def _open(source: str, name: str, timeout: float | None, **options: Any) -> InputContainer:
    try:
        return av.open(source, "r", timeout=timeout, metadata_errors="replace", **options)
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{name}: {_reason(error, timeout)}") from error


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    # Any text can be drawn as the screen of a terminal, which nobody means by a video.
    if container.format.name == "tty":
        raise MediaError(f"{name}: is text; expected a video")
    # The cover of an album is a video of one frame to the container.
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        others = ", ".join(sorted({stream.type for stream in container.streams}))
        raise MediaError(f"{name}: has no video" + (f", only {others}" if others else ""))
    stream = streams[0]
    if stream.codec_context is None:
        raise MediaError(f"{name}: its video is of a kind that this build of PyAV cannot decode")
    if stream.width * stream.height > MOST_PIXELS:
        raise MediaError(
            f"{name}: says that it is {stream.width}x{stream.height} pixels; its header is damaged"
        )
    return stream


def _reason(error: BaseException, timeout: float | None) -> str:
    """Why it went wrong, in words."""
    if isinstance(error, ExitError):
        return f"no data came for {timeout:g} seconds; is the sender running, and reachable?"
    if isinstance(error, InvalidDataError | EOFError):
        return "is no video, or is damaged or cut off"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read: {text[:1].lower()}{text[1:]}"
