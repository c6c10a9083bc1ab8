"""The pose estimators by name, and how one is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from gesta.errors import PoseError
from gesta.pose.detections import PoseEstimator
from gesta.pose.mediapipe import BlazePose
from gesta.pose.movenet import MoveNet
from gesta.pose.rtmlib import RtmPose

_ESTIMATORS: dict[str, Callable[..., PoseEstimator]] = {
    "movenet": MoveNet,
    "rtmlib": RtmPose,
    "mediapipe": BlazePose,
}


def list_estimators() -> list[str]:
    """The names of the pose estimators that gesta knows; all but the first are extras."""
    return list(_ESTIMATORS)


def create_estimator(name: str = "movenet", **options: Any) -> PoseEstimator:
    """A pose estimator by its name.

    Args:
        name: one of `list_estimators`.
        options: the keyword arguments of its class.

    Raises:
        PoseError: no estimator is called that, it has no such option, an option is out of its
            range, or its package is not installed.
    """
    if name not in _ESTIMATORS:
        near = get_close_matches(name, _ESTIMATORS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise PoseError(
            f"unknown pose estimator {name!r}; {hint}known are {', '.join(_ESTIMATORS)}"
        )
    known = list(inspect.signature(_ESTIMATORS[name]).parameters)
    unknown = [option for option in options if option not in known]
    if unknown:
        raise PoseError(
            f"pose estimator {name} has no option {unknown[0]!r}; it has {', '.join(known)}"
        )
    return _ESTIMATORS[name](**options)
