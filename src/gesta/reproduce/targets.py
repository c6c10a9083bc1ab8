"""What can be reproduced, by name: ``san/table-3``, ``csta/claims``."""

from __future__ import annotations

from difflib import get_close_matches

from gesta.errors import RecipeError
from gesta.reproduce.cross_attention import CROSS_ATTENTION
from gesta.reproduce.csta import CSTA
from gesta.reproduce.mmff import MMFF
from gesta.reproduce.paper import Paper, Table
from gesta.reproduce.san import SAN

PAPERS = {paper.name: paper for paper in (SAN, CSTA, CROSS_ATTENTION, MMFF)}
CLAIMS = "claims"


def list_targets() -> list[str]:
    """Every target, papers in order, tables before claims."""
    return [
        f"{paper.name}/{name}"
        for paper in PAPERS.values()
        for name in (*(table.name for table in paper.tables), CLAIMS)
    ]


def find_target(name: str) -> tuple[Paper, Table | None]:
    """The paper of a target and its table; None stands for its claims.

    Raises:
        RecipeError: there is no such target; the message lists what there is.
    """
    targets = list_targets()
    if name not in targets:
        near = get_close_matches(name, targets, n=1)
        advice = f"did you mean {near[0]!r}? " if near else ""
        raise RecipeError(f"{name!r} is no target; {advice}there are {', '.join(targets)}")
    paper, _, part = name.partition("/")
    return PAPERS[paper], None if part == CLAIMS else PAPERS[paper].table(part)
