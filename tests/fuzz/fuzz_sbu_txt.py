"""Random bytes as SBU `skeleton_pos.txt` files."""

from harness import fuzz

from gesta.formats import parse_sbu_txt

ROW = ",".join(["0.4"] * 90)
SEEDS = [f"1,{ROW}\n2,{ROW}\n".encode()]


def parse(data: bytes) -> object:
    """Read as one file."""
    return parse_sbu_txt(data, "s01s02/01/001/skeleton_pos.txt")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
