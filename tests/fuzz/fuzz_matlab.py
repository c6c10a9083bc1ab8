"""Random bytes as MATLAB files of SYSU, UESTC, UTD-MHAD and J-HMDB."""

import io

import numpy as np
from harness import fuzz
from scipy.io import savemat

from gesta.formats import parse_jhmdb_mat, parse_sysu_mat, parse_uestc_mat, parse_utd_mat

READERS = (
    (parse_sysu_mat, "SW", (20, 3, 2), "3DvideoNorm/s1/video1/sklWorld.mat"),
    (parse_uestc_mat, "skel", (2, 75), "a0_d1_p001_c1_skeleton.mat"),
    (parse_utd_mat, "d_skel", (20, 3, 2), "a1_s1_t1_skeleton.mat"),
    (parse_jhmdb_mat, "pos_img", (2, 15, 2), "joint_positions/wave/a/joint_positions.mat"),
)


def _seed(reader: int, compressed: bool) -> bytes:
    _, key, shape, _ = READERS[reader]
    file = io.BytesIO()
    savemat(file, {key: np.full(shape, 0.5)}, do_compression=compressed)
    return bytes([reader]) + file.getvalue()


SEEDS = [_seed(reader, compressed) for reader in range(4) for compressed in (False, True)]


def parse(data: bytes) -> object:
    """Read as one file of the data set that the first byte names."""
    read, _, _, name = READERS[data[0] % len(READERS) if data else 0]
    return read(data[1:], name)


if __name__ == "__main__":
    fuzz(parse, SEEDS)
