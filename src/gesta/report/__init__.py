"""Pages to look at: a clip or an archive in motion, and the report of a run."""

from gesta.report.draw import FrameWeights, filmstrip, skeleton
from gesta.report.projection import Box, project
from gesta.report.report import write_report
from gesta.report.view import view

__all__ = [
    "Box",
    "FrameWeights",
    "filmstrip",
    "project",
    "skeleton",
    "view",
    "write_report",
]
