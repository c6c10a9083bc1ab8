"""Make src/gesta/data/demo/jhmdb_coco17.npz from an archive of J-HMDB.

    gesta extract jhmdb/videos --splits jhmdb/splits.zip --source-from '^([^/]+)/(.+)_\\1_' \\
        --name jhmdb --out jhmdb.gesta
    python scripts/make_demo_data.py jhmdb.gesta

It keeps the poses (as float16), classes, sources and splits, and which estimator made the poses;
`gesta.datasets.demo` says in what form. The same archive gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gesta.archive import VIDEOS, Archive, open_archive
from gesta.clip import Clip
from gesta.datasets.demo import DEMO_FILE


def main() -> None:
    """Read the arguments, write the file and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="of J-HMDB, as gesta extract writes it")
    parser.add_argument("--out", type=Path, default=DEMO_FILE)
    arguments = parser.parse_args()
    archive = open_archive(arguments.archive)
    clips = list(archive.clips)
    about = {
        "layout": archive.layout.name,
        "classes": archive.classes,
        "frame_size": one_frame_size(clips),
        # The videos are somewhere on the machine that read them, and do not come along.
        "provenance": {k: v for k, v in archive.provenance.items() if k != VIDEOS},
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        arguments.out,
        name=np.array(archive.ids),
        label=archive.labels.astype(np.int16),
        source=np.array([clip.source for clip in clips]),
        frame_rate=np.array([clip.frame_rate for clip in clips]),
        split=splits(archive),
        persons=np.array([clip.persons for clip in clips], np.int16),
        frames=np.array([clip.frames for clip in clips], np.int16),
        poses=np.concatenate([rows(clip) for clip in clips]).transpose(2, 1, 0).copy(),
        about=np.array(json.dumps(about)),
    )
    size = arguments.out.stat().st_size
    sys.stdout.write(f"{arguments.out}: {len(clips)} clips, {size} bytes\n")


def rows(clip: Clip) -> np.ndarray:
    """(M * T, V, 3) float16: x, y, confidence."""
    if clip.confidence is None or clip.source is None or clip.frame_rate is None:
        raise SystemExit(f"{clip.id}: expected confidences, a source and a frame rate")
    poses = np.concatenate([clip.coords, clip.confidence[..., None]], axis=-1)
    return poses.reshape(-1, *poses.shape[2:]).astype(np.float16)


def one_frame_size(clips: Sequence[Clip]) -> tuple[int, int]:
    """The size that all frames have."""
    sizes = {clip.frame_size for clip in clips}
    first = next(iter(sizes))
    if len(sizes) != 1 or first is None:
        raise SystemExit(f"expected frames of one size, found {sizes}")
    return first


def splits(archive: Archive) -> np.ndarray:
    """(N, splits) int8: 1 where a clip trains, 2 where it tests, 0 where it does neither."""
    table = np.zeros((len(archive), len(archive.protocol_names("splits"))), np.int8)
    for column, name in enumerate(archive.protocol_names("splits")):
        protocol = archive.protocols[name]
        for value, ids in enumerate((protocol.train_ids, protocol.test_ids), start=1):
            table[np.isin(archive.ids, ids or ()), column] = value
    return table


if __name__ == "__main__":
    main()
