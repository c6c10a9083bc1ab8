"""Cutting a validation part from train, the `random` protocol, and names of groups."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable

import numpy as np

from gesta.archive.protocol import Protocol, train_and_test
from gesta.archive.table import ClipTable, Ints
from gesta.errors import ProtocolError

VALIDATION_SHARE = 0.15
TEST_SHARE = 0.2

# Orders tried in search of a sum near to the share; many groups fill any share well at once.
_GROUP_VISITS, _MOST_ORDERS = 20_000, 512
# Sums that differ by less than this share of all clips count as equally near.
_AS_NEAR = 0.01
# A class gives at most this many times its even share, where that is possible.
_EVEN = 1.5


def split(protocol: Protocol, table: ClipTable, *, seed: int = 0) -> dict[str, Ints]:
    """The parts of a protocol: ``train``, ``validation`` and ``test``, disjoint.

    The validation part is cut from the protocol's train side by `cut_validation`.

    Args:
        protocol: what divides the clips.
        table: the clips' metadata.
        seed: of the validation part; train with validation, and test, do not depend on it.

    Returns:
        Ascending clip indices, int64, of each part.

    Raises:
        ProtocolError: a part would be without clips, or clips lack the column that divides.
    """
    train, test = train_and_test(protocol, table)
    for side, indices in (("train", train), ("test", test)):
        if not len(indices):
            raise ProtocolError(
                f"protocol {protocol.name!r} leaves {side} without clips: of {len(table)} clips "
                f"{int((table.labels >= 0).sum())} are labelled, {len(train)} train and "
                f"{len(test)} test; use another protocol or a fuller archive"
            )
    validation = cut_validation(table, train, seed=seed)
    if not len(validation):
        raise ProtocolError(
            f"protocol {protocol.name!r} leaves one clip to train: none can be cut for validation"
        )
    return {"train": np.setdiff1d(train, validation), "validation": validation, "test": test}


def cut_validation(
    table: ClipTable, train: Ints, *, seed: int = 0, share: float = VALIDATION_SHARE
) -> Ints:
    """Choose the clips of a train side that validate.

    Whole subjects where all clips have one and there are several, else whole sources, else
    clips; of random orders of these (drawn from ``seed``) the choice nearest to ``share``, and of
    several as near the one with the most even share of each class, so that every class keeps a
    training clip where that is possible.

    Returns:
        Ascending clip indices, int64; empty only where ``train`` has fewer than two clips.
    """
    return _cut(table, train, share, np.random.default_rng(seed))


def grouping(table: ClipTable, clips: Ints) -> tuple[str | None, list[str]]:
    """By what clips are kept together when they are divided.

    Returns:
        ``"subject"`` or ``"source"``, the first that all these clips have with at least two
        values, or None for each clip alone; and the group of each clip.
    """
    for name in ("subject", "source"):
        column = table.column(name)
        groups = [value for i in clips if (value := column[i]) is not None]
        if len(groups) == len(clips) and len(set(groups)) > 1:
            return name, groups
    return None, [table.ids[i] for i in clips]


def random_protocol(table: ClipTable) -> Protocol:
    """The protocol of archives that have none: about 20 % test, by whole groups.

    The choice follows from the ids of the labelled clips alone, not from their order.
    """
    clips = np.flatnonzero(table.labels >= 0)
    names = "\n".join(sorted(table.ids[i] for i in clips))
    seed = int.from_bytes(hashlib.blake2b(names.encode(), digest_size=8).digest(), "little")
    test = _cut(table, clips, TEST_SHARE, np.random.default_rng(seed))
    name, _ = grouping(table, clips)
    return Protocol(
        "random",
        separates=() if name is None else (name,),
        test_ids=tuple(sorted(table.ids[i] for i in test)),
        note=f"a random fifth of the clips tests, chosen by {name or 'clip'}",
    )


def expand_names(pattern: str, names: Iterable[str]) -> list[str]:
    """The protocols that a name stands for, in the order of their numbers.

    A protocol's own name stands for it; ``folds`` for ``fold_1``, ``fold_2`` ...; ``splits``
    likewise; ``setting_1`` for ``setting_1_01``, ``setting_1_02`` ....

    Raises:
        ProtocolError: nothing is called that; the message lists what there is.
    """
    names = list(names)
    if pattern in names:
        return [pattern]
    for stem in (pattern.removesuffix("s"), pattern):
        numbered = re.compile(re.escape(stem) + r"_(\d+)")
        members = [(int(m[1]), name) for name in names if (m := numbered.fullmatch(name))]
        if members:
            return [name for _, name in sorted(members)]
    near = difflib.get_close_matches(pattern, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ProtocolError(f"unknown protocol {pattern!r}; there are {', '.join(names)}{hint}")


def _cut(table: ClipTable, clips: Ints, share: float, random: np.random.Generator) -> Ints:
    """About ``share`` of ``clips`` by whole groups, each class keeping one where possible."""
    if len(clips) < 2:
        return clips[:0]
    _, groups = grouping(table, clips)
    # Sorted names: the choice does not depend on the order that clips were read in.
    names, member_of = np.unique(np.array(groups), return_inverse=True)
    by_group = np.argsort(member_of, kind="stable")
    bounds = np.searchsorted(member_of[by_group], np.arange(len(names) + 1))
    members = [by_group[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    counts = np.bincount(table.labels[clips])
    by_class = np.zeros((len(names), len(counts)), np.int64)
    np.add.at(by_class, (member_of, table.labels[clips]), 1)
    sizes, target = np.diff(bounds), share * len(clips)

    orders = int(np.clip(_GROUP_VISITS // len(names), 1, _MOST_ORDERS))
    best: list[int] = []
    best_fit = (np.inf, np.inf)
    # At first no class may give much more than its share, then each keeps a clip, then any goes.
    even = np.minimum(np.ceil(_EVEN * share * counts), counts - 1).astype(np.int64)
    for most in (even, counts - 1, counts):
        for _ in range(orders):
            order = random.permutation(len(names))
            chosen = _fill(order, sizes, target, by_class, most)
            distance = abs(float(sizes[chosen].sum()) - target)
            # Of sums as near to the share, the one whose classes are mixed most like all.
            mixed = float(np.abs(by_class[chosen].sum(0) - share * counts).sum())
            fit = (distance // max(_AS_NEAR * len(clips), 1), mixed)
            if chosen and fit < best_fit:
                best, best_fit = chosen, fit
        if best and (best_fit[0] == 0 or most is not even):
            break
    return np.sort(clips[np.concatenate([members[group] for group in best])])


def _fill(order: Ints, sizes: Ints, target: float, by_class: Ints, most: Ints) -> list[int]:
    """Take groups in order while each brings the sum nearer to the target (the first anyway).

    Args:
        order: of the groups.
        sizes: clips of each group.
        target: of the sum.
        by_class: (groups, classes) clips of each class in each group.
        most: clips of each class that may be taken.
    """
    chosen: list[int] = []
    left, total = most.copy(), 0
    for group in order:
        size = int(sizes[group])
        if chosen and abs(total + size - target) >= abs(total - target):
            continue
        if (left < by_class[group]).any():
            continue
        left -= by_class[group]
        chosen.append(int(group))
        total += size
    return chosen
