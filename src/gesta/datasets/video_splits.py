"""From the names in split files to the clips that they mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from gesta.archive import Protocol
from gesta.datasets.split_files import Splits
from gesta.errors import ProtocolError

# A clip: path of its file without ending, name of its class ("" where unknown), its id.
Named = tuple[str, str, str]


def named_protocols(splits: Splits, clips: Iterable[Named]) -> tuple[Protocol, ...]:
    """The protocols that split files declare, for the clips that are there.

    A name means the clip of that id, else all clips of the file of that path, of the file of that
    name in ``<class>/<name>``, or of the only file of that name.

    Raises:
        ProtocolError: a name means several files, or no name of a split means any.
    """
    meant = _meanings(clips)
    return tuple(
        _protocol(name, sides, meant)
        for name, sides in sorted(splits.items(), key=lambda item: (len(item[0]), item[0]))
    )


def folded(name: str) -> str:
    """A name as it is compared: file systems spell accents in one way, tables in another."""
    return unicodedata.normalize("NFC", name)


def _meanings(clips: Iterable[Named]) -> list[Mapping[str, Mapping[str, list[str]]]]:
    """For each way to name clips, the best first: name -> file -> ids."""
    ways: list[dict[str, dict[str, list[str]]]] = [{}, {}, {}, {}]
    for path, label, clip in clips:
        bare = PurePosixPath(path).name
        names = (clip, path, f"{label}/{bare}", bare)
        for way, name in zip(ways, names, strict=True):
            way.setdefault(folded(name), {}).setdefault(path, []).append(clip)
    return list(ways)


def _protocol(
    name: str,
    sides: tuple[set[str], set[str]],
    meant: list[Mapping[str, Mapping[str, list[str]]]],
) -> Protocol:
    found: list[set[str]] = []
    unknown: list[str] = []
    for side in sides:
        ids: set[str] = set()
        for one in sorted(side):
            clips = _clips(one, name, meant)
            ids.update(clips)
            unknown += [] if clips else [one]
        found.append(ids)
    train, test = found
    if not train or not test:
        empty = "train" if not train else "test"
        example = f"; for example {unknown[0]!r} is no video there" if unknown else ""
        raise ProtocolError(
            f"{name}: none of the videos is said to {empty}, of {len(sides[0]) + len(sides[1])} "
            f"names in its files{example}"
        )
    lost = f"; names in them that are no videos here: {len(unknown)}" if unknown else ""
    return Protocol(
        name,
        train_ids=tuple(sorted(train)),
        test_ids=tuple(sorted(test)),
        note=f"as its files say{lost}",
    )


def _clips(name: str, split: str, meant: list[Mapping[str, Mapping[str, list[str]]]]) -> list[str]:
    """The clips that a name means; none where it means nothing."""
    key = folded(name)
    candidates = [way[key] for way in meant if key in way]
    if not candidates:
        return []
    files = candidates[0]
    if len(files) > 1:
        some = ", ".join(repr(path) for path in sorted(files)[:3])
        raise ProtocolError(
            f"{split}: {name!r} may be any of {len(files)} files ({some}); give its path"
        )
    return next(iter(files.values()))
