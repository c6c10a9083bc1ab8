"""A page that animates a clip, or some clips of every class of an archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gesta.clip import Clip
from gesta.errors import ArchiveError, ShapeError
from gesta.report.pages import embedded_json, render, write_page
from gesta.report.payload import clip_payload, skeleton_payload

if TYPE_CHECKING:
    from gesta.archive import Archive

# A thumbnail shows at most so many frames: beyond that, a page of 120 classes grows heavy.
THUMBNAIL_FRAMES = 96


def view(
    what: Clip | Sequence[Clip] | Archive,
    path: str | Path,
    *,
    clips_per_class: int = 4,
    ids: Sequence[str] | None = None,
    classes: Sequence[str] = (),
) -> Path:
    """Write one HTML file that animates clips; it needs no network.

    Args:
        what: a clip, several clips of one layout, or an archive.
        path: the file to write.
        clips_per_class: of an archive, so many clips of every class, evenly spread over the
            class in the archive's order.
        ids: of an archive, these clips instead, whatever their class.
        classes: the names of the labels, where clips come without an archive.

    Returns:
        The path written.

    Raises:
        ArchiveError: an id is not in the archive.
        ShapeError: no clips, or clips of different layouts or spaces.
    """
    if isinstance(what, Clip):
        return _write([what], path, title=what.id or "clip", classes=classes, summary="")
    if isinstance(what, Sequence):
        title = f"{len(what)} clips"
        return _write(what, path, title=title, classes=classes, summary="")
    chosen = _by_id(what, ids) if ids is not None else _per_class(what, clips_per_class)
    clips = [what.read(index) for index in chosen]
    rule = (
        f"{len(chosen)} clips asked for by id"
        if ids is not None
        else f"at most {clips_per_class} clips of each class, evenly spread in the archive's order"
    )
    summary = f"{len(what):,} clips, {len(what.classes)} classes, {what.layout.name}; shown: {rule}"
    title = what.dataset or Path(what.path).name
    return _write(clips, path, title=title, classes=what.classes, summary=summary)


def _write(
    clips: Sequence[Clip], path: str | Path, *, title: str, classes: Sequence[str], summary: str
) -> Path:
    if not clips:
        raise ShapeError("nothing to view: expected at least one clip, found none")
    first = clips[0]
    for clip in clips:
        if (clip.layout, clip.space) != (first.layout, first.space):
            raise ShapeError(
                f"one page shows clips of one layout and space; {first.id!r} is "
                f"{first.layout.name} in {first.space}, {clip.id!r} is {clip.layout.name} in "
                f"{clip.space}; view them apart"
            )
    limit = None if len(clips) == 1 else THUMBNAIL_FRAMES
    payloads = [clip_payload(clip, classes, limit) for clip in clips]
    document = {
        "skeleton": skeleton_payload(first.layout, first.channels, first.space),
        "clips": payloads,
    }
    page = render(
        "view.html",
        title=title,
        summary=summary,
        single=payloads[0] if len(payloads) == 1 else None,
        groups=_groups(payloads, classes),
        solid=len(first.channels) == 3,
        several=any(clip.persons > 1 for clip in clips),
        document=embedded_json(document),
    )
    return write_page(path, page)


def _groups(
    payloads: Sequence[dict[str, Any]], classes: Sequence[str]
) -> list[tuple[str, list[tuple[int, dict[str, Any]]]]]:
    """Clips under their class, classes in the archive's order, those without a clip left out."""
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {name: [] for name in classes}
    for index, payload in enumerate(payloads):
        found.setdefault(payload["label"], []).append((index, payload))
    return [(name, clips) for name, clips in found.items() if clips]


def _by_id(archive: Archive, ids: Iterable[str]) -> list[int]:
    place = {name: index for index, name in enumerate(archive.ids)}
    missing = [name for name in ids if name not in place]
    if missing:
        raise ArchiveError(
            f"{archive.path}: no clip is called {', '.join(map(repr, missing[:5]))}; ids look "
            f"like {', '.join(map(repr, archive.ids[:3]))}"
        )
    return [place[name] for name in ids]


def _per_class(archive: Archive, count: int) -> list[int]:
    if count < 1:
        raise ArchiveError(f"clips per class: expected at least 1, found {count}")
    members: dict[int, list[int]] = {}
    for index, label in enumerate(archive.labels.tolist()):
        members.setdefault(label, []).append(index)
    chosen = []
    for label in sorted(members, key=lambda label: (label < 0, label)):
        own = members[label]
        # The middles of equal parts: one clip of a class is a middle one, not its first.
        taken = min(count, len(own))
        places = [int((part + 0.5) * len(own) / taken) for part in range(taken)]
        chosen += [own[place] for place in places]
    return chosen
