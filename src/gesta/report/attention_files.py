"""The attention of a model in one clip, as files: a picture, a page, and the arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.archive.durable import write_durably
from gesta.clip import Clip
from gesta.explain import record
from gesta.explain.attention import attentions
from gesta.explain.scoring import scoring
from gesta.report.arrays import write_arrays
from gesta.report.attended import attention_pictures
from gesta.report.drawing import ATTENTION_STYLE, stacked
from gesta.report.explained import Explainer
from gesta.report.pages import render, safe, write_page
from gesta.transforms.temporal import plan_test

Array = NDArray[Any]


def write_attention(
    explainer: Explainer, clip: Clip, stem: Path, query: int | None = None
) -> list[Path]:
    """Write ``<stem>-attention.npz``, and ``.svg`` and ``.html`` where there is something to see.

    The arrays are what passed each observed point of the model, by its path, as it passed; with
    ``<path>.axes`` (names of the axes) and ``frames`` (rows, T), the clip's frame that each of
    the model's frames is read at, a row for each view.

    Args:
        explainer: the model.
        clip: in the model's layout and space.
        stem: path of the files without what is behind the name.
        query: see `gesta.report.attended.attention_pictures`.

    Returns:
        The paths written; none for a model without attention.
    """
    arrays = _arrays(explainer, clip)
    if not arrays:
        return []
    paths = [stem.with_name(f"{stem.name}-attention.npz")]
    write_arrays(paths[0], arrays)
    (found,) = attentions(explainer.model, explainer.pipeline, explainer.batch([clip]))
    pictures = attention_pictures(found, clip, query=query)
    if not pictures:
        return paths
    paths += [paths[0].with_suffix(".svg"), paths[0].with_suffix(".html")]
    title = f"clip {clip.id}: what {explainer.model.name} attends to"
    picture = stacked([one.drawing for one in pictures], title)
    write_durably(paths[1], picture.encode("utf-8"))
    page = render(
        "attention.html",
        styles=safe(ATTENTION_STYLE),
        title=title,
        pictures=[
            {"kind": one.kind, "title": one.drawing.title, "picture": one.drawing.picture()}
            for one in pictures
        ],
        views=found[0].values.shape[0],
    )
    write_page(paths[2], page)
    return paths


def _arrays(explainer: Explainer, clip: Clip) -> dict[str, Array]:
    """What passes the observed points of the model for a clip, by module path.

    A point that is passed several times gets a number behind its path.
    """
    given = explainer.batch([clip])
    with scoring(explainer.model), record(explainer.model) as seen:
        batch = explainer.pipeline(given, training=False, generator=None)
        if seen:
            names = explainer.model.inputs
            explainer.model(**{name: getattr(batch, name) for name in names})
    arrays: dict[str, Array] = {}
    for path, recorded in seen.items():
        for number, value in enumerate(recorded.values):
            arrays[f"{path}.{number}" if number else path] = value.float().numpy()
            arrays[f"{path}.axes"] = np.array(recorded.names)
    if arrays:
        plan = plan_test(given.lengths, explainer.pipeline.input)
        arrays["frames"] = plan.position.float().cpu().numpy()
    return arrays
