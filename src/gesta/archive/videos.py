"""Where the videos of an archive's clips lie.

An archive never holds videos. A clip's `VideoReference` has a path below one folder of videos, and
the archive's provenance has that folder under `VIDEOS`: relative to the archive's own folder, so
that the two can move together and no home directory is told to whoever gets the archive.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gesta.clip import Clip
from gesta.errors import ArchiveError

VIDEOS = "videos"


def videos_provenance(archive: str | Path, folder: str | Path) -> str:
    """What the provenance of an archive says of the folder of its videos.

    Args:
        archive: where the archive is, or will be.
        folder: of the videos.

    Returns:
        The folder's path relative to the archive, with slashes; absolute where it lies on another
        drive.
    """
    there, here = Path(folder).resolve(), Path(archive).resolve()
    try:
        return Path(os.path.relpath(there, here)).as_posix()
    except ValueError:  # another drive of Windows
        return there.as_posix()


def videos_folder(archive: Path, provenance: Mapping[str, Any]) -> Path | None:
    """The folder that `videos_provenance` noted, None where an archive has no videos."""
    noted = provenance.get(VIDEOS)
    if not isinstance(noted, str):
        return None
    return Path(os.path.normpath(archive.resolve() / noted))


def find_video(clip: Clip, folder: Path | None) -> Path | None:
    """Where the video of a clip is, None where it has none.

    Raises:
        ArchiveError: the folder is not known or not there, or has no such file.
    """
    if clip.video is None:
        return None
    advice = (
        f"say where the folder of videos is: in archive.json, {VIDEOS!r} under 'provenance', as "
        "seen from the archive (in Python also open_archive(..., videos=FOLDER))"
    )
    if folder is None:
        raise ArchiveError(
            f"clip {clip.id!r} was seen in {clip.video.path!r}, and its archive does not say in "
            f"which folder that is; {advice}"
        )
    if not folder.is_dir():
        raise ArchiveError(
            f"{folder}: expected the folder of videos that the archive refers to, found none; it "
            f"or the archive was moved: {advice}"
        )
    path = folder / clip.video.path
    if not path.exists():  # a folder of images is a video, too
        raise ArchiveError(
            f"{path}: expected the video of clip {clip.id!r}, found none; fetch it again, or "
            f"{advice}"
        )
    return path
