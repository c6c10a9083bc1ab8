"""Random bytes as Files of any format, told apart by content."""

from harness import fuzz

from gesta.formats import format_of

SEEDS = [b"2\n1\n", b'{"data": []}', b"#\n", b"frame,joint,x,y\n", b"PK\x03\x04", b"MATLAB 5.0"]


def parse(data: bytes) -> object:
    """Find the format, and read."""
    return format_of(data, "x").parse(data, "x", "coco_17")


if __name__ == "__main__":
    fuzz(parse, SEEDS)
