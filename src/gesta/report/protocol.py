"""On which clips a run was judged, and what is known to be wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gesta.archive import Archive, open_archive
from gesta.errors import ArchiveError, FormatError, RunError
from gesta.evaluation import Scores
from gesta.training import Run


def find_archive(
    run: Run, archive: Archive | str | Path | None, scores: Scores | None
) -> tuple[Archive | None, str]:
    """The archive that a run's clips are in, or None with a sentence that says why not.

    Raises:
        RunError: an archive was given that is not the one the scores are of.
        ArchiveError: an archive was given that cannot be read.
    """
    if archive is None:
        data = run.recipe.data if run.recipe_path.is_file() else ""
        if not data or not Path(data).is_dir():
            where = f"{data} is not there" if data else "the run names none"
            return None, (
                f"No skeletons and no explanations: they need the archive, and {where}; make the "
                "report again with --data."
            )
        try:
            found = open_archive(data)
        except (ArchiveError, FormatError) as error:
            return None, f"No skeletons and no explanations: {error}."
    else:
        found = archive if isinstance(archive, Archive) else open_archive(archive)
    if scores is None:
        return found, ""
    missing = set(scores.ids) - set(found.ids)
    if not missing and scores.classes == tuple(found.classes):
        return found, ""
    text = (
        f"{found.path} lacks {len(missing)} of the {len(scores)} clips that were scored"
        if missing
        else f"{found.path} has other classes than the run"
    )
    if archive is not None:
        raise RunError(f"{text}; give the archive that the run was scored on")
    return None, f"No skeletons and no explanations: {text}."


def protocol_section(
    run: Run, archive: Archive | None, scores: Scores | None, metrics: Mapping[str, Any]
) -> dict[str, Any]:
    """The protocol's parts and its notes; of the archive what is known of its making."""
    name = str(metrics.get("protocol", ""))
    section: dict[str, Any] = {
        "name": name,
        "parts": _parts(run, metrics),
        "separates": "",
        "note": "",
        "duplicates": None,
        "skipped": 0,
        "clips": None,
    }
    if archive is None:
        return section
    section |= {"skipped": len(archive.skipped), "clips": len(archive)}
    if name in archive.protocols:
        declared = archive.protocols[name]
        section |= {"separates": ", ".join(declared.separates), "note": declared.note}
    trained = _trained(run, metrics)
    if scores is not None and trained is not None:
        section["duplicates"] = duplicates(trained, archive, scores)
    return section


def _trained(run: Run, metrics: Mapping[str, Any]) -> Run | None:
    """The run whose ``split.json`` says what was trained on; of fused ones any, as all agree."""
    for one in (run, *(Run(Path(path)) for path in metrics.get("fused", ()))):
        if (one.path / "split.json").is_file():
            return one
    return None


def _parts(run: Run, metrics: Mapping[str, Any]) -> list[tuple[str, int]]:
    if (run.path / "split.json").is_file():
        return [(part, len(ids)) for part, ids in run.split.items()]
    parts = ("train", "validation", "test")
    return [(part, metrics[f"{part}_clips"]) for part in parts if f"{part}_clips" in metrics]


def duplicates(run: Run, archive: Archive, scores: Scores) -> dict[str, Any] | None:
    """How many scored clips are identical to one that was trained on or validated with.

    Returns:
        Their number, and top-1 in per cent with and without them; None where there are none or
        nothing else is left.
    """
    place = {name: index for index, name in enumerate(archive.ids)}
    seen = [place[i] for part in ("train", "validation") for i in run.split[part] if i in place]
    known = set(archive.digests[seen].tolist()) - {0}
    copies = np.array([int(archive.digests[place[name]]) in known for name in scores.ids])
    if not copies.any() or copies.all():
        return None
    right = scores.log_probs.argmax(axis=1) == scores.labels
    return {
        "count": int(copies.sum()),
        "of": len(scores),
        "with": 100 * float(right.mean()),
        "without": 100 * float(right[~copies].mean()),
        "left": int((~copies).sum()),
    }
