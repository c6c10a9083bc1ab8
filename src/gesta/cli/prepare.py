"""``gesta prepare``: files of a data set -> an archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gesta.cli.prepared import SHOWN, say_archive, summary

if TYPE_CHECKING:
    from gesta.archive import Archive
    from gesta.cli.console import Console
    from gesta.datasets import VideoLinks
    from gesta.media import Camera


@dataclass
class Arguments:
    """Read the files of a data set, or of a part of it, into an archive.

    $ gesta prepare ntu60 nturgb+d_skeletons.zip --out ntu60 --bodies denoised

    Broken off, the same command goes on. Files that cannot be read are listed in the archive.
    """

    dataset: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="DATASET")]]
    """Name of the data set; `gesta datasets` lists them."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="SOURCE")]]
    """Folder, .zip, .tar, .tar.gz or .tar.xz with its files."""

    out: Path
    """The archive to write."""

    bodies: str | None = None
    """Which persons are kept, by a name that the data set offers."""

    persons: int | None = None
    """Keep so many persons of a clip at most: the first, in the order that --bodies gives."""

    layout: str | None = None
    """Joint layout to map to, or the files' own where they do not say it; a name or .toml file."""

    published_labels: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Keep the labels that are known to be wrong in the published files, as other tools do."""

    camera: tuple[float, float, float, float, int, int] | None = None
    """FX FY CX CY WIDTH HEIGHT in pixels: focal lengths, centre and frame size of the RGB camera,
    for joints in metres whose pixels the files do not say (SYSU)."""

    videos: Path | None = None
    """Folder of the data set's RGB videos (NTU, UESTC, SYSU, Kinetics): linked, never copied."""

    strict: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Stop at the first file that cannot be read."""

    processes: int | None = None
    """Processes that parse files; as many as cores if not given."""


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Prepare the archive and say what is in it."""
    from gesta.datasets import prepare, video_links

    links = video_links(arguments.dataset, arguments.videos)
    with console.progress(f"preparing {arguments.dataset}") as progress:
        archive = prepare(
            arguments.dataset,
            arguments.source,
            arguments.out,
            bodies=arguments.bodies,
            persons=arguments.persons,
            layout=arguments.layout,
            published_labels=arguments.published_labels,
            camera=_camera(arguments.camera),
            videos=links,
            strict=arguments.strict,
            processes=arguments.processes,
            progress=progress,
        )
    document = summary(archive)
    say_archive(document, console)
    corrected = set(archive.provenance["corrected_labels"]).intersection(archive.ids)
    if corrected:
        console.say(
            f"{len(corrected)} labels corrected that are wrong in the published files; "
            "--published-labels keeps them as they are"
        )
    if links is not None:
        document["videos"] = _linked(archive, links, console)
    return document


def _camera(values: tuple[float, float, float, float, int, int] | None) -> Camera | None:
    from gesta.media import Camera

    return None if values is None else Camera(*values[:4], frame_size=values[4:])


def _linked(archive: Archive, links: VideoLinks, console: Console) -> dict[str, Any]:
    """Say which clips have their videos, and give it as a part of the JSON document."""
    linked = int(archive.with_video.sum())
    found = {
        "folder": str(links.folder),
        "linked": linked,
        "without": len(archive) - linked,
        "uneven": links.uneven,
        "problems": [{"name": name, "reason": reason} for name, reason in links.problems],
        "doubles": links.doubles,
    }
    console.say(f"{linked} clips linked to their videos, {found['without']} without")
    if links.uneven:
        console.say(f"{links.uneven} of them have one frame more or less than their video")
    if links.doubles:
        console.say(f"{links.doubles} videos passed over: another is of the same clip")
    for name, reason in links.problems[:SHOWN]:
        console.say(f"not linked {name}: {reason}", style="yellow")
    if len(links.problems) > SHOWN:
        console.say(f"not linked {len(links.problems) - SHOWN} more; see --json")
    return found
