"""Taking up an archive whose writing was broken off: what of it can be trusted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gesta.archive import journal, manifest
from gesta.archive.journal import Journal
from gesta.archive.manifest import Body, ShardEntry
from gesta.archive.shard import Shard
from gesta.errors import ArchiveError, GestaError


@dataclass
class Progress:
    """What finished shards hold.

    Args:
        settings: what the archive was begun with.
        body: layout, channels and space, None before the first clip.
        shards: the finished shards.
        checksums: the crc32 of each clip in them, by id.
        keys: the sources all of whose clips are in them.
        damage: what had to be dropped and is to be done again, in words.
    """

    settings: dict[str, Any]
    body: Body | None = None
    shards: list[ShardEntry] = field(default_factory=list)
    checksums: dict[str, int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    damage: list[str] = field(default_factory=list)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recover(folder: Path, log: Journal, settings: dict[str, Any], resume: bool) -> Progress:
    """Trust the journal up to its first damage, or to the first damaged shard; drop the rest.

    What is dropped is removed from the folder, so that it is done again; without ``resume`` that
    is all there is.

    Raises:
        ArchiveError: the archive was begun with other settings, or the folder holds other files.
        OSError: the folder cannot be read or written.
    """
    _check_names(folder)
    progress = Progress(settings)
    if log.damaged and resume:
        progress.damage.append(f"{folder / journal.NAME}: damaged after line {len(log.records)}")
    header, *records = log.records if resume and log.records else [{}]
    if (
        resume
        and not (header or log.damaged)
        and any(path.name.startswith("shard-") for path in folder.iterdir())
    ):
        progress.damage.append(f"{folder / journal.NAME}: its beginning is missing; all is redone")
    trusted: list[dict[str, Any]] = []
    if header:
        _check_settings(folder, header["settings"], settings)
        for record in records:
            try:
                _replay(folder, record, progress)
            except (OSError, GestaError) as error:
                progress.damage.append(str(error))
                break
            trusted.append(record)
    kept = {shard.name for shard in progress.shards} | {journal.NAME, journal.LOCK}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    log.rewrite([{"settings": settings}, *trusted])
    return progress


def _replay(folder: Path, record: dict[str, Any], progress: Progress) -> None:
    if record["shard"] is not None:
        entry = ShardEntry.from_dict(record["shard"])
        body = Body.from_dict(record["body"], folder / journal.NAME)
        if file_sha256(folder / entry.name) != entry.sha256:
            raise ArchiveError(f"{folder / entry.name}: its sha256 is not the journal's")
        shard = Shard(folder, entry, body)
        crcs = shard.column("crc32").tolist()
        progress.checksums.update(zip((str(i) for i in shard.texts("id")), crcs, strict=True))
        progress.shards.append(entry)
        progress.body = body
    progress.keys.update(record["keys"])


def _check_settings(folder: Path, begun: dict[str, Any], now: dict[str, Any]) -> None:
    other = [key for key in now if begun.get(key) != now[key]]
    if other:
        raise ArchiveError(
            f"{folder}: this unfinished archive was begun with another {', '.join(other)}; repeat "
            "the command as it was to go on, or delete the folder to begin anew"
        )


def _check_names(folder: Path) -> None:
    for path in folder.iterdir():
        known = path.name in (journal.NAME, journal.LOCK, manifest.NAME)
        if not (known or path.name.startswith("shard-") or path.name.endswith(".tmp")):
            raise ArchiveError(
                f"{folder}: expected an unfinished archive, found {path.name!r} in it; move the "
                "folder away"
            )
