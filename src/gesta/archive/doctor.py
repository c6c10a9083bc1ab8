"""What is wrong with an archive (errors), and what one should know of it (notes)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gesta.archive.parts import cut_validation
from gesta.archive.protocol import Protocol, is_copy, train_and_test
from gesta.archive.reader import Archive
from gesta.archive.survey import Survey, median, survey
from gesta.archive.table import Ints
from gesta.errors import ArchiveError, ProtocolError, first_of

MOST_EXAMPLES = 5

# A limb is implausible when its mean length on a track is off by this factor from what the
# archive's median and the track's own size make expect, or varies by this share of its mean.
LIMB_FACTOR, LIMB_SPREAD = 2.0, 0.5
# Projected limbs shorten when they point at the camera: only far too long ones tell anything.
FLAT_LIMB_FACTOR = 5.0
# Bodies in metres this many times larger or smaller than the median: another unit.
BODY_FACTOR = 2.5


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        kind: a word for it: ``damage``, ``coordinates``, ``ids``, ``protocol``, ``classes``,
            ``duplicates``, ``separation``, ``lengths``, ``missing``, ``empty``, ``still``,
            ``limbs``, ``bodies``, ``unlabelled``, ``skipped``, ``known``.
        text: the finding in words.
        clips: ids of clips it is about, some where there are many.
    """

    kind: str
    text: str
    clips: tuple[str, ...] = ()


@dataclass
class Diagnosis:
    """What `diagnose` found.

    Args:
        archive: the archive's folder.
        clips: how many it holds.
        protocols: those that were looked at.
        errors: what must be mended, or training and testing on it tells nothing.
        notes: what is good to know.
    """

    archive: str
    clips: int
    protocols: list[str]
    errors: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON."""
        return {"healthy": self.healthy, **asdict(self)}


def diagnose(archive: Archive, protocol: str | None = None) -> Diagnosis:
    """Read all of an archive and judge it.

    Args:
        archive: opened; its headers, offsets and columns have thereby been checked.
        protocol: the protocol, or group of protocols, to check; None for all that the archive
            was written with (``random`` where there are none).

    Raises:
        ProtocolError: there is no such protocol.
    """
    own = [p.name for p in archive.own_protocols]
    names = (own or ["random"]) if protocol is None else archive.protocol_names(protocol)
    diagnosis = Diagnosis(str(archive.path), len(archive), names)
    found = survey(archive)
    _judge_data(diagnosis, archive, found)
    _note_contents(diagnosis, archive, found)
    _note_limbs(diagnosis, archive, found)
    errors, notes = _Grouped(), _Grouped()
    for name in names:
        _judge_protocol(archive, archive.protocols[name], errors, notes)
    diagnosis.errors += errors.findings()
    diagnosis.notes += notes.findings()
    return diagnosis


class _Grouped:
    """Findings on protocols, told once for all the protocols (say, folds) they hold for."""

    def __init__(self) -> None:
        self._found: dict[Finding, list[str]] = {}

    def add(self, protocol: Protocol, finding: Finding) -> None:
        self._found.setdefault(finding, []).append(protocol.name)

    def findings(self) -> list[Finding]:
        return [
            Finding(f.kind, f"{_some(names, quote=False)}: {f.text}", f.clips)
            for f, names in self._found.items()
        ]


def _judge_data(diagnosis: Diagnosis, archive: Archive, found: Survey) -> None:
    for text, clips in found.damage:
        hurt = f"{text}; damaged clips: {_some(clips)}" if clips else text
        diagnosis.errors.append(Finding("damage", hurt, tuple(clips)))
    broken = _names(archive, np.flatnonzero(found.broken))
    if broken:
        text = f"{len(broken)} clips have coordinates that are no finite numbers: {_some(broken)}"
        diagnosis.errors.append(Finding("coordinates", text, tuple(broken)))
    ids, counts = np.unique(np.array(archive.ids), return_counts=True)
    if (counts > 1).any():
        repeated = ids[counts > 1].tolist()
        text = f"{len(repeated)} ids stand for several clips: {_some(repeated)}"
        diagnosis.errors.append(Finding("ids", text, tuple(repeated)))
    try:
        _ = archive.table
    except ArchiveError as error:
        diagnosis.errors.append(Finding("damage", str(error)))


def _note_contents(diagnosis: Diagnosis, archive: Archive, found: Survey) -> None:
    levels = (0, 5, 25, 50, 75, 95, 100)
    lengths = np.percentile(archive.frames, levels).astype(int).tolist()
    low, *middle, high = lengths
    spread = ", ".join(f"{n} ({p} %)" for p, n in zip(levels[1:-1], middle, strict=True))
    text = f"frames a clip: {low} (fewest), {spread}, {high} (most)"
    diagnosis.notes.append(Finding("lengths", text))
    joints, frames = max(int(found.joints.sum()), 1), max(int(archive.frames.sum()), 1)
    gaps = f"{100 * (1 - found.present.sum() / joints):.1f} % of the joints are missing"
    if not found.joints.sum():
        gaps = "there are no joints at all"
    empty = f"{100 * found.empty_frames.sum() / frames:.1f} % of the frames show nobody"
    diagnosis.notes.append(Finding("missing", f"{gaps}, {empty}"))
    counted = {
        ("empty", "show nobody"): found.present == 0,
        ("lengths", "have one frame"): archive.frames == 1,
        ("still", "do not move at all over several frames"): found.still,
        ("unlabelled", "have no label and take part in nothing"): archive.labels < 0,
        ("duplicates", "are identical to another clip"): _repeated(archive),
    }
    for (kind, what), which in counted.items():
        _note_clips(diagnosis, archive, kind, what, np.flatnonzero(which))
    if archive.skipped:
        first = archive.skipped[0]
        text = f"{len(archive.skipped)} skipped; {first['name']}: {first['reason']}"
        diagnosis.notes.append(Finding("skipped", text))


def _repeated(archive: Archive) -> np.ndarray:
    digests, inverse, counts = np.unique(archive.digests, return_inverse=True, return_counts=True)
    return (counts[inverse] > 1) & (digests[inverse] != 0)


def _note_limbs(diagnosis: Diagnosis, archive: Archive, found: Survey) -> None:
    """Compare each track's mean bone lengths with the archive's medians, and with themselves."""
    typical = median(found.bone_length, axis=0)
    # Hand tips and thumbs are short and noisy; their lengths tell little.
    limbs = np.flatnonzero(typical >= 0.5 * median(typical, axis=0))
    if not len(limbs) or not len(found.track_clip):
        return
    # A body of another size is as it is; a limb that is off against the rest of its body is not.
    ratio = found.bone_length[:, limbs] / typical[limbs]
    size = median(ratio, axis=1)
    relative = ratio / np.where(size > 0, size, np.nan)[:, None]
    flat = len(archive.channels) == 2
    if flat:
        off = relative > FLAT_LIMB_FACTOR
    else:
        off = (relative > LIMB_FACTOR) | (relative < 1 / LIMB_FACTOR)
        off |= found.bone_spread[:, limbs] > LIMB_SPREAD
    if off.any():
        names = [archive.layout.joints[archive.layout.bones[bone][0]] for bone in limbs]
        often = [names[i] for i in np.argsort(-off.sum(axis=0), kind="stable")[:3]]
        what = f"have limbs of implausible length, most often to {', '.join(often)}"
        _note_clips(diagnosis, archive, "limbs", what, np.unique(found.track_clip[off.any(1)]))
    if archive.space == "camera_metres":
        other = (size > BODY_FACTOR) | (size < 1 / BODY_FACTOR)
        what = "have a body of quite another size than the rest (another unit?)"
        _note_clips(diagnosis, archive, "bodies", what, np.unique(found.track_clip[other]))


def _note_clips(diagnosis: Diagnosis, archive: Archive, kind: str, what: str, clips: Ints) -> None:
    if len(clips):
        names = _names(archive, clips[:MOST_EXAMPLES])
        text = f"{len(clips)} of {len(archive)} clips {what}: {_some(names, len(clips))}"
        diagnosis.notes.append(Finding(kind, text, tuple(names)))


def _judge_protocol(
    archive: Archive, protocol: Protocol, errors: _Grouped, notes: _Grouped
) -> None:
    table = archive.table
    try:
        train, test = train_and_test(protocol, table)
    except ProtocolError as error:
        errors.add(protocol, Finding("protocol", str(error)))
        return
    if protocol.note:
        notes.add(protocol, Finding("known", protocol.note))
    if not (len(train) and len(test)):
        text = f"cannot be used: {len(train)} clips train, {len(test)} test"
        errors.add(protocol, Finding("protocol", text))
        return
    validation = cut_validation(table, train)
    text = (
        f"{len(train)} clips train, of which {len(validation)} validate; {len(test)} test, "
        f"{len(table) - len(train) - len(test)} take no part"
    )
    notes.add(protocol, Finding("protocol", text))
    learnt = np.setdiff1d(train, validation)
    _judge_classes(
        archive, protocol, {"train": train, "learnt": learnt, "test": test}, errors, notes
    )
    _judge_copies(archive, protocol, train, test, errors, notes)
    _judge_separation(archive, protocol, train, test, errors, notes)


def _judge_classes(
    archive: Archive,
    protocol: Protocol,
    parts: dict[str, Ints],
    errors: _Grouped,
    notes: _Grouped,
) -> None:
    labels = np.arange(len(archive.classes))
    for part, to, text in (
        ("train", errors, "without training clips"),
        ("learnt", notes, "whose training clips all validate"),
        ("test", notes, "without test clips"),
    ):
        none = np.setdiff1d(labels, archive.labels[parts[part]])
        labels = np.setdiff1d(labels, none)
        if len(none):
            names = _some([archive.classes[i] for i in none])
            to.add(protocol, Finding("classes", f"{len(none)} classes {text}: {names}"))


def _judge_copies(
    archive: Archive,
    protocol: Protocol,
    train: Ints,
    test: Ints,
    errors: _Grouped,
    notes: _Grouped,
) -> None:
    copies = test[is_copy(archive.table, train)[test]]
    if len(copies):
        names = _names(archive, copies)
        text = f"{len(copies)} test clips are identical to a training clip: {_some(names)}"
        known = len(copies) <= protocol.known_duplicates
        finding = Finding("duplicates", text, tuple(names))
        (notes if known else errors).add(protocol, finding)


def _judge_separation(
    archive: Archive,
    protocol: Protocol,
    train: Ints,
    test: Ints,
    errors: _Grouped,
    notes: _Grouped,
) -> None:
    for column in protocol.separates:
        values = archive.table.column(column)
        shared = {values[i] for i in train} & {values[i] for i in test} - {None}
        if shared:
            on_both = _some(sorted(str(value) for value in shared))
            text = f"separates {column}, and {len(shared)} stand on both sides: {on_both}"
            errors.add(protocol, Finding("separation", text))
        unknown = _names(archive, [i for i in np.union1d(train, test) if values[i] is None])
        if unknown:
            text = f"separates {column}, which {len(unknown)} clips do not have: {_some(unknown)}"
            notes.add(protocol, Finding("separation", text, tuple(unknown)))


def _names(archive: Archive, clips: Iterable[int]) -> list[str]:
    return [archive.ids[i] for i in clips]


def _some(names: Sequence[str], count: int | None = None, quote: bool = True) -> str:
    quoted = [repr(name) for name in names] if quote else names
    return first_of(quoted, MOST_EXAMPLES, count)
