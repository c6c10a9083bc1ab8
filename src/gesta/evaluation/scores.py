"""What a model says about every clip of a part, joined with other scores by clip id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gesta.archive.durable import write_durably
from gesta.axes import check_shape
from gesta.errors import FormatError, RunError, ShapeError


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """The log of the mean softmax over each clip's views, by clip id.

    Args:
        ids: names of the N clips, all different.
        labels: (N,) int64 class of each clip; -1 where it is not known.
        log_probs: (N, Y) float32 log-probabilities, finite.
        classes: names of the Y classes.
        provenance: where the scores come from (model, dataset, protocol, part, stream, seed).

    Raises:
        ShapeError: sizes do not fit each other, an id stands twice, a number is not finite.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    log_probs: NDArray[np.float32]
    classes: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        size, classes = len(self.ids), len(self.classes)
        check_shape("labels of scores", self.labels, "N", N=size)
        check_shape("log-probabilities of scores", self.log_probs, "N Y", N=size, Y=classes)
        if len(set(self.ids)) != size:
            raise ShapeError(f"scores: clip {_first_twice(self.ids)!r} is there more than once")
        if not np.isfinite(self.log_probs).all():
            bad = self.ids[int(np.flatnonzero(~np.isfinite(self.log_probs).all(axis=1))[0])]
            raise ShapeError(f"scores: log-probabilities of clip {bad!r} are not finite")
        if size and not (-1 <= self.labels.min() and self.labels.max() < classes):
            raise ShapeError(f"scores: labels lie in -1..{classes - 1}")

    def __len__(self) -> int:
        """The number of clips, N."""
        return len(self.ids)

    def __repr__(self) -> str:
        """How many clips and classes, and where they come from; the arrays would fill pages."""
        source = "".join(f", {key}={value!r}" for key, value in self.provenance.items())
        return f"Scores({len(self)} clips, {len(self.classes)} classes{source})"

    def select(self, ids: Sequence[str]) -> Scores:
        """The scores of the named clips, in that order.

        Raises:
            RunError: a clip has no scores here.
        """
        place = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in place]
        if missing:
            raise RunError(
                f"{self.title}: no scores of {len(missing)} of {len(ids)} clips, such as "
                f"{missing[0]!r}; score the same part of the same protocol"
            )
        rows = np.fromiter((place[name] for name in ids), np.int64, len(ids))
        return replace(
            self, ids=tuple(ids), labels=self.labels[rows], log_probs=self.log_probs[rows]
        )

    def labelled(self) -> Scores:
        """The scores of those clips whose class is known."""
        known = self.labels >= 0
        if known.all():
            return self
        return self.select([name for name, there in zip(self.ids, known, strict=True) if there])

    @property
    def title(self) -> str:
        """A few words that say whose scores these are, for messages."""
        words = [str(self.provenance[key]) for key in ("run", "part") if key in self.provenance]
        return "scores of " + (" ".join(words) or "unknown origin")

    def save(self, path: str | Path) -> None:
        """Write a safetensors file: ``log_probs``, ``labels``, ids as bytes and offsets."""
        names = [name.encode() for name in self.ids]
        offsets = np.cumsum([0, *map(len, names)], dtype=np.int64)
        arrays: dict[str, NDArray[Any]] = {
            "log_probs": np.ascontiguousarray(self.log_probs),
            "labels": np.ascontiguousarray(self.labels),
            "ids": np.frombuffer(b"".join(names), np.uint8),
            "id_offsets": offsets,
        }
        metadata = {
            "classes": json.dumps(list(self.classes)),
            "provenance": json.dumps(dict(self.provenance)),
        }
        write_durably(Path(path), save(arrays, metadata))

    @classmethod
    def load(cls, path: str | Path) -> Scores:
        """Read what `save` wrote.

        Raises:
            FormatError: the file is no safetensors file, or holds something else.
        """
        if not Path(path).is_file():
            raise RunError(f"{path}: no scores there; they are written when a run is finished")
        try:
            with safe_open(str(path), framework="numpy") as file:
                metadata = file.metadata() or {}
                text = file.get_tensor("ids").tobytes()
                offsets = file.get_tensor("id_offsets").tolist()
                return cls(
                    tuple(
                        text[start:stop].decode()
                        for start, stop in zip(offsets[:-1], offsets[1:], strict=True)
                    ),
                    file.get_tensor("labels"),
                    file.get_tensor("log_probs"),
                    tuple(json.loads(metadata["classes"])),
                    json.loads(metadata["provenance"]),
                )
        except (SafetensorError, KeyError, ValueError) as error:
            raise FormatError(
                path, "file", "scores written by gesta", str(error), "score the run again"
            ) from error


def join(parts: Sequence[Scores]) -> list[Scores]:
    """Bring several scores of the same clips into the first one's order.

    Raises:
        RunError: they are not of the same clips, labels or classes.
    """
    first, joined = parts[0], [parts[0]]
    for other in parts[1:]:
        if other.classes != first.classes:
            raise RunError(f"{first.title} and {other.title} are about different classes")
        if len(other) != len(first):
            raise RunError(
                f"{first.title} are of {len(first)} clips and {other.title} of {len(other)}; "
                "score the same part of the same protocol"
            )
        ordered = other.select(first.ids)
        if not np.array_equal(ordered.labels, first.labels):
            raise RunError(f"{first.title} and {other.title} have different labels for a clip")
        joined.append(ordered)
    return joined


def pool(parts: Sequence[Scores]) -> Scores | None:
    """All scores of parts that share no clip as one (folds); None where they share some."""
    ids = tuple(name for part in parts for name in part.ids)
    if len(set(ids)) != len(ids) or len({part.classes for part in parts}) != 1:
        return None
    return Scores(
        ids,
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.log_probs for part in parts]),
        parts[0].classes,
        {"pooled": [dict(part.provenance) for part in parts]},
    )


def _first_twice(names: Sequence[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
