"""The RGB videos of a data set, found by their names and linked to its clips.

Nothing of a video is copied, and only its table of frames is read: a clip gets the video's path
below the folder of videos, and the time in it of each of its skeleton frames.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from gesta.clip import Clip, VideoReference
from gesta.datasets.collect import Outcome
from gesta.datasets.dataset import VideoNames
from gesta.datasets.source import Source
from gesta.datasets.split_files import VIDEO_ENDINGS, without_ending
from gesta.errors import GestaError, MediaError

Times = NDArray[np.float64]

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")
# Recordings of sensors keep these beside the colour frames.
_NO_COLOUR = ("depth", "infrared", "mask")


class VideoLinks:
    """Links clips to the videos in a folder, and tells what came of it.

    Args:
        folder: of the videos, looked through at once.
        names: how they are named.

    Attributes:
        linked: clips that have their video.
        missing: clips without a video of their name.
        uneven: linked clips with one frame more or less than their video.
        problems: (clip id, reason) of clips whose video is there and cannot be theirs.
        doubles: videos that were passed over for another of the same clip.

    Raises:
        GestaError: there is no such folder, or no video in it is named like those of the data set.
    """

    def __init__(self, folder: str | Path, names: VideoNames) -> None:
        self.folder, self._names = Path(folder), names
        self.linked = self.missing = self.uneven = self.doubles = 0
        self.problems: list[tuple[str, str]] = []
        if not self.folder.is_dir():
            raise GestaError(f"{self.folder}: expected the folder of videos, found none")
        self._paths: dict[str, str] = {}
        for path in _candidates(self.folder):
            clip = names.clip(without_ending(path))
            if clip is not None and self._paths.setdefault(clip, path) != path:
                self.doubles += 1
        if not self._paths:
            raise GestaError(
                f"{self.folder}: no videos of the data set there; looked for {names.looks}"
            )

    def link(self, clip: Clip) -> Clip:
        """The clip with its video, or as it was where it has none."""
        path = self._paths.get(PurePosixPath(clip.id).name)
        if path is None:
            self.missing += 1
            return clip
        try:
            size, known = _opened(self.folder / path)
            times = self._times(clip, known)
        except MediaError as error:
            self.problems.append((clip.id, str(error)))
            return clip
        self.linked += 1
        return clip.replace(video=VideoReference(path, times), frame_size=clip.frame_size or size)

    def over(self, outcomes: Generator[Outcome, None, None]) -> Generator[Outcome, None, None]:
        """The outcomes of members, their clips linked."""
        try:
            for name, outcome in outcomes:
                yield name, [self.link(one) if isinstance(one, Clip) else one for one in outcome]
        finally:
            outcomes.close()

    def _times(self, clip: Clip, known: Times) -> Times:
        """(T,) seconds of the clip's frames, from those of the video's frames."""
        if self._names.seconds is not None:
            return _resampled(clip, known, self._names.seconds)
        more = clip.frames - len(known)
        if abs(more) > 1 or not len(known):
            raise MediaError(
                f"its video has {len(known)} frames and the skeleton {clip.frames}: which belong "
                "together is not known"
            )
        # Both begin together; a skeleton that outlasts its video by a frame holds the last.
        self.uneven += more != 0
        return known[np.minimum(np.arange(clip.frames), len(known) - 1)]


def _resampled(clip: Clip, known: Times, longest: float) -> Times:
    lasts = float(known[-1]) if len(known) else 0.0
    if not 0 < lasts <= longest:
        raise MediaError(
            f"its video lasts {lasts:.1f} s, and those of the data set at most {longest:.0f} s: "
            "cut out the part that the data set names"
        )
    assert clip.frame_rate is not None  # readers of such data sets set it
    return np.minimum(np.arange(clip.frames) / clip.frame_rate, lasts)


def _opened(path: Path) -> tuple[tuple[int, int], Times]:
    # Imported here: data sets without videos need no decoder.
    from gesta.media import open_video

    with open_video(path) as video:
        return video.size, video.times


def _candidates(folder: Path) -> list[str]:
    """Video files and folders of images, by their sorted posix paths below the folder."""
    found: set[str] = set()
    for name in Source(folder).names():
        path = PurePosixPath(name)
        if path.suffix.lower() in VIDEO_ENDINGS:
            found.add(name)
        elif path.suffix.lower() in IMAGE_ENDINGS:
            found.add(path.parent.as_posix())
    return sorted(path for path in found if not any(word in path.lower() for word in _NO_COLOUR))
