"""Random bytes as NTU RGB+D `.skeleton` files."""

from harness import fuzz

from gesta.formats import parse_ntu_skeleton

JOINT = "0.1 0.2 3.0 277.4 191.8 900.5 400.5 -0.2 0.05 0.9 -0.1 2"
BODY = ["7 0 1 1 1 1 0 0.02 0.05 2", "25", *[JOINT] * 25]
SEEDS = [
    "\n".join(["2", "1", *BODY, "2", *BODY, *BODY, ""]).encode(),
    b"1\r\n0\r\n",
]


def parse(data: bytes) -> object:
    """Read as one file."""
    return parse_ntu_skeleton(data, "S001C001P001R001A001.skeleton")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
