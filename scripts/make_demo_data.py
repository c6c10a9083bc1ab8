"""Make src/gesta/data/demo/jhmdb_coco17.npz from the BlazePose npz of J-HMDB.

    python scripts/make_demo_data.py jhmdb_blazepose_and_gt.npz

It keeps the 17 joints of COCO of the 33 landmarks, with x, y and visibility exactly as they are
there (float16, parts of the frame), so that `gesta prepare jhmdb` gives the same clips from either
file. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from gesta.datasets.jhmdb import DEMO_FILE
from gesta.formats.checks import file_bytes
from gesta.formats.npz import load_npz
from gesta.skeleton import get_layout

TABLES = ("name", "label", "class_names", "offset", "split")


def main() -> None:
    """Read the arguments, write the file and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("npz", type=Path, help="the BlazePose npz of J-HMDB")
    parser.add_argument("--out", type=Path, default=DEMO_FILE)
    arguments = parser.parse_args()
    arrays = load_npz(file_bytes(arguments.npz), str(arguments.npz))
    landmarks = get_layout("mediapipe_33")
    joints = [landmarks.index(joint) for joint in get_layout("coco_17").joints]
    found = arrays["blaze_ok"]
    poses = arrays["blaze_img"][:, joints][..., [0, 1, 3]]
    poses[~found] = 0
    tables = {key: arrays[key] for key in TABLES}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(arguments.out, coco_img=poses, blaze_ok=found, **tables)
    size = arguments.out.stat().st_size
    sys.stdout.write(f"{arguments.out}: {len(tables['name'])} clips, {size} bytes\n")


if __name__ == "__main__":
    main()
