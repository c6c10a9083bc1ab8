"""Batches on a device and what happens to them on the way into a model."""

from gesta.transforms.batch import Batch, collate
from gesta.transforms.options import STREAMS, AugmentOptions, InputOptions, Stream

__all__ = [
    "STREAMS",
    "AugmentOptions",
    "Batch",
    "InputOptions",
    "Stream",
    "collate",
]
