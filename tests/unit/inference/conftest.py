"""A narrow model for poses in pixels, and people who are drawn instead of filmed."""

import numpy as np
import pytest
import torch

from gesta.inference import Recognizer
from gesta.media import VideoWriter
from gesta.pose import Detections, Sighting
from gesta.skeleton import get_layout
from gesta.training import Card
from gesta.transforms import InputOptions

COCO = get_layout("coco_17")
CLASSES = tuple(f"class {i}" for i in range(7))


def drawn(*places, height=60.0):
    """Detections of bodies that stand at these places."""
    body = np.random.default_rng(3).uniform(0, 1, (len(COCO), 2)) * [height / 2, height]
    joints = np.array([body + place for place in places], np.float32).reshape(-1, len(COCO), 2)
    corners = [joints.min(axis=1), joints.max(axis=1)]
    boxes = np.concatenate(corners, axis=1) if len(joints) else np.zeros((0, 4), np.float32)
    certain = np.full(joints.shape[:2], 0.9, np.float32)
    return Detections(joints, certain, boxes, np.full(len(joints), 0.9, np.float32))


class Eyes:
    """A pose estimator that sees a body left of the middle of every picture that is not black."""

    name, layout = "eyes", COCO

    def input_size(self, frame_size):
        return None

    def __call__(self, image):
        return drawn((10, 10)) if image.any() else drawn()


@pytest.fixture
def eyes():
    return Eyes()


@pytest.fixture
def make_sightings():
    """A function that makes sightings of people by track: (first, after) frame of each."""

    def make(spans, frames, rate=10.0):
        sightings = []
        for frame in range(frames):
            there = [t for t, (first, after) in spans.items() if first <= frame < after]
            found = drawn(*((70 * track, 10 + frame % 7) for track in there))
            sightings.append(Sighting(frame / rate, found, np.array(there, np.int64)))
        return sightings

    return make


@pytest.fixture
def flat_card():
    """A function that makes the card of a model of 2D poses in pixels."""

    def make(**changes):
        table = {
            "model": "st_gcn", "options": {"width": 4, "blocks": 9, "temporal_kernel": 3},
            "layout": COCO, "classes": CLASSES, "channels": ("x", "y"), "space": "pixels",
            "stream": "joint", "input": InputOptions(frames=8, persons=1, size="body"),
            "frames": 8, "persons": 1, "scene": False, "dataset": "d", "protocol": "p",
            "final": False, "seed": 0, "clip_frames": (8.0, 10.0, 20.0),
            "clip_seconds": (0.8, 1.0, 2.0), "frame_rate": 10.0,
        }  # fmt: skip
        return Card(**table | changes)

    return make


@pytest.fixture
def make_watcher(flat_card):
    """A function that makes a recogniser of 2D poses."""

    def make(**changes):
        card = flat_card(**changes)
        return Recognizer(card.make_model(torch.Generator().manual_seed(0)), card)

    return make


@pytest.fixture
def make_video(tmp_path):
    """A function that writes a video of pictures that are grey (True) or black (False)."""

    def make(seen, name="film.mp4", size=(160, 120), rate=10.0):
        with VideoWriter(tmp_path / name, size, rate) as writer:
            for grey in seen:
                writer.write(np.full((size[1], size[0], 3), 120 if grey else 0, np.uint8))
        return tmp_path / name

    return make
