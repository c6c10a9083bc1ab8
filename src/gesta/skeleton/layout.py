"""A skeleton layout: named joints and the bones between them.

Everything else (edges, parents, mirror pairs, graph subsets, limb lengths) is derived from
these two tables, so that no two places can disagree about a skeleton.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gesta.errors import FormatError, LayoutError


@dataclass(frozen=True)
class Layout:
    """Named joints with their bones.

    Args:
        name: how the layout is called, for example ``"kinect_v2_25"``.
        joints: the V joint names in file order; sides are written ``left_*`` and ``right_*``.
        bones: (child, parent) joint indices, a tree with one root.
        centre: the joint that graph distances are measured from (ST-GCN's centre of gravity).
        origin: the joints whose mean is the body's origin when a clip is centred.

    Raises:
        LayoutError: names repeat, an index is out of range, or the bones are no tree.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    centre: int
    origin: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check that the tables are consistent."""
        size = len(self.joints)
        if size == 0 or len(set(self.joints)) != size:
            raise LayoutError(f"layout {self.name}: joint names must be there and differ")
        indices = [joint for bone in self.bones for joint in bone] + [self.centre, *self.origin]
        if not self.origin or not all(0 <= joint < size for joint in indices):
            raise LayoutError(f"layout {self.name}: joint indices must lie in 0..{size - 1}")
        children = [child for child, _ in self.bones]
        if len(set(children)) != len(children) or len(self.bones) != size - 1:
            raise LayoutError(
                f"layout {self.name}: {size} joints need {size - 1} bones, each joint but the "
                f"root child of exactly one; found {len(self.bones)} bones"
            )
        for joint in range(size):
            seen = set()
            while joint not in seen and self.parents[joint] != joint:
                seen.add(joint)
                joint = self.parents[joint]
            if joint in seen:
                raise LayoutError(
                    f"layout {self.name}: bones form a ring at {self.joints[joint]!r}"
                )

    def __len__(self) -> int:
        """The number of joints, V."""
        return len(self.joints)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """The parent of each joint; the root is its own, so that its bone is zero."""
        parents = dict(self.bones)
        return tuple(parents.get(joint, joint) for joint in range(len(self.joints)))

    @cached_property
    def root(self) -> int:
        """The joint that has no parent."""
        return next(j for j, parent in enumerate(self.parents) if j == parent)

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each joint the joint of the other side (itself on the middle line)."""
        index = {joint: i for i, joint in enumerate(self.joints)}
        return tuple(index.get(other_side(joint), i) for joint, i in index.items())

    def index(self, joint: str) -> int:
        """The index of a joint by its name.

        Raises:
            LayoutError: no joint is called that.
        """
        if joint not in self.joints:
            raise LayoutError(
                f"layout {self.name} has no joint {joint!r}; it has {', '.join(self.joints)}"
            )
        return self.joints.index(joint)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers that `from_dict` reads back; joints by name, as in a TOML file."""
        name = self.joints.__getitem__
        return {
            "name": self.name,
            "joints": list(self.joints),
            "bones": [[name(child), name(parent)] for child, parent in self.bones],
            "centre": name(self.centre),
            "origin": [name(joint) for joint in self.origin],
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], source: str | Path = "layout") -> Layout:
        """Build a layout from what `to_dict` gives.

        ``centre`` defaults to the root, ``origin`` to the centre.

        Raises:
            FormatError: a key is missing or of another type, or an unknown joint is named.
        """
        try:
            joints = tuple(str(joint) for joint in table["joints"])
            index = {joint: i for i, joint in enumerate(joints)}
            bones = tuple((index[child], index[parent]) for child, parent in table["bones"])
            roots = set(range(len(joints))) - {child for child, _ in bones}
            centre = index[table["centre"]] if "centre" in table else min(roots, default=0)
            origin = tuple(index[joint] for joint in table.get("origin", ()))
            return cls(str(table["name"]), joints, bones, centre, origin or (centre,))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, LayoutError):
                raise
            raise FormatError(
                source,
                "layout table",
                "name, joints = [names], bones = [[child, parent], ...] by joint name",
                f"{type(error).__name__}: {error}",
            ) from error


def other_side(joint: str) -> str:
    """The name of the joint on the other side of the body (itself on the middle line)."""
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    if joint.startswith("right_"):
        return "left_" + joint.removeprefix("right_")
    return joint


def read_layout(path: str | Path) -> Layout:
    """Read a user's own layout from a TOML file.

    Raises:
        FormatError: the file is no TOML or lacks a key.
        LayoutError: its tables are inconsistent.
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(path, "file", "TOML", str(error)) from error
    return Layout.from_dict(table, path)
