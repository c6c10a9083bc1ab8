"""Packages that are not installed with gesta but with one of its extras."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from gesta.errors import PoseError


def import_extra(package: str, extra: str) -> ModuleType:
    """A package of an extra.

    Raises:
        PoseError: it is not installed, or does not import; names the extra.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise PoseError(
            f"pose estimator {extra} needs the package {package}, which does not import "
            f"({error}); install it with: pip install 'gesta[{extra}]'"
        ) from error
