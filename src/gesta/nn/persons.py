"""Persons of a batch as rows of a trunk, and back; used by models of fixed length in time.

A row is one person in one stretch of time: R rows (R, T, V, C), R <= N*M for a whole clip.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from gesta.nn.frames import exporting

PersonMerge = Literal["max", "mean", "concat"]


class PersonRows(NamedTuple):
    """What enters a trunk.

    Args:
        poses: (R, T, V, C), zero in frames that are not valid.
        keep: (R, T) bool, the valid frames; None: all.
        present: (R,) int64, which of the `total` rows each is; None: all of them, in order.
        total: number of rows before those without anybody were left out.
    """

    poses: Tensor
    keep: Tensor | None
    present: Tensor | None
    total: int

    @property
    def numbers(self) -> Tensor:
        """(R,) int64, which of the `total` rows each is."""
        if self.present is not None:
            return self.present
        return torch.arange(self.total, device=self.poses.device)

    def scatter(self, x: Tensor) -> Tensor:
        """Back from (R, ...) to all rows (total, ...); those without anybody are zero."""
        if self.present is not None:
            return x.new_zeros(self.total, *x.shape[1:]).index_copy(0, self.present, x)
        if self.keep is None:
            return x
        return x * self.keep.any(1).view(-1, *[1] * (x.ndim - 1)).to(x.dtype)


def person_rows(poses: Tensor, mask: Tensor | None, *, every: bool = False) -> PersonRows:
    """The rows in which a person is there, with what is masked set to zero.

    Args:
        poses: (R, T, V, C).
        mask: (R, T) bool, True where a person is; None: everywhere.
        every: keep the rows without anybody as well, for who wants to know a row by its number.
    """
    if mask is None:
        return PersonRows(poses, None, None, poses.shape[0])
    if every or exporting():
        return PersonRows(_zeroed(poses, mask), mask, None, poses.shape[0])
    return _present(poses, mask)


# What follows depends on values of the mask, so that a compiled graph breaks here anyway.
@torch.compiler.disable
def _present(poses: Tensor, mask: Tensor) -> PersonRows:
    total, present = len(mask), None
    index = mask.any(1).nonzero()[:, 0]
    if 0 < len(index) < total:
        poses, mask, present = poses[index], mask[index], index
    keep = unless_full(mask)
    return PersonRows(poses if keep is None else _zeroed(poses, keep), keep, present, total)


@torch.compiler.disable
def _is_full(mask: Tensor) -> bool:
    return bool(mask.all())


def unless_full(mask: Tensor) -> Tensor | None:
    """A mask, or None where it masks nothing; always the mask where a graph is exported."""
    return mask if exporting() or not _is_full(mask) else None


def _zeroed(poses: Tensor, mask: Tensor) -> Tensor:
    # Filled rather than multiplied: what is masked may be anything, infinite as well.
    return poses.masked_fill(~mask[..., None, None], 0)


def motion(poses: Tensor, keep: Tensor | None) -> Tensor:
    """The difference of each frame to the next; zero in the last and where either is not valid.

    Args:
        poses: (R, T, V, C).
        keep: (R, T) bool, the valid frames; None: all.

    Returns:
        (R, T, V, C).
    """
    moved = poses[:, 1:] - poses[:, :-1]
    if keep is not None:
        moved = moved * (keep[:, 1:] & keep[:, :-1])[..., None, None].to(moved.dtype)
    return functional.pad(moved, (0, 0, 0, 0, 0, 1))


def merge_persons(x: Tensor, there: Tensor | None, how: PersonMerge = "max") -> Tensor:
    """One feature of all persons that are there; zero where nobody is.

    Args:
        x: (B, M, D), at least 0 everywhere (after a ReLU), zero for absent persons, so that
            these never win the maximum.
        there: (B, M) bool; None: all.
        how: element-wise "max" or "mean", or "concat" side by side.

    Returns:
        (B, D), for "concat" (B, M*D).
    """
    if how == "max":
        return x.amax(1)
    if how == "concat":
        return x.flatten(1)
    if there is None:
        return x.mean(1)
    return x.sum(1) / there.sum(1, keepdim=True).clamp(min=1).to(x.dtype)
