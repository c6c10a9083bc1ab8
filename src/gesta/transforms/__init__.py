"""Batches on a device and what happens to them on the way into a model."""

from gesta.transforms.ahead import ahead
from gesta.transforms.batch import NOWHERE, Batch, collate
from gesta.transforms.footage import (
    ContextRows,
    DecodedFrames,
    Footage,
    FrameSource,
    Reel,
    StoredFrames,
)
from gesta.transforms.options import (
    STREAMS,
    AugmentOptions,
    InputOptions,
    Stream,
    VideoOptions,
)
from gesta.transforms.pipeline import InputPipeline
from gesta.transforms.reels import footage_of, takes_footage
from gesta.transforms.resident import ResidentClips

__all__ = [
    "NOWHERE",
    "STREAMS",
    "AugmentOptions",
    "Batch",
    "ContextRows",
    "DecodedFrames",
    "Footage",
    "FrameSource",
    "InputOptions",
    "InputPipeline",
    "Reel",
    "ResidentClips",
    "StoredFrames",
    "Stream",
    "VideoOptions",
    "ahead",
    "collate",
    "footage_of",
    "takes_footage",
]
