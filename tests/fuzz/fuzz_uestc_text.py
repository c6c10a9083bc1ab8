"""Random bytes as UESTC text files."""

from harness import fuzz

from gesta.formats import parse_uestc_text

FRAME = "\n".join(["#", *["0.1 0.2 3.0 0", "900.5 400.5 1", "100.5 99.5 2"] * 25])
SEEDS = [f"{FRAME}\n{FRAME}\n".encode(), b"#\r\n"]


def parse(data: bytes) -> object:
    """Read as one file."""
    return parse_uestc_text(data, "a0_d1_p001_c1_skeleton.txt")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
