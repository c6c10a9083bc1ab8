"""``archive.json``: everything about an archive that is not an array."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from gesta.archive.protocol import Protocol
from gesta.clip import SPACES, Space
from gesta.errors import ArchiveError, GestaError
from gesta.skeleton import Layout

NAME = "archive.json"
FORMAT = "gesta-archive"
VERSION = 1


@dataclass(frozen=True)
class Body:
    """What all clips of an archive have in common.

    Args:
        layout: what the V joints are.
        channels: what the C channels are.
        space: what the coordinates are measured in.
    """

    layout: Layout
    channels: tuple[str, ...]
    space: Space

    def to_dict(self) -> dict[str, Any]:
        """Plain containers that `from_dict` reads back."""
        return {
            "layout": self.layout.to_dict(),
            "channels": list(self.channels),
            "space": self.space,
        }

    @classmethod
    def from_dict(cls, table: dict[str, Any], source: str | Path) -> Body:
        """Read what `to_dict` gives.

        Raises:
            KeyError, TypeError, ValueError, GestaError: it is something else.
        """
        channels, space = tuple(table["channels"]), table["space"]
        if channels not in (("x", "y", "z"), ("x", "y")) or space not in SPACES:
            raise ValueError(f"channels {channels} or space {space!r} are none that gesta knows")
        return cls(Layout.from_dict(table["layout"], source), channels, cast(Space, space))


@dataclass(frozen=True)
class ShardEntry:
    """A shard as the manifest lists it.

    Args:
        name: its file name.
        sha256: of the whole file, in hexadecimal.
        bytes: its size.
        clips, rows: how many it holds.
        columns_crc32: over its small tensors, see `gesta.archive.shard.columns_checksum`.
    """

    name: str
    sha256: str
    bytes: int
    clips: int
    rows: int
    columns_crc32: int

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> ShardEntry:
        """Read what `dataclasses.asdict` gives.

        Raises:
            KeyError, TypeError, ValueError: it is something else, or leads out of the folder.
        """
        name = str(table["name"])
        if name != Path(name).name or "\\" in name or not name.endswith(".safetensors"):
            raise ValueError(f"shard name {name!r} is no plain *.safetensors file name")
        numbers = (int(table[key]) for key in ("bytes", "clips", "rows", "columns_crc32"))
        return cls(name, str(table["sha256"]), *numbers)


@dataclass(frozen=True)
class Manifest:
    """The content of ``archive.json``; see ``docs/archive-format.md``."""

    dataset: str
    body: Body
    classes: tuple[str, ...]
    counts: dict[str, int]
    provenance: dict[str, Any]
    shards: tuple[ShardEntry, ...]
    skipped: tuple[dict[str, str], ...]
    protocols: tuple[Protocol, ...]

    def to_json(self) -> bytes:
        """The file's content."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "dataset": self.dataset,
            **self.body.to_dict(),
            "classes": list(self.classes),
            "counts": self.counts,
            "provenance": self.provenance,
            "shards": [asdict(shard) for shard in self.shards],
            "skipped": list(self.skipped),
            "protocols": [protocol.to_dict() for protocol in self.protocols],
        }
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an archive.

    Raises:
        ArchiveError: there is none, it is of another version, or it is damaged.
    """
    path = folder / NAME
    document = _load(folder, path)
    if document.get("format") != FORMAT:
        raise ArchiveError(f"{path}: expected the manifest of a {FORMAT}, found other JSON")
    if document.get("version") != VERSION:
        raise ArchiveError(
            f"{path}: expected version {VERSION} of the archive format, found "
            f"{document.get('version')!r}; use the gesta that wrote it, or prepare it again"
        )
    try:
        return Manifest(
            dataset=str(document["dataset"]),
            body=Body.from_dict(document, path),
            classes=tuple(str(name) for name in document["classes"]),
            counts={str(key): int(value) for key, value in document["counts"].items()},
            provenance=dict(document["provenance"]),
            shards=tuple(ShardEntry.from_dict(shard) for shard in document["shards"]),
            skipped=tuple(
                {"name": str(s["name"]), "reason": str(s["reason"])} for s in document["skipped"]
            ),
            protocols=tuple(Protocol.from_dict(table) for table in document["protocols"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, GestaError) as error:
        raise ArchiveError(
            f"{path}: the manifest is damaged ({type(error).__name__}: {error}); restore it from "
            "a copy or prepare the archive again"
        ) from error


def _load(folder: Path, path: Path) -> dict[str, Any]:
    if not path.is_file():
        whole = Path(os.path.abspath(folder))  # "." has no name
        partial = whole.with_name(whole.name + ".partial")
        if partial.is_dir():
            raise ArchiveError(
                f"{folder}: this archive was not finished; run the command that began it again "
                f"and it goes on from {partial}"
            )
        raise ArchiveError(f"{folder}: expected an archive (a folder with {NAME}), found none")
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ArchiveError(f"{path}: expected JSON, found {error}") from error
    if not isinstance(document, dict):
        raise ArchiveError(f"{path}: expected a JSON object, found {type(document).__name__}")
    return document
