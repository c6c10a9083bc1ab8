"""``gesta predict``: what a run says about new clips and videos."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gesta.cli.console import Console
from gesta.cli.overlays import overlay_paths
from gesta.cli.predicted import COLUMNS, SegmentTable, rows_of
from gesta.errors import GestaError, RecipeError

if TYPE_CHECKING:
    from gesta.inference import Prediction, Recognizer, Timing


@dataclass
class Arguments:
    """Say what people do in videos, or in skeleton files.

    $ gesta predict demo video.mp4 --overlay seen.mp4
    $ gesta predict runs/own-random-st_gcn-joint-0 videos --csv segments.csv
    $ gesta predict RUN camera:0
    $ gesta predict RUN S001C001P001R001A001.skeleton --json

    A video is judged in windows over time, which are merged into segments in seconds; a skeleton
    file as a whole, in frames, unless --window or --stride is given. A camera or stream is judged
    while it comes, until Ctrl-C.
    """

    run: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="RUN")]]
    """A finished run, a weights file of one, or "demo": the model that comes with gesta."""
    inputs: tyro.conf.Positional[
        Annotated[
            tuple[str, ...],
            tyro.conf.arg(metavar="INPUT [INPUT ...]", help_behavior_hint="(required)"),
        ]
    ]
    """Videos, folders of videos or of images, skeleton files of any known format; or one camera
    (camera:0, /dev/video0) or stream (rtsp://, http://, udp:// ...)."""
    overlay: Path | None = None
    """Write a video (.mp4, .mov, .mkv) with skeletons, numbers of persons and labels; of several
    videos, one each into this folder."""
    csv: Path | None = None
    """Write all segments as a table."""
    window: float | None = None
    """Seconds judged at once; by default the median length of the clips the run was trained on."""
    stride: float | None = None
    """Seconds from one window to the next; by default a quarter of a window."""
    threshold: float | None = None
    """Probability below which the answer is "unknown". By default of a video that which the run
    chose on its validation part, of a skeleton file none; 0 always answers."""
    persons: int | None = None
    """Judge so many persons of a video at most, the most present; all if not given."""
    scene: bool | None = None
    """Judge all persons of a clip together, or each alone; by default as the model was trained."""
    estimator: str | None = None
    """Of poses in videos: movenet, or rtmlib or mediapipe where they are installed; by default
    the one that the run's training data were made with, if any."""
    size: int | None = None
    """Pixels of the longer side that frames are scaled to for the estimator: 256 is quick, 384 and
    512 find smaller people."""
    timeout: float = 10.0
    """Seconds that a camera or stream may send nothing."""
    device: str = "auto"
    """auto, cpu or cuda."""


def run(arguments: Arguments, console: Console) -> list[dict[str, Any]]:
    """Predict, and print every segment; an input that fails does not stop the others."""
    if not arguments.inputs:
        print("gesta: error: expected at least one INPUT after the run", file=sys.stderr)
        raise SystemExit(2)
    from gesta.inference import Recognizer, Timing
    from gesta.inference.video import check_persons, is_live

    timing = Timing(arguments.window, arguments.stride, arguments.threshold)
    check_persons(arguments.persons)
    sources = list(_sources(arguments.inputs))
    live = [source for source in sources if is_live(source)]
    if live and len(sources) > 1:
        raise RecipeError(f"{live[0]}: a camera or stream has no end; give it alone")
    overlays = {}
    if arguments.overlay is not None and not live:
        overlays = overlay_paths(sources, arguments.overlay)
    recognizer = Recognizer.from_run(arguments.run, arguments.device)
    with SegmentTable(arguments.csv) as table:
        if live:
            from gesta.cli.predict_live import follow

            return follow(live[0], recognizer, timing, arguments, table, console)
        work = _Work(arguments, recognizer, timing, table, console, len(sources) > 1, overlays)
        document = [row for source in sources for row in work.on(source)]
        work.say()
    work.say_threshold()
    return document


def _sources(inputs: Sequence[str]) -> Iterator[str]:
    """The inputs, with the videos of a folder in its place."""
    from gesta.inference.video import is_live, videos_in

    for given in inputs:
        is_folder = not is_live(given) and Path(given).is_dir()
        inside = [str(path) for path in videos_in(given)] if is_folder else []
        yield from inside or [given]


@dataclass
class _Work:
    """One input after the other."""

    arguments: Arguments
    recognizer: Recognizer
    timing: Timing
    table: SegmentTable
    console: Console
    several: bool
    overlays: Mapping[str, Path]
    rows: list[list[object]] = field(default_factory=list)
    unknown: bool = False

    def on(self, source: str) -> list[dict[str, Any]]:
        """What is said of an input, printed and as plain containers."""
        from gesta.inference.video import is_video

        try:
            unit = "seconds" if is_video(source) else "frames"
            return [self._told(prediction, unit) for prediction in self._predict(source)]
        except (GestaError, OSError) as error:
            if not self.several:
                raise
            print(f"gesta: error: {_with_name(error, source)}", file=sys.stderr)
            self.console.exit_status = 1
            return [{"input": source, "error": str(error)}]

    def _predict(self, source: str) -> list[Prediction]:
        from gesta.inference.overlay import write_overlay
        from gesta.inference.video import is_video

        given = self.arguments
        if not is_video(source):
            return self.recognizer.predict(source, scene=given.scene, timing=self.timing)
        with self.console.progress(Path(source).name) as progress:
            watched = self.recognizer.watch(
                source,
                scene=given.scene,
                timing=self.timing,
                estimator=given.estimator,
                size=given.size,
                persons=given.persons,
                progress=lambda done: progress(done, None, "frames"),
            )
        for problem in watched.problems:
            self.console.say(f"{source}: {problem}", style="yellow")
        if source in self.overlays:
            out = self.overlays[source]
            out.parent.mkdir(parents=True, exist_ok=True)
            with self.console.progress(f"drawing {out.name}") as progress:
                total = len(watched.sightings)
                write_overlay(source, out, watched, lambda done: progress(done, total))
            self.console.say(str(out))
        return [watched.prediction]

    def say(self) -> None:
        """Print what has not been printed: videos are told one by one, files of clips together."""
        if self.rows:
            self.console.table(COLUMNS, self.rows)
        self.rows = []

    def _told(self, prediction: Prediction, unit: str) -> dict[str, Any]:
        from gesta.inference import UNKNOWN

        self.rows += rows_of(prediction, unit)
        self.table.add(prediction, unit)
        if unit == "seconds":
            self.say()
            self.unknown |= any(
                segment.label == UNKNOWN
                for person in prediction.persons
                for segment in person.segments
            )
        return prediction.to_dict()

    def say_threshold(self) -> None:
        """Say what "unknown" means, where that was not asked for."""
        below = self.recognizer.card.unknown_below
        if self.unknown and below is not None and self.arguments.threshold is None:
            self.console.say(
                f"unknown: less probable than {100 * below:.0f} %, chosen on the validation clips "
                "of the run; --threshold says another"
            )


def _with_name(error: Exception, source: str) -> str:
    text = str(error)
    return text if Path(source).name in text else f"{source}: {text}"
