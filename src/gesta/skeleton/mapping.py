"""Joints of one layout from the joints of another, by name.

A joint that the source lacks is taken from its nearest relative (a wrist for a hand) or from
the middle of several (hips for the hip centre); what has no relative stays missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.skeleton.layout import Layout, other_side

_HIPS, _SHOULDERS = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")

# Stand-ins in order of preference, each a group of joints whose mean is taken.
_MIDDLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "hip_centre": (_HIPS,),
    "shoulder_centre": (("neck",), _SHOULDERS),
    "neck": (("shoulder_centre",), _SHOULDERS),
    "spine": (("torso",), ("belly",), (*_HIPS, *_SHOULDERS)),
    "torso": (("spine",), ("belly",), (*_HIPS, *_SHOULDERS)),
    "belly": (("spine",), ("torso",), (*_HIPS, *_SHOULDERS)),
    "head": (("face",), ("nose",), ("left_ear", "right_ear")),
    "face": (("nose",), ("head",)),
    "nose": (("face",), ("head",)),
}
_LEFT: dict[str, tuple[tuple[str, ...], ...]] = {
    "left_hand": (("left_index",), ("left_wrist",)),
    "left_wrist": (("left_hand",),),
    "left_hand_tip": (("left_index",), ("left_hand",), ("left_wrist",)),
    "left_index": (("left_hand_tip",), ("left_hand",), ("left_wrist",)),
    "left_pinky": (("left_hand",), ("left_wrist",)),
    "left_thumb": (("left_hand",), ("left_wrist",)),
    "left_foot": (("left_foot_index",), ("left_ankle",)),
    "left_foot_index": (("left_foot",), ("left_ankle",)),
    "left_ankle": (("left_foot",),),
    "left_heel": (("left_ankle",), ("left_foot",)),
    "left_eye": (("left_eye_inner",), ("face",), ("nose",), ("head",)),
    "left_eye_inner": (("left_eye",), ("face",), ("nose",), ("head",)),
    "left_eye_outer": (("left_eye",), ("face",), ("nose",), ("head",)),
    "left_mouth": (("face",), ("nose",), ("head",)),
    "left_ear": (("left_eye_outer",), ("left_eye",), ("head",), ("face",), ("nose",)),
}
_STAND_INS = (
    _MIDDLE
    | _LEFT
    | {
        other_side(joint): tuple(tuple(other_side(j) for j in group) for group in groups)
        for joint, groups in _LEFT.items()
    }
)


def locate(layout: Layout, joint: str) -> tuple[int, ...]:
    """The joints of a layout whose mean stands at a named place of the body.

    Returns:
        One index where the layout has the joint, several or another where it has stand-ins,
        none where it has nothing near.
    """
    if joint in layout.joints:
        return (layout.joints.index(joint),)
    for group in _STAND_INS.get(joint, ()):
        if all(member in layout.joints for member in group):
            return tuple(layout.joints.index(member) for member in group)
    return ()


@dataclass(frozen=True)
class JointMap:
    """How the joints of ``target`` come from those of ``source``.

    ``sources[v]`` holds the source joints whose mean is target joint v; empty: missing.
    """

    source: Layout
    target: Layout
    sources: tuple[tuple[int, ...], ...]

    @property
    def missing(self) -> list[str]:
        """Names of target joints that the source cannot give."""
        return [j for j, s in zip(self.target.joints, self.sources, strict=True) if not s]

    @property
    def approximate(self) -> list[str]:
        """Names of target joints that come from a stand-in."""
        return [
            joint
            for joint, s in zip(self.target.joints, self.sources, strict=True)
            if s and (len(s) > 1 or self.source.joints[s[0]] != joint)
        ]

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map (..., V, C) source values to (..., V', C); missing joints become NaN.

        Raises:
            ShapeError: V is not the number of the source's joints.
        """
        check_shape(
            f"joints of {self.source.name}", values[..., 0], _batch(values), V=len(self.source)
        )
        mapped = np.full((*values.shape[:-2], len(self.target), values.shape[-1]), np.nan)
        for joint, sources in enumerate(self.sources):
            if sources:
                mapped[..., joint, :] = values[..., list(sources), :].mean(axis=-2)
        return mapped.astype(values.dtype)


def _batch(values: NDArray[np.float32]) -> str:
    return " ".join([f"axis{i}" for i in range(values.ndim - 2)] + ["V"])


def joint_map(source: Layout, target: Layout) -> JointMap:
    """How to get the joints of ``target`` from those of ``source``."""
    return JointMap(source, target, tuple(locate(source, joint) for joint in target.joints))
