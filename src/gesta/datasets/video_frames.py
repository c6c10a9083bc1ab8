"""The frames of a video that clips are made of, where these are not all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gesta.datasets.collect import stopping
from gesta.datasets.video_plan import Cut
from gesta.errors import MediaError
from gesta.media import Frame, Video


class ChosenFrames(Video):
    """A video of which only some frames are shown, at their own times.

    Args:
        video: of which.
        cuts: parts to show; what lies in none of them is left out.
        frames_per_second: frames are left out where there are more; None shows all.
    """

    def __init__(
        self, video: Video, cuts: Sequence[Cut], frames_per_second: float | None = None
    ) -> None:
        super().__init__()
        self._video, self._cuts = video, cuts
        self._step = 0.0 if frames_per_second is None else 1 / frames_per_second
        self.name, self.size, self.problems = video.name, video.size, video.problems
        # Of two frames the one nearer to its turn: it may come half a frame early.
        self._early = min(self._step, 1 / video.frame_rate) / 2 if video.frame_rate else 0.0
        rates = [rate for rate in (video.frame_rate, frames_per_second) if rate is not None]
        self.frame_rate = min(rates, default=None)

    def close(self) -> None:
        """Close the video."""
        self._video.close()

    def frames(
        self, *, size: tuple[int, int] | None = None, box: tuple[int, int, int, int] | None = None
    ) -> Iterator[Frame]:
        """The chosen frames; see `Video.frames`."""
        due = 0.0
        for frame in self._video.frames(size=size, box=box):
            if stopping():
                raise MediaError(f"{self.name}: stopped at {frame.time:.2f} s")
            if all(cut.end is not None and frame.time >= cut.end for cut in self._cuts):
                return
            in_time = frame.time >= due - self._early
            if in_time and any(cut.holds(frame.time) for cut in self._cuts):
                # The turns go on from the last; after a gap, from here.
                due = max(due, frame.time - self._early) + self._step
                yield frame
