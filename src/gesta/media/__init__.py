"""Video in and out: decoding at any place, writing, and joints in the picture."""

from gesta.media.cache import FrameCache
from gesta.media.crop import Growth, carry_joints, joints_box, projection_crop, square_crop
from gesta.media.file import VideoFile
from gesta.media.images import ImageFolder
from gesta.media.live import LiveVideo
from gesta.media.projection import KINECT_V2, Camera, fit_camera, joint_pixels, project
from gesta.media.sources import open_video
from gesta.media.video import Box, Frame, Image, Size, Video
from gesta.media.writer import VideoWriter

__all__ = [
    "KINECT_V2",
    "Box",
    "Camera",
    "Frame",
    "FrameCache",
    "Growth",
    "Image",
    "ImageFolder",
    "LiveVideo",
    "Size",
    "Video",
    "VideoFile",
    "VideoWriter",
    "carry_joints",
    "fit_camera",
    "joint_pixels",
    "joints_box",
    "open_video",
    "project",
    "projection_crop",
    "square_crop",
]
