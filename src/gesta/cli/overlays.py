"""Where ``gesta predict --overlay`` writes: known, and checked, before a video is watched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gesta.errors import MediaError, RecipeError


def overlay_paths(sources: Sequence[str], out: Path) -> dict[str, Path]:
    """The overlay of each video.

    Args:
        sources: videos; one gives the file `out`, several a file each in the folder `out`.
        out: as the user says.

    Raises:
        RecipeError: an input is no video, or `out` is no folder and there are several.
        MediaError: a video cannot be written there, or would take the place of an input.
    """
    from gesta.inference.video import is_video
    from gesta.media.writer import FORMATS, check_target

    others = [source for source in sources if not is_video(source)]
    if others:
        raise RecipeError(f"--overlay: is drawn on videos; {others[0]} is none")
    if len(sources) == 1:
        check_target(out)
        found = {sources[0]: out}
    else:
        if out.is_file() or out.suffix.lower() in FORMATS:
            raise RecipeError(f"--overlay: of several videos names a folder; found the file {out}")
        found = {
            source: out / f"{name}.mp4"
            for source, name in zip(sources, _names(sources), strict=True)
        }
    given = {Path(source).resolve() for source in sources}
    for path in found.values():
        if path.resolve() in given:
            raise MediaError(f"{path}: is an input itself; write the overlay to another place")
    return found


def _names(sources: Sequence[str]) -> list[str]:
    """A name for each: its path below the folder that all are in, none twice."""
    paths = [Path(source).absolute() for source in sources]
    root = os.path.commonpath([path.parent for path in paths])
    names: list[str] = []
    for path in paths:
        name = "-".join(path.relative_to(root).with_suffix("").parts)
        same, number = name, 1
        while name in names:
            number += 1
            name = f"{same}-{number}"
        names.append(name)
    return names
