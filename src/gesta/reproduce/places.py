"""Where a target is measured: which protocols of an archive, and what it can answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gesta.archive import Archive, open_archive
from gesta.errors import RecipeError
from gesta.reproduce.paper import Need, Row, Table
from gesta.reproduce.plan import Place

# Where the published protocol has a known defect, the one that mends it.
_MENDED = {"nw_ucla": "cross_view_clean"}
_MEMBER = re.compile(r"(fold|split)_\d+")
_RGB = "clips that refer to their video (gesta extract, gesta prepare --videos)"
_NEEDS: dict[Need, str] = {
    "any": "any archive",
    "two_persons": "clips of two persons (SBU, NTU RGB+D)",
    "rgb": _RGB,
    "several_contexts": _RGB,
    "views": "a protocol that separates views and one that separates subjects (NW-UCLA, NTU, "
    "UESTC)",
}


def open_archives(paths: Sequence[str | Path]) -> list[Archive]:
    """Open archives in the order given.

    Raises:
        RecipeError: none is given.
        ArchiveError: one cannot be opened.
    """
    if not paths:
        raise RecipeError("say what to measure on: --data ARCHIVE")
    return [open_archive(path) for path in paths]


def places_for(table: Table, archives: Sequence[Archive], protocol: str | None) -> list[Place]:
    """Where the rows of a table are measured, in the order of the archives.

    The paper's own protocols where an archive is of the paper's data set; otherwise the data
    set's own, all folds of it where it has folds.

    Args:
        table: what is reproduced.
        archives: what is there.
        protocol: instead, for all archives.

    Raises:
        ProtocolError: an archive has no such protocol.
        RecipeError: no archive can answer any row; the message says why.
    """
    places = []
    for archive in archives:
        for name in _protocols(table, archive, protocol):
            archive.protocol_names(name)
            places.append(Place(archive, name))
    if not any(why_not(row, place, table) is None for place in places for row in table.own_rows):
        needs = [_NEEDS["two_persons"]] if table.why_two else []
        needs += [_NEEDS["rgb"]] if any(row.sees_rgb for row in table.own_rows) else []
        raise RecipeError(
            f"{table.name} cannot be answered by {', '.join(place.title for place in places)}"
            f"{': ' if table.why_two else ''}{table.why_two}; it needs {' and '.join(needs)}"
        )
    return places


def _protocols(table: Table, archive: Archive, protocol: str | None) -> list[str]:
    if protocol is not None:
        return [protocol]
    own = [column.protocol for column in table.columns if column.dataset == archive.dataset]
    return list(dict.fromkeys(own)) or [default_protocol(archive)]


def default_protocol(archive: Archive) -> str:
    """The protocol that a data set is usually measured by; "folds" stands for all of them."""
    if archive.dataset in _MENDED:
        return _MENDED[archive.dataset]
    names = list(archive.protocols)
    member = _MEMBER.fullmatch(names[0])
    return names[0] if member is None else f"{member[1]}s"


def why_not(row: Row, place: Place, table: Table) -> str | None:
    """Why a row says nothing at a place; None where it does."""
    if row.two_persons and not place.shows_two:
        return f"the clips of {place.dataset} show one person: {table.why_two}"
    if row.sees_rgb and not place.shows_rgb:
        return f"the clips of {place.dataset} refer to no video"
    return None


def place_for(need: Need, archives: Sequence[Archive], protocol: str | None) -> Place | str:
    """The first archive that can answer a claim, or why none can."""
    for archive in archives:
        place = Place(archive, protocol or default_protocol(archive))
        answers = {
            "any": True,
            "two_persons": place.shows_two,
            "rgb": place.shows_rgb,
            "several_contexts": place.shows_rgb,
        }
        if answers.get(need, False):
            archive.protocol_names(place.protocol)
            return place
    return _lacks(need, archives)


def view_places(archives: Sequence[Archive]) -> tuple[Place, Place] | str:
    """Across views and across subjects on the first archive that has both, or why none has."""
    for archive in archives:
        # In UESTC the viewpoint is the column of setups.
        views = _separating(archive, "camera") or _separating(archive, "setup")
        subjects = _separating(archive, "subject")
        if views and subjects:
            return Place(archive, views), Place(archive, subjects)
    return _lacks("views", archives)


def _separating(archive: Archive, column: str) -> str | None:
    """A protocol that separates a column, the whole group where it is a member of one."""
    names = [name for name, one in archive.protocols.items() if column in one.separates]
    names = [name for name in names if name != "random"]
    if _MENDED.get(archive.dataset) in names:
        return _MENDED[archive.dataset]
    if not names:
        return None
    member = _MEMBER.fullmatch(names[0])
    # Named as tables name it, which share their runs with claims.
    return re.sub(r"_\d+$", "", names[0]) if member is None else f"{member[1]}s"


def _lacks(need: Need, archives: Sequence[Archive]) -> str:
    given = ", ".join(archive.dataset or archive.path.name for archive in archives)
    return f"needs {_NEEDS[need]}; given: {given}"
