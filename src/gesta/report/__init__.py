"""Pages to look at: a clip or an archive in motion, and the report of a run.

`write_report` is imported when it is first used: it needs torch, which drawing does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gesta.report.draw import FrameWeights, filmstrip, skeleton
from gesta.report.projection import Box, project
from gesta.report.view import view

if TYPE_CHECKING:
    from gesta.report.report import write_report

__all__ = [
    "Box",
    "FrameWeights",
    "filmstrip",
    "project",
    "skeleton",
    "view",
    "write_report",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a function
    if name == "write_report":
        from gesta.report.report import write_report

        return write_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
