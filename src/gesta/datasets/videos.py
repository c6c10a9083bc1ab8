"""From a folder of videos to an archive: poses, tracks and where each frame is in its video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gesta.archive import VIDEOS, Archive, ArchiveWriter, ClipTable, Protocol, videos_provenance
from gesta.clip import Clip
from gesta.datasets.arrays import subject_folds
from gesta.datasets.collect import (
    Collected,
    Member,
    Outcome,
    Progress,
    collect,
    cores,
    outcomes,
)
from gesta.datasets.video_plan import Cut, VideoPlan
from gesta.errors import GestaError, MediaError
from gesta.pose import (
    PoseEstimator,
    Sighting,
    create_estimator,
    smooth_clip,
    tracks_to_clip,
    watch,
)
from gesta.version import __version__

if TYPE_CHECKING:
    from gesta.media import Video


def extract(
    plan: VideoPlan,
    out: str | Path,
    *,
    estimator: str | Callable[[], PoseEstimator] = "movenet",
    options: Mapping[str, Any] | None = None,
    persons: int | None = 2,
    smooth: float = 0.0,
    frames_per_second: float | None = None,
    name: str | None = None,
    strict: bool = False,
    processes: int | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Archive:
    """Estimate the poses in videos, and write them as an archive.

    Clips stand in the order of their videos' paths. A clip in which nobody is seen is kept, with
    M = 0 and its frames' times. A video that cannot be read is listed in the archive's
    ``skipped``; one that is damaged in part gives a clip of what can be read, and is listed, too.
    Broken off, it leaves ``<out>.partial``, from which the same call goes on.

    Args:
        plan: what `gesta.datasets.plan_videos` found.
        out: of the archive.
        estimator: a name for `gesta.pose.create_estimator`, or a function that makes one (a
            function of a module: it travels to other processes by pickle).
        options: keyword arguments of the estimator or function, plain JSON values.
        persons: keep so many persons of a clip at most, the most present; None keeps all.
        smooth: seconds over which joints are smoothed in time; 0: not.
        frames_per_second: leave frames out where a video has more than that; None takes all.
        name: of the data set; the name of the folder if not given.
        strict: raise for the first video that cannot be read.
        processes: that read videos, of one thread each; None takes one a core. More than one
            need, in a script, the usual ``if __name__ == "__main__"``.
        progress: is told how many videos are done, and of how many.
        overwrite: replace an archive that is there already.

    Raises:
        GestaError: an option is wrong, the estimator cannot be had, or no video can be read.
        MediaError: with ``strict``, a video that cannot be read.
        ArchiveError: the archive is there already, or cannot be written.
    """
    _check_numbers(persons, processes, smooth, frames_per_second)
    made_by = partial(create_estimator, estimator) if isinstance(estimator, str) else estimator
    make = partial(made_by, **(options or {}))
    # Made once here, so that what is wrong with it is not said of each video.
    first = make()
    processes = min(processes or cores(), len(plan.cuts))
    maker = (lambda: first) if processes == 1 else make
    reader = _Reader(plan, maker, persons, smooth, frames_per_second)
    with ArchiveWriter(
        out,
        layout=first.layout,
        channels=("x", "y"),
        space="pixels",
        classes=plan.classes,
        dataset=plan.folder.resolve().name if name is None else name,
        provenance=_provenance(plan, out, reader, first.name, options),
        overwrite=overwrite,
    ) as writer:
        read = _fill(writer, plan, reader, processes, strict, progress)
        if not read.clips:
            writer.discard()
            raise GestaError(
                f"{plan.folder}: none of the {read.members} videos could be read, the first: "
                f"{read.skipped[0]}"
            )
        return writer.close(protocols=lambda table: _protocols(plan, table))


def _provenance(
    plan: VideoPlan,
    out: str | Path,
    reader: _Reader,
    estimator: str,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "gesta": __version__,
        VIDEOS: videos_provenance(out, plan.folder),
        "estimator": estimator,
        "options": dict(options or {}),
        "persons": reader.persons,
        "smooth": reader.smooth,
        "frames_per_second": reader.frames_per_second,
        "labels": plan.labels,
    }


def _check_numbers(
    persons: int | None, processes: int | None, smooth: float, frames_per_second: float | None
) -> None:
    for name, number in (("persons", persons), ("processes", processes)):
        if number is not None and number < 1:
            raise GestaError(f"{name} is a number from 1; found {number}")
    if not 0 <= smooth < np.inf:
        raise GestaError(f"smooth is a time in seconds from 0; found {smooth}")
    if frames_per_second is not None and not 0 < frames_per_second < np.inf:
        raise GestaError(f"frames_per_second is a number over 0; found {frames_per_second}")


def _fill(
    writer: ArchiveWriter,
    plan: VideoPlan,
    reader: _Reader,
    processes: int,
    strict: bool,
    progress: Progress | None,
) -> Collected:
    for video, reason in plan.unusable.items():
        if strict:
            raise GestaError(f"{video}: {reason}")
        writer.skip(video, reason)
    members: Iterator[Member] = (
        (video, plan.folder / video) for video in plan.cuts if video not in writer.done
    )
    return collect(
        writer,
        outcomes(reader, members, processes, chunk=1, few=0),
        total=len(plan.cuts),
        strict=strict,
        progress=progress,
    )


def _protocols(plan: VideoPlan, table: ClipTable) -> list[Protocol]:
    """What the split files say of the clips that could be read, and five folds of subjects."""
    there = set(table.ids)
    found = []
    for protocol in plan.protocols:
        train, test = (
            tuple(name for name in side or () if name in there)
            for side in (protocol.train_ids, protocol.test_ids)
        )
        if train and test:
            found.append(
                Protocol(protocol.name, train_ids=train, test_ids=test, note=protocol.note)
            )
    return found + subject_folds(table)


@dataclass
class _Reader:
    """Makes the clips of videos; travels to worker processes before it has its estimator."""

    plan: VideoPlan
    make: Callable[[], PoseEstimator]
    persons: int | None
    smooth: float
    frames_per_second: float | None

    @cached_property
    def estimator(self) -> PoseEstimator:
        return self.make()

    def __call__(self, members: list[Member]) -> list[Outcome]:
        """The clips of each video, and what of it cannot be read."""
        return [(name, self._clips(name, Path(str(path)))) for name, path in members]

    def _clips(self, name: str, path: Path) -> list[Clip | GestaError]:
        # Imported here: those who prepare skeleton files need no video decoder.
        from gesta.datasets.video_frames import ChosenFrames
        from gesta.media import open_video

        cuts = self.plan.cuts[name]
        try:
            with open_video(path, threads=1) as video:
                chosen = ChosenFrames(video, cuts, self.frames_per_second)
                sightings = list(watch(chosen, self.estimator))
                clips = [self._clip(name, cut, sightings, chosen) for cut in cuts]
                if not video.problems:
                    return clips
                problems = "; ".join(video.problems)
        except GestaError as error:
            return [error]
        except OSError as error:
            return [MediaError(f"{name}: {error.strerror or error}")]
        return [*clips, MediaError(f"{name}: {problems}; what can be read is kept")]

    def _clip(
        self, name: str, cut: Cut, sightings: Sequence[Sighting], video: Video
    ) -> Clip | GestaError:
        part = [seen for seen in sightings if cut.holds(seen.time)]
        if not part:
            last = f"{sightings[-1].time:.2f} s" if sightings else "none of these parts"
            end = "its end" if cut.end is None else f"{cut.end:g} s"
            return MediaError(
                f"{name}: expected frames from {cut.start or 0:g} s to {end}, found none; the "
                f"last frame that was read is at {last}"
            )
        clip = tracks_to_clip(
            part,
            self.estimator.layout,
            persons=self.persons,
            frame_rate=video.frame_rate,
            frame_size=video.size,
            video=name,
            id=cut.id,
        ).replace(label=cut.label, **cut.recording)
        return smooth_clip(clip, self.smooth) if self.smooth else clip
