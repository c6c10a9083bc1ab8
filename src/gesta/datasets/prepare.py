"""From the files of a data set to an archive: parsed by all cores, resumed after a break."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from gesta.archive import VIDEOS, Archive, ArchiveWriter, videos_provenance
from gesta.clip import Clip, Space, keep_persons, map_to_layout, without_nobody
from gesta.datasets.collect import Member, Outcome, Progress, collect, outcomes
from gesta.datasets.dataset import DataSet, ParseOptions
from gesta.datasets.linking import VideoLinks
from gesta.datasets.registry import get_dataset
from gesta.datasets.source import Source
from gesta.errors import FormatError, GestaError
from gesta.media.projection import Camera, joint_pixels
from gesta.skeleton import Layout, get_layout
from gesta.version import __version__


def prepare(
    dataset: str | DataSet,
    source: str | Path,
    out: str | Path,
    *,
    bodies: str | None = None,
    layout: str | Path | Layout | None = None,
    persons: int | None = None,
    published_labels: bool = False,
    camera: Camera | None = None,
    videos: str | Path | VideoLinks | None = None,
    strict: bool = False,
    processes: int | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Archive:
    """Read the files of a data set, or of a part of it, into an archive.

    Clips stand in the order of the source: sorted names for folders and zips, the order of the
    stream for tars. A file that cannot be read is listed in the archive's ``skipped``. Broken
    off, it leaves ``<out>.partial``, from which the same call goes on.

    Args:
        dataset: a registered name, or a data set of your own.
        source: folder, ``.zip``, ``.tar``, ``.tar.gz`` or ``.tar.xz`` with its files, or one.
        out: of the archive.
        bodies: which persons are kept, one of the data set's; None takes its default.
        layout: what to map the joints to; for data sets without a layout of their own it says
            what the files' joints are.
        persons: keep so many of a clip's persons at most, the first ones.
        published_labels: keep labels that are known to be wrong; see `DataSet.corrections`.
        camera: that saw joints in metres, to find and keep their pixels by, for what looks at RGB.
        videos: folder of the data set's RGB videos, to which clips are linked by name; or its
            `VideoLinks`, which tell afterwards what came of it. A clip without a video stays.
        strict: raise for the first file that cannot be read.
        processes: that parse; None takes one a core once a few files are read. More than one
            need, in a script, the usual ``if __name__ == "__main__"``.
        progress: is told how many files are done, and of how many where that is known.
        overwrite: replace an archive that is there already.

    Raises:
        GestaError: an option is wrong, or the source is not there, damaged or of something else.
        FormatError: with ``strict``, a file that cannot be read.
        ArchiveError: the archive is there already, or cannot be written.
    """
    known, place = get_dataset(dataset), Source(source)
    chosen, target = _check_options(known, bodies, layout, persons, processes, camera)
    links, side = video_links(known, videos), known.side(place)
    own = target if known.layout is None else None
    labels = {} if published_labels else known.corrections
    finish = _Finish(None if own else target, persons, labels, camera)
    work = partial(_parse_chunk, known.parse, ParseOptions(chosen, own, side), finish)
    provenance = _provenance(known, place, chosen, target, finish)
    if links is not None:
        provenance[VIDEOS] = videos_provenance(out, links.folder)
    with ArchiveWriter(
        out,
        **_form(known, target),
        classes=known.classes,
        dataset=known.name,
        provenance=provenance,
        overwrite=overwrite,
    ) as writer:
        done = writer.done
        members = place.handles(lambda name: known.selects(name) and name not in done)
        found = outcomes(work, members, processes)
        read = collect(
            writer,
            found if links is None else links.over(found),
            total=place.count(known.selects),
            strict=strict,
            progress=progress,
        )
        if not read.clips:
            writer.discard()
            raise _nothing(known, place, read.members, read.skipped)
        return writer.close(
            classes=known.classes or (lambda table: known.class_names(table, side)),
            protocols=lambda table: known.protocols(table, side),
        )


def video_links(
    dataset: str | DataSet, videos: str | Path | VideoLinks | None
) -> VideoLinks | None:
    """What links the clips of a data set to the videos in a folder.

    Raises:
        GestaError: the data set has no videos, or none of them is there.
    """
    if videos is None or isinstance(videos, VideoLinks):
        return videos
    known = get_dataset(dataset)
    if known.videos is None:
        raise GestaError(
            f"{known.name}: gesta knows no videos that belong to these skeletons; `gesta extract` "
            "makes an archive from the videos themselves"
        )
    return VideoLinks(videos, known.videos)


def _check_options(
    dataset: DataSet,
    bodies: str | None,
    layout: str | Path | Layout | None,
    persons: int | None,
    processes: int | None,
    camera: Camera | None,
) -> tuple[str, Layout | None]:
    chosen = dataset.bodies[0] if bodies is None else bodies
    if chosen not in dataset.bodies:
        raise GestaError(
            f"{dataset.name} offers the bodies {', '.join(dataset.bodies)}; found {chosen!r}"
        )
    for name, number in (("persons", persons), ("processes", processes)):
        if number is not None and number < 1:
            raise GestaError(f"{name} is a number from 1; found {number}")
    if camera is not None and dataset.layout is not None and dataset.space != "camera_metres":
        raise GestaError(
            f"a camera is for joints in metres; those of {dataset.name} are in {dataset.space}: "
            "leave it out"
        )
    return chosen, None if layout is None else get_layout(layout)


def _form(dataset: DataSet, target: Layout | None) -> dict[str, Any]:
    """What every clip has; unknown for data sets that say it in their files."""
    if dataset.layout is None:
        return {"layout": target}
    return {
        "layout": target or get_layout(dataset.layout),
        "channels": dataset.channels,
        "space": cast(Space, dataset.space),
    }


def _provenance(
    dataset: DataSet, source: Source, bodies: str, layout: Layout | None, finish: _Finish
) -> dict[str, Any]:
    return {
        "gesta": __version__,
        "title": dataset.title,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "source": source.path.resolve().name,
        "bodies": bodies,
        "layout": None if layout is None else layout.name,
        "persons": finish.persons,
        "corrected_labels": sorted(finish.labels),
        "camera": finish.camera and asdict(finish.camera),
    }


def _nothing(
    dataset: DataSet, source: Source, members: int, skipped: Sequence[GestaError]
) -> GestaError:
    looked = f"{source.path}: no clips of {dataset.title}: looked for {dataset.expects}"
    if not members:
        return GestaError(f"{looked}; no file there is called so")
    if not skipped:
        return GestaError(f"{looked}; the {members} such files there hold no clip of its classes")
    return GestaError(
        f"{looked}; of {members} such files none could be read, the first: {skipped[0]}"
    )


@dataclass(frozen=True)
class _Finish:
    """What becomes of each clip that was parsed; travels to worker processes."""

    target: Layout | None
    persons: int | None
    labels: Mapping[str, int]
    camera: Camera | None

    def __call__(self, clip: Clip) -> Clip:
        if clip.id in self.labels:
            clip = clip.replace(label=self.labels[clip.id])
        if self.persons is not None and clip.persons > self.persons:
            clip = keep_persons(clip, list(range(self.persons)))
        if self.camera is not None and clip.space == "camera_metres":
            size = clip.frame_size or self.camera.frame_size
            pixels = joint_pixels(clip.replace(pixels=None), self.camera)
            clip = clip.replace(pixels=pixels, frame_size=size)
        return without_nobody(clip if self.target is None else map_to_layout(clip, self.target))


def _parse_chunk(
    parse: Callable[[str, bytes, ParseOptions], Sequence[Clip | GestaError]],
    options: ParseOptions,
    finish: Callable[[Clip], Clip],
    members: list[Member],
) -> list[Outcome]:
    """Parse members; errors in files are results, errors in programs are raised."""
    outcomes: list[Outcome] = []
    for name, content in members:
        try:
            data = content.read_bytes() if isinstance(content, Path) else content
            parsed = parse(name, data, options)
            outcomes.append(
                (name, [finish(one) if isinstance(one, Clip) else one for one in parsed])
            )
        except GestaError as error:
            outcomes.append((name, [error]))
        except OSError as error:
            found = error.strerror or str(error)
            outcomes.append((name, [FormatError(name, "file", "a file that can be read", found)]))
    return outcomes
