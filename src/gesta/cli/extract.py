"""``gesta extract``: own videos -> an archive of poses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gesta.cli.prepared import say_archive, summary
from gesta.errors import GestaError

if TYPE_CHECKING:
    from gesta.archive import Archive
    from gesta.cli.console import Console
    from gesta.datasets import VideoPlan

_SHOWN = 20  # videos that a dry run prints; its document lists all


@dataclass
class Arguments:
    """Estimate the poses in a folder of videos, and write them as an archive.

    A video's class is the name of the uppermost folder that it is in, or what --labels says.

    $ gesta extract videos --out archive --labels labels.csv

    Broken off, the same command goes on. Videos that cannot be read are listed in the archive;
    those that show nobody are kept.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FOLDER")]]
    """The videos, at any depth."""

    out: Path
    """The archive to write."""

    labels: Path | None = None
    """CSV with the columns file, label and any of subject, source, camera, setup, replication,
    split, id, start, end (seconds: several clips can be cut from one video)."""

    splits: Path | None = None
    """Folder, zip or tar of <class>_test_split<number>.txt with lines "<clip>.avi 1" (trains) or 2
    (tests), or a CSV with the columns file, split; endings of videos do not count."""

    source_from: str | None = None
    """Regular expression for each video's path without ending: its groups, or else its match, are
    the recording that the clip was cut from. Clips of a source never stand on both sides of
    `random`. Each file is a source of its own if not given."""

    subject_from: str | None = None
    """As --source-from: who acts."""

    name: str | None = None
    """Of the data set; the folder's if not given."""

    estimator: str = "movenet"
    """Of poses: movenet, or rtmlib or mediapipe where they are installed."""

    size: int | None = None
    """Pixels of the longer side that movenet scales frames to: 256, the default, is quick, 384 and
    512 find smaller people."""

    estimator_option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Another option of the estimator, as NAME=VALUE: mediapipe wants model=FILE.task."""

    persons: int = 2
    """Keep so many persons of a clip at most: the most present."""

    smooth: float = 0.0
    """Seconds over which joints are smoothed in time; 0: not."""

    frames_per_second: float | None = None
    """Leave frames out where a video has more than that."""

    strict: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Stop at the first video that cannot be read."""

    processes: int | None = None
    """Processes that read videos, of one thread each; as many as cores if not given."""

    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say what would be done, and do nothing."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Extract the archive and say what is in it, or with --dry-run what would be."""
    from gesta.datasets import extract, plan_videos

    plan = plan_videos(
        arguments.folder,
        labels=arguments.labels,
        splits=arguments.splits,
        source_from=arguments.source_from,
        subject_from=arguments.subject_from,
    )
    _say_what_is_left(plan, console)
    if arguments.dry_run:
        return _describe(plan, console)
    with console.progress("videos") as progress:
        archive = extract(
            plan,
            arguments.out,
            estimator=arguments.estimator,
            options=_options(arguments),
            persons=arguments.persons,
            smooth=arguments.smooth,
            frames_per_second=arguments.frames_per_second,
            name=arguments.name,
            strict=arguments.strict,
            processes=arguments.processes,
            progress=progress,
        )
    document = summary(archive, _missing(plan, archive))
    say_archive(document, console)
    return document


def _options(arguments: Arguments) -> dict[str, Any]:
    """The estimator's options; a value is JSON (a number, true) or else a text.

    Raises:
        GestaError: one of them is not NAME=VALUE.
    """
    options: dict[str, Any] = {} if arguments.size is None else {"long_side": arguments.size}
    for given in arguments.estimator_option:
        name, equals, value = given.partition("=")
        if not name or not equals:
            raise GestaError(f"--estimator-option: expected NAME=VALUE, found {given!r}")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _say_what_is_left(plan: VideoPlan, console: Console) -> None:
    """What of the folder takes no part, and what of the labels looks like a mistake."""
    if plan.other:
        console.say(f"files left alone, since no videos by their names: {plan.other}")
    if plan.unlisted:
        console.say(f"videos left alone, since not in the table of labels: {plan.unlisted}")
    unlabelled = sum(cut.label is None for cuts in plan.cuts.values() for cut in cuts)
    if unlabelled:
        text = f"{unlabelled} of {plan.clips} clips have no class, and take part in no protocol"
        console.say(text, style="yellow")
    if len(plan.classes) == 1:
        text = (
            f"all labelled clips are of the class {plan.classes[0]}; give the folder that holds a "
            "folder for each class, or --labels"
        )
        console.say(text, style="yellow")


def _describe(plan: VideoPlan, console: Console) -> dict[str, Any]:
    """What would be done, in a table and as a JSON document."""
    clips = [
        {
            "file": name,
            "id": cut.id,
            "class": None if cut.label is None else plan.classes[cut.label],
            "start": cut.start,
            "end": cut.end,
            "subject": cut.recording.get("subject"),
            "source": cut.recording.get("source"),
        }
        for name, cuts in plan.cuts.items()
        for cut in cuts
    ]
    columns = [
        column
        for column in ("id", "class", "subject", "source", "start", "end")
        if any(clip[column] is not None for clip in clips)
    ]
    console.table(columns, [[clip[column] for column in columns] for clip in clips[:_SHOWN]])
    if len(clips) > _SHOWN:
        console.say(f"and {len(clips) - _SHOWN} more")
    for protocol in plan.protocols:
        train, test = len(protocol.train_ids or ()), len(protocol.test_ids or ())
        console.say(f"{protocol.name}: {train} clips train, {test} test ({protocol.note})")
    for name, reason in plan.unusable.items():
        console.say(f"would skip {name}: {reason}", style="yellow")
    console.say(f"{len(clips)} clips of {len(plan.classes)} classes in {len(plan.cuts)} videos")
    return {
        "clips": clips,
        "classes": list(plan.classes),
        "protocols": [protocol.to_dict() for protocol in plan.protocols],
        "unusable": dict(plan.unusable),
        "unlisted": plan.unlisted,
        "other": plan.other,
    }


def _missing(plan: VideoPlan, archive: Archive) -> list[int | None]:
    """The class of each clip that is missing since its video could not be read."""
    there = set(archive.ids)
    return [cut.label for cuts in plan.cuts.values() for cut in cuts if cut.id not in there]
