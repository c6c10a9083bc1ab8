"""The members of a group of runs, or the runs behind fused scores, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gesta.training import Run

MEASURES = (("top1", "Top-1"), ("top5", "Top-5"), ("mean_class_accuracy", "Mean class"))


def member_rows(run: Run, metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """A table of what a group's or a fusion's numbers come from; None for a single run.

    Every row has a name, its measures in per cent and, for a member with a report beside this
    one, a relative link to it.
    """
    if run.members:
        rows = [_row(member.name, member.metrics, run, member) for member in run.members]
        rows.append({**_row("mean", metrics, run, None), "strong": True})
        if "std" in metrics:
            rows.append(_row("standard deviation", metrics["std"], run, None))
        if "pooled" in metrics:
            rows.append({**_row("all clips together", metrics["pooled"], run, None)})
        return {"title": "Runs of this group", "rows": rows, "weights": False}
    if "single" in metrics:
        weights = metrics.get("weights", {})
        rows = [
            {**_row(Path(name).name, found, run, None), "weight": weights.get(name)}
            for name, found in metrics["single"].items()
        ]
        rows.append({**_row("equal weights", metrics["equal_weights"], run, None), "weight": None})
        rows.append({**_row("learnt weights", metrics, run, None), "weight": None, "strong": True})
        return {"title": "Fused runs", "rows": rows, "weights": True}
    return None


def _row(name: str, metrics: Mapping[str, Any], run: Run, member: Run | None) -> dict[str, Any]:
    has_report = member is not None and (member.path / "report.html").is_file()
    return {
        "name": name,
        "link": f"{member.path.relative_to(run.path)}/report.html"
        if member is not None and has_report
        else None,
        "values": [metrics.get(key) for key, _ in MEASURES],
        "strong": False,
        "weight": None,
    }
