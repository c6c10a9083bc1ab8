"""Random bytes as `labels.csv` beside own arrays, as `gesta prepare arrays` reads it."""

import io
import tempfile
import zipfile
from pathlib import Path

from harness import fuzz

from gesta.datasets import Source, get_dataset

SEEDS = [b"file,label\na.npz,walk\n", b"file,label,subject,split\r\na.csv,run,1,test\r\n"]


def parse(data: bytes) -> object:
    """Read as the labels of a zip of files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("labels.csv", data)
        archive.writestr("a.npz", b"")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(file.getvalue())
        return get_dataset("arrays").side(Source(path))


if __name__ == "__main__":
    fuzz(parse, SEEDS)
