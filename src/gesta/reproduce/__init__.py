"""Tables and claims of papers, trained again and set beside what the papers say."""

from gesta.reproduce.outcome import Outcome, difference, judge
from gesta.reproduce.pages import html, markdown, write_pages
from gesta.reproduce.reproduction import reproduce
from gesta.reproduce.settings import BUDGETS, Settings
from gesta.reproduce.targets import PAPERS, find_target, list_targets

__all__ = [
    "BUDGETS",
    "PAPERS",
    "Outcome",
    "Settings",
    "difference",
    "find_target",
    "html",
    "judge",
    "list_targets",
    "markdown",
    "reproduce",
    "write_pages",
]
