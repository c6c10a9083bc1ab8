"""One file per on-disk format: ``parse_*`` takes bytes, ``read_*`` a path; both give clips."""

from gesta.formats.arrays_csv import parse_arrays_csv, read_arrays_csv
from gesta.formats.arrays_npz import parse_arrays_npz, read_arrays_npz, write_arrays_npz
from gesta.formats.jhmdb import (
    parse_jhmdb_mat,
    parse_jhmdb_npz,
    read_jhmdb_mat,
    read_jhmdb_npz,
)
from gesta.formats.kinetics_json import parse_kinetics_json, read_kinetics_json
from gesta.formats.ntu_skeleton import parse_ntu_skeleton, read_ntu_skeleton
from gesta.formats.pyskl_pickle import (
    Annotations,
    parse_annotations,
    parse_pyskl,
    read_pyskl,
    write_pyskl,
)
from gesta.formats.recognise import FORMATS, Format, format_of, read_clip, read_clips
from gesta.formats.sbu_txt import parse_sbu_txt, read_sbu_txt
from gesta.formats.sysu_mat import parse_sysu_mat, read_sysu_mat
from gesta.formats.ucla_json import parse_ucla_json, read_ucla_json
from gesta.formats.uestc import (
    parse_uestc_mat,
    parse_uestc_text,
    read_uestc_mat,
    read_uestc_text,
)
from gesta.formats.utd_mat import parse_utd_mat, read_utd_mat

__all__ = [
    "FORMATS",
    "Annotations",
    "Format",
    "format_of",
    "parse_annotations",
    "parse_arrays_csv",
    "parse_arrays_npz",
    "parse_jhmdb_mat",
    "parse_jhmdb_npz",
    "parse_kinetics_json",
    "parse_ntu_skeleton",
    "parse_pyskl",
    "parse_sbu_txt",
    "parse_sysu_mat",
    "parse_ucla_json",
    "parse_uestc_mat",
    "parse_uestc_text",
    "parse_utd_mat",
    "read_arrays_csv",
    "read_arrays_npz",
    "read_clip",
    "read_clips",
    "read_jhmdb_mat",
    "read_jhmdb_npz",
    "read_kinetics_json",
    "read_ntu_skeleton",
    "read_pyskl",
    "read_sbu_txt",
    "read_sysu_mat",
    "read_ucla_json",
    "read_uestc_mat",
    "read_uestc_text",
    "read_utd_mat",
    "write_arrays_npz",
    "write_pyskl",
]
