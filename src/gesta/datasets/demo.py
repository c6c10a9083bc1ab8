"""The poses that come with the package: J-HMDB as `gesta extract` gives it, in one small file.

The npz holds, of N clips, ``name`` (N,) as ``class/clip``, ``label`` (N,), ``source`` (N,),
``frame_rate`` (N,), ``split`` (N, splits) with 1 for train and 2 for test, ``persons`` and
``frames`` (N,); ``poses`` (3, V, rows) float16, x and y in pixels and confidence, the persons x
frames rows of all clips one after the other (a joint's values side by side compress best), NaN
where a person is not there; and ``about``, the rest as JSON: ``layout``, ``classes``,
``frame_size`` and ``provenance``. ``scripts/make_demo_data.py`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.archive import Archive, write_archive
from gesta.clip import Clip
from gesta.datasets.jhmdb import protocols, table_splits
from gesta.formats.checks import file_bytes
from gesta.formats.npz import load_npz
from gesta.skeleton import get_layout

DEMO_FILE = Path(__file__).parents[1] / "data" / "demo" / "jhmdb_coco17.npz"
# Of the poses, and of what is learnt from them.
DEMO_LICENCE = (
    "CC BY 4.0: HMDB51 by Kuehne, Jhuang, Garrote, Poggio and Serre, of which J-HMDB by Jhuang, "
    "Gall, Zuffi, Schmid and Black is a part"
)


def write_demo_archive(
    path: str | Path, *, demo: str | Path = DEMO_FILE, overwrite: bool = False
) -> Archive:
    """Write the poses that come with the package as an archive, its data set being ``jhmdb``.

    Args:
        path: of the archive.
        demo: another file of the same form.
        overwrite: replace an archive that is there.

    Raises:
        FormatError: the file is not there, or damaged.
        ArchiveError: the archive is there already, or cannot be written.
    """
    arrays = load_npz(file_bytes(demo), str(demo))
    about = json.loads(str(arrays["about"]))
    splits = table_splits([str(name) for name in arrays["name"]], arrays["split"])
    return write_archive(
        path,
        _clips(arrays, about),
        about["classes"],
        dataset="jhmdb",
        protocols=lambda table: protocols(table, splits),
        provenance=about["provenance"] | {"licence": DEMO_LICENCE},
        overwrite=overwrite,
    )


def _clips(arrays: dict[str, NDArray[Any]], about: dict[str, Any]) -> Iterator[Clip]:
    layout = get_layout(about["layout"])
    width, height = about["frame_size"]
    start = 0
    for index, name in enumerate(arrays["name"]):
        persons, frames = int(arrays["persons"][index]), int(arrays["frames"][index])
        rows = arrays["poses"][..., start : start + persons * frames].astype(np.float32)
        start += persons * frames
        poses = rows.transpose(2, 1, 0).reshape(persons, frames, len(layout), 3)
        yield Clip(
            np.ascontiguousarray(poses[..., :2]),
            layout,
            ("x", "y"),
            "pixels",
            confidence=np.nan_to_num(poses[..., 2]),
            frame_rate=float(arrays["frame_rate"][index]),
            frame_size=(width, height),
            id=str(name),
            label=int(arrays["label"][index]),
            source=str(arrays["source"][index]),
        )
