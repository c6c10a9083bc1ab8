"""Any known file, told apart by what is in it and not by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gesta.clip import Clip, without_nobody
from gesta.errors import FormatError
from gesta.formats.arrays_csv import is_arrays_csv, parse_arrays_csv
from gesta.formats.arrays_npz import is_arrays_npz, parse_arrays_npz
from gesta.formats.checks import file_bytes
from gesta.formats.jhmdb import MAT_KEY, is_jhmdb_npz, parse_jhmdb_mat, parse_jhmdb_npz
from gesta.formats.kinetics_json import parse_kinetics_json
from gesta.formats.matlab import is_matlab, matlab_names
from gesta.formats.npz import npz_keys
from gesta.formats.ntu_skeleton import parse_ntu_skeleton
from gesta.formats.pyskl_pickle import parse_pyskl
from gesta.formats.safe_pickle import is_pickle
from gesta.formats.sbu_txt import parse_sbu_txt
from gesta.formats.sysu_mat import KEY as SYSU_KEY
from gesta.formats.sysu_mat import parse_sysu_mat
from gesta.formats.ucla_json import parse_ucla_json
from gesta.formats.uestc import KEY as UESTC_KEY
from gesta.formats.uestc import parse_uestc_mat, parse_uestc_text
from gesta.formats.utd_mat import KEY as UTD_KEY
from gesta.formats.utd_mat import parse_utd_mat
from gesta.skeleton import Layout


@dataclass(frozen=True)
class Content:
    """The bytes of a file, and what can be seen of them without reading all."""

    data: bytes

    @cached_property
    def variables(self) -> list[str]:
        """Names of MATLAB variables; none for other files."""
        return matlab_names(self.data) if is_matlab(self.data) else []

    @cached_property
    def arrays(self) -> list[str]:
        """Names of the arrays in an npz; none for other files."""
        return npz_keys(self.data)

    @cached_property
    def head(self) -> str:
        """The beginning as text without leading blanks; empty for binary files."""
        start = self.data[:4096]
        if b"\0" in start:
            return ""
        return start.decode("utf-8-sig", errors="ignore").lstrip()

    def json_has(self, *keys: str) -> bool:
        """Whether this is JSON that has the keys, as far as its text shows."""
        text = self.data.decode("utf-8", errors="ignore") if self.head.startswith("{") else ""
        return bool(text) and all(f'"{key}"' in text for key in keys)


@dataclass(frozen=True)
class Format:
    """A kind of file: how it is told from others and how it is read."""

    name: str
    fits: Callable[[Content], bool]
    parse: Callable[[bytes, str, Layout | str | None], list[Clip]]


def _is_sbu(content: Content) -> bool:
    line = content.head.partition("\n")[0].strip().strip(",")
    cells = line.split(",")
    return len(cells) == 91 and cells[0].isdigit()


def _is_ntu(content: Content) -> bool:
    lines = [line.strip() for line in content.head.splitlines()[:2]]
    return bool(lines) and all(line.isascii() and line.isdigit() for line in lines)


FORMATS: tuple[Format, ...] = (
    Format(
        "NTU RGB+D .skeleton",
        _is_ntu,
        lambda data, name, _: [parse_ntu_skeleton(data, name)],
    ),
    Format(
        "Kinetics-Skeleton .json (data)",
        lambda content: content.json_has("data") and not content.json_has("skeletons"),
        lambda data, name, _: [parse_kinetics_json(data, name)],
    ),
    Format(
        "SYSU sklWorld.mat (SW)",
        lambda content: SYSU_KEY in content.variables,
        lambda data, name, _: [parse_sysu_mat(data, name)],
    ),
    Format(
        "UESTC .txt",
        lambda content: content.head.startswith("#"),
        lambda data, name, _: [parse_uestc_text(data, name)],
    ),
    Format(
        "UESTC .mat (skel)",
        lambda content: UESTC_KEY in content.variables,
        lambda data, name, _: [parse_uestc_mat(data, name)],
    ),
    Format(
        "UTD-MHAD .mat (d_skel)",
        lambda content: UTD_KEY in content.variables,
        lambda data, name, _: [parse_utd_mat(data, name)],
    ),
    Format(
        "J-HMDB joint_positions.mat (pos_img)",
        lambda content: MAT_KEY in content.variables,
        lambda data, name, _: [parse_jhmdb_mat(data, name)],
    ),
    Format(
        "J-HMDB .npz (blaze_img)",
        lambda content: is_jhmdb_npz(content.arrays),
        lambda data, name, _: parse_jhmdb_npz(data, name),
    ),
    Format(
        "arrays .npz (coords)",
        lambda content: is_arrays_npz(content.arrays),
        lambda data, name, layout: [parse_arrays_npz(data, name, layout)],
    ),
    Format(
        "PYSKL / MMAction2 pickle",
        lambda content: is_pickle(content.data),
        parse_pyskl,
    ),
    Format(
        "NW-UCLA .json (file_name, skeletons)",
        lambda content: content.json_has("file_name", "skeletons"),
        lambda data, name, _: [parse_ucla_json(data, name)],
    ),
    Format(
        "SBU skeleton_pos.txt",
        _is_sbu,
        lambda data, name, _: [parse_sbu_txt(data, name)],
    ),
    Format(
        "arrays .csv (frame, joint, x, y or frame, <joint>_x, ...)",
        lambda content: is_arrays_csv(content.data),
        lambda data, name, layout: [parse_arrays_csv(data, name, layout)],
    ),
)


def format_of(data: bytes, name: str) -> Format:
    """The format of a file, by its content.

    Raises:
        FormatError: no known format fits; lists those that are known.
    """
    content = Content(data)
    for known in FORMATS:
        if known.fits(content):
            return known
    names = "; ".join(known.name for known in FORMATS)
    found = f"{bytes(data[:16])!r} ({len(data)} bytes)" if data else "nothing (0 bytes)"
    raise FormatError(name, "file", f"one of the known formats ({names})", found)


def read_clips(path: str | Path, layout: Layout | str | None = None) -> list[Clip]:
    """All clips of a file of any known format; one that shows nobody has M = 0.

    Args:
        path: the file; its name and folders say label and subject where the format does so.
        layout: which joints there are, for formats that do not say it (npz, CSV, pickles).

    Raises:
        FormatError: no known format, or what that format's reader finds wrong.
    """
    data = file_bytes(path)
    clips = format_of(data, str(path)).parse(data, str(path), layout)
    return [without_nobody(clip) for clip in clips]


def read_clip(path: str | Path, layout: Layout | str | None = None) -> Clip:
    """The clip in a file that holds one; see `read_clips`.

    Raises:
        FormatError: also where the file holds several clips, or none.
    """
    clips = read_clips(path, layout)
    if len(clips) != 1:
        raise FormatError(path, "file", "one clip", f"{len(clips)}", "use read_clips")
    return clips[0]
