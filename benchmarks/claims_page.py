"""Write docs/claims.md and docs/reproduction.md from the results in benchmarks/results/reproduce.

    gesta reproduce san/claims --data ARCHIVE ... --out benchmarks/results/reproduce --runs FOLDER
    python benchmarks/claims_page.py

Nothing on the pages is written by hand but their first sentences. Only the JSON files of a
reproduction are read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gesta.reproduce import list_targets, markdown
from gesta.reproduce.rgb import SCRATCH

RESULTS = Path(__file__).parent / "results" / "reproduce"
DOCS = Path(__file__).parent.parent / "docs"
_NOTE = """
Where a row behaves against its paper: [findings](findings.md). SAN's rows are older than the `cnn`
encoder of narrow networks as it is now, see there, and are to be trained again.
"""
HEADS = {
    "claims": f"""# Claims of the papers

What the papers say beside what is measured here, and beside what their own numbers give. Made by
`gesta reproduce PAPER/claims` and `python benchmarks/claims_page.py`.
{_NOTE}""",
    "table": f"""# Tables of the papers

Every row that is the paper's own, trained here. Made by `gesta reproduce PAPER/TABLE` and `python
benchmarks/claims_page.py`.
{_NOTE}""",
}
PAGES = {"claims": DOCS / "claims.md", "table": DOCS / "reproduction.md"}


def documents(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """The results that are there, in the order of the targets, from scratch before pre-trained."""
    targets = list_targets()
    found = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    known = [document for document in found if document["target"] in targets]
    return sorted(known, key=lambda one: (targets.index(one["target"]), one["block"] != SCRATCH))


def page(kind: str, folder: Path = RESULTS) -> str:
    """The page of all claims, or of all tables."""
    parts = [markdown(one, level=2) for one in documents(folder) if one["kind"] == kind]
    return "\n".join([HEADS[kind], *parts])


if __name__ == "__main__":
    for kind in {document["kind"] for document in documents()}:
        PAGES[kind].write_text(page(kind), "utf-8")
