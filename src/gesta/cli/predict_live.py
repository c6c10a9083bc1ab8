"""``gesta predict RUN camera:0``: a camera or stream judged while it comes."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gesta.cli.console import Console
from gesta.cli.predicted import SegmentTable, row_of
from gesta.errors import MediaError
from gesta.inference.overlay import USUAL_RATE, Painter, figures_of, label_text, overlay_size
from gesta.inference.video import make_estimator
from gesta.media import VideoWriter, open_video
from gesta.pose import Sighting, Tracker, watch

if TYPE_CHECKING:
    from gesta.cli.predict import Arguments
    from gesta.inference import Follower, Recognizer, Segment, Timing
    from gesta.media import Video
    from gesta.pose import PoseEstimator

# Segments kept for the JSON document: memory stays bounded, however long a camera is followed.
KEPT = 10_000


def follow(
    source: str,
    recognizer: Recognizer,
    timing: Timing,
    arguments: Arguments,
    table: SegmentTable,
    console: Console,
) -> list[dict[str, Any]]:
    """Print and write segments as they come, until the stream ends or Ctrl-C.

    Returns:
        As `gesta.cli.predict.run`; of a long stream the last segments only. Where the stream broke
        off, ``error`` says why, and the exit status is 1.

    Raises:
        MediaError: the camera or stream cannot be reached.
        ShapeError, RunError: the model cannot judge its poses.
    """
    told: deque[tuple[int | None, Segment]] = deque(maxlen=KEPT)

    def tell(segments: Iterator[tuple[int | None, Segment]]) -> None:
        for track, segment in segments:
            told.append((track, segment))
            table.write(source, track, segment, "seconds")
            name, start, end, what = row_of(track, segment, "seconds")
            console.say(f"{start} - {end}  {name}  {what}")

    document: dict[str, Any] = {"input": source, "fps": None, "persons": []}
    estimator = make_estimator(recognizer.card, arguments.estimator, arguments.size)
    with open_video(source, timeout=arguments.timeout) as video:
        follower = recognizer.follow(
            video, estimator, scene=arguments.scene, timing=timing, persons=arguments.persons
        )
        console.say(f"{video.name}: {video.size[0]} x {video.size[1]}; Ctrl-C ends")
        document["fps"] = video.frame_rate
        sightings = watch(video, estimator)
        if arguments.overlay is not None:
            sightings = _drawn(video, estimator, follower, arguments.overlay)
        try:
            for seen in sightings:
                tell(follower.update(seen))
        except KeyboardInterrupt:
            console.say("stopped")
        except MediaError as error:
            print(f"gesta: error: {error}", file=sys.stderr)
            console.exit_status, document["error"] = 1, str(error)
        finally:
            # An overlay is whole when its generator is closed.
            sightings.close()  # type: ignore[attr-defined]
        tell(follower.finish())
    document["persons"] = _by_track(told)
    return [document]


def _by_track(told: deque[tuple[int | None, Segment]]) -> list[dict[str, Any]]:
    segments: dict[int | None, list[dict[str, Any]]] = {}
    for track, segment in told:
        segments.setdefault(track, []).append(vars(segment))
    return [{"track": track, "segments": own} for track, own in segments.items()]


def _drawn(
    video: Video, estimator: PoseEstimator, follower: Follower, out: Path
) -> Iterator[Sighting]:
    """The sightings of a stream, whose pictures are written with what is known by then."""
    size = overlay_size(video.size)
    painter, scaled = Painter(size, estimator.layout), None if size == video.size else size
    tracker = Tracker(frame_size=size)
    with VideoWriter(out, size, video.frame_rate or USUAL_RATE) as writer:
        try:
            for frame in video.frames(size=scaled):
                found = estimator(frame.image)
                seen = Sighting(frame.time, found, tracker.update(found, frame.time))
                yield seen
                tracks = [track for track in seen.tracks.tolist() if track >= 0]
                said = {track: follower.current(track) for track in [None, *tracks]}
                texts = {track: label_text(one) for track, one in said.items() if one is not None}
                figures = figures_of(seen, {track: track for track in tracks}, texts, 1.0)
                writer.write(painter.draw(frame.image, figures, texts.get(None, "")))
        except (GeneratorExit, KeyboardInterrupt, MediaError) as end:
            # What was written until then is kept: to leave with an error would throw it away.
            broken = end
        else:
            return
    raise broken
