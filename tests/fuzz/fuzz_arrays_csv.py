"""Random bytes as CSV files of own joints, long and wide."""

from harness import fuzz

from gesta.formats import parse_arrays_csv
from gesta.skeleton import get_layout

NAMES = get_layout("sbu_15").joints
LONG = ["frame,joint,x,y", *[f"0,{name},0.5,0.25" for name in NAMES]]
WIDE = [
    ",".join(["frame", *[f"{name}_{axis}" for name in NAMES for axis in "xy"]]),
    ",".join(["0", *["0.5"] * 30]),
]
SEEDS = ["\r\n".join(LONG).encode("utf-8-sig"), "\n".join(WIDE).encode()]


def parse(data: bytes) -> object:
    """Read as one file."""
    return parse_arrays_csv(data, "x.csv", "sbu_15")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
