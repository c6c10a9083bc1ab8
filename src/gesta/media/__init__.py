"""Video in and out: decoding at any place, writing, and joints in the picture."""

from gesta.media.sources import open_video
from gesta.media.video import Box, Frame, Image, Size, Video
from gesta.media.writer import VideoWriter

__all__ = ["Box", "Frame", "Image", "Size", "Video", "VideoWriter", "open_video"]
