"""Random bytes as video files of several containers, read in order and at any place."""

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from harness import fuzz

from gesta.media import open_video

CONTAINERS = {"mp4": "mpeg4", "avi": "mjpeg", "matroska": "ffv1", "mpegts": "mpeg2video"}
PIXELS = {"mjpeg": "yuvj420p", "ffv1": "yuv420p"}


def _video(container: str, codec: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        with av.open(str(path), "w", format=container) as file:
            stream = file.add_stream(codec, rate=Fraction(25))
            stream.width, stream.height = 32, 16
            stream.pix_fmt = PIXELS.get(codec, "yuv420p")
            for number in range(3):
                image = np.full((16, 32, 3), 80 * number, np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
            file.mux(stream.encode(None))
        return path.read_bytes()


SEEDS = [_video(container, codec) for container, codec in CONTAINERS.items()]


def parse(data: bytes) -> object:
    """Decode all frames, and the last and first once more."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        with open_video(path, threads=1) as video:
            frames = sum(1 for _ in video.frames(size=(8, 8)))
            video.read([len(video.times) - 1, 0], size=(8, 8))
            return frames


if __name__ == "__main__":
    fuzz(parse, SEEDS)
