"""What a data set is to gesta: where its clips, labels, subjects and protocols are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gesta.archive import ClipTable, Protocol
from gesta.clip import Clip
from gesta.datasets.source import Source
from gesta.errors import GestaError
from gesta.skeleton import Layout


@dataclass(frozen=True)
class ParseOptions:
    """What a data set's parse function is told besides the bytes of a file.

    Args:
        bodies: one of the data set's ``bodies``: which persons are kept, and in which order.
        layout: the layout asked for, for data sets whose files do not say theirs; None where
            nothing was asked for, and for data sets that have one of their own.
        side: what the data set's ``side`` function read.
    """

    bodies: str = ""
    layout: Layout | None = None
    side: Any = None


# What is known of all clips once they are read: class names and protocols are made from it.
Recorded = ClipTable


def empty_ids(recorded: Recorded) -> tuple[str, ...]:
    """The ids of the clips that show nobody, whose digest is 0."""
    return tuple(recorded.ids[index] for index in np.flatnonzero(recorded.digests == 0))


def no_side(source: Source) -> None:
    """For data sets whose clip files say all there is to know."""


def no_protocols(recorded: Recorded, side: Any) -> list[Protocol]:  # noqa: ANN401
    """For data sets without a protocol of their own; an archive always offers ``random``."""
    return []


def numbered_classes(recorded: Recorded, side: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Class names for data sets that only number them: "0" up to the largest label."""
    return tuple(str(number) for number in range(int(recorded.labels.max(initial=-1)) + 1))


@dataclass(frozen=True)
class VideoNames:
    """How a data set names its videos.

    Args:
        looks: such names in words, for messages.
        clip: (posix path below the folder, without its ending) -> the clip's id without folders,
            or None for what is no video of the data set. Folders of images count as videos.
        seconds: where skeletons were made at a rate of their own from videos that were cut before
            (Kinetics), how long such a video lasts at most; None where each frame of a video has
            its skeleton.
    """

    looks: str
    clip: Callable[[str], str | None]
    seconds: float | None = None


@dataclass(frozen=True)
class DataSet:
    """A data set that `prepare` reads.

    All functions are module-level ones: they travel to worker processes by pickle.

    Args:
        name: as on the command line.
        title: as people call it.
        expects: the files that are looked for, in words, for messages.
        selects: whether a member of the source (its posix path in there) holds clips.
        parse: (member name, bytes, options) -> the clips in it, mostly one, with ids, labels and
            recording data set. Raises FormatError for what is no such file; where one of many
            clips in a file cannot be read, its FormatError stands in its place. Persons come in
            order of relevance, because ``--persons`` keeps the first ones.
        layout: name of the files' layout, None where it is found on reading or asked for.
        channels, space: as in `Clip`; of no effect where ``layout`` is None: then the first clip
            that is read says all three.
        classes: class names, () where ``class_names`` finds them once everything is read.
        class_names: (recorded, side) -> class names; used where ``classes`` is ().
        bodies: the body selections offered, the first being the default.
        corrections: clip id -> its label, where the published one is known to be wrong.
        side: reads what stands beside the clip files (labels, splits); its result must be
            picklable and goes to ``parse`` as ``options.side`` and to the functions here.
        protocols: (recorded, side) -> the protocols the data set declares for these clips.
        protocol_names: what ``protocols`` offers, for listings; groups by their prefix.
        videos: how its RGB videos are named, None where it has none that belong to its skeletons.
        licence: under which terms people get the data, in few words.
        citation: authors, title, venue, year.
    """

    name: str
    title: str
    expects: str
    selects: Callable[[str], bool]
    parse: Callable[[str, bytes, ParseOptions], Sequence[Clip | GestaError]]
    layout: str | None = None
    channels: tuple[str, ...] = ("x", "y", "z")
    space: str = "camera_metres"
    classes: tuple[str, ...] = ()
    class_names: Callable[[Recorded, Any], tuple[str, ...]] = numbered_classes
    bodies: tuple[str, ...] = ("all",)
    corrections: Mapping[str, int] = field(default_factory=dict)
    side: Callable[[Source], Any] = no_side
    protocols: Callable[[Recorded, Any], Sequence[Protocol]] = no_protocols
    protocol_names: tuple[str, ...] = field(default=())
    videos: VideoNames | None = None
    licence: str = ""
    citation: str = ""
