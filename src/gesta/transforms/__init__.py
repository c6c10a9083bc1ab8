"""Batches on a device and what happens to them on the way into a model."""

from gesta.transforms.batch import Batch, collate
from gesta.transforms.options import STREAMS, AugmentOptions, InputOptions, Stream
from gesta.transforms.pipeline import InputPipeline
from gesta.transforms.resident import ResidentClips

__all__ = [
    "STREAMS",
    "AugmentOptions",
    "Batch",
    "InputOptions",
    "InputPipeline",
    "ResidentClips",
    "Stream",
    "collate",
]
