"""What ``gesta prepare`` and ``gesta extract`` say of the archive that they wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gesta.archive import Archive
    from gesta.cli.console import Console

SHOWN = 5  # files of a kind that are printed; the document lists all
_MOST_ROWS = 60  # of the table of classes
_COLUMNS = {"empty": "without people"}


def summary(archive: Archive, missing: Sequence[int | None] | None = None) -> dict[str, Any]:
    """What an archive holds, as a JSON document.

    Args:
        archive: whose.
        missing: the classes of the clips that could not be read, where they are known.
    """
    return {
        "archive": str(archive.path),
        "dataset": archive.dataset,
        "layout": archive.layout.name,
        "clips": len(archive),
        "empty": int((archive.persons == 0).sum()),
        "classes": list(archive.classes),
        "per_class": _class_rows(archive, missing),
        "protocols": list(archive.protocols),
        "skipped": [dict(entry) for entry in archive.skipped],
        "provenance": dict(archive.provenance),
    }


def say_archive(document: dict[str, Any], console: Console) -> None:
    """Say what `summary` found: clips a class, what is empty or skipped, and protocols."""
    rows = document["per_class"]
    if 0 < len(rows) <= _MOST_ROWS:
        columns = [_COLUMNS.get(key, key) for key in rows[0]]
        console.table(columns, [list(row.values()) for row in rows])
    console.say(
        f"{document['clips']} clips of {len(document['classes'])} classes, {document['layout']}, "
        f"{document['empty']} of them without people, in {document['archive']}"
    )
    for entry in document["skipped"][:SHOWN]:
        console.say(f"skipped {entry['name']}: {entry['reason']}", style="yellow")
    if len(document["skipped"]) > SHOWN:
        console.say(f"skipped {len(document['skipped']) - SHOWN} more; see `gesta doctor`")
    console.say(f"protocols: {', '.join(document['protocols'])}")


def _class_rows(
    archive: Archive, missing: Sequence[int | None] | None
) -> list[dict[str, str | int]]:
    """How many clips each class has, how many of them show nobody, and how many are missing."""
    rows = []
    for label in [*range(len(archive.classes)), None]:
        there = archive.labels == (-1 if label is None else label)
        row: dict[str, str | int] = {
            "class": "(none)" if label is None else archive.classes[label],
            "clips": int(there.sum()),
            "empty": int((there & (archive.persons == 0)).sum()),
        }
        if missing is not None:
            row["skipped"] = sum(one == label for one in missing)
        if label is not None or any(row[key] for key in row if key != "class"):
            rows.append(row)
    return rows
