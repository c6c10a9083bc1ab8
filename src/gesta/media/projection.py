"""Where the joints of a clip lie in the frames of its video.

Convention: camera space is the Kinect's, in metres: the camera is the origin, x grows to the right
of the picture, y up, z away from the camera. The Kinect's pictures are mirror images: the left hand
of somebody who faces it is on the left of the picture, and an estimator that takes the picture for
the world calls it the right one. Pixels are continuous with y down: (0, 0) is the upper left corner
of the frame and (width, height) the lower right one, so that pixel i covers i to i + 1, a mirrored
frame has x' = width - x, and a scaled one x' = x * width' / width.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from gesta.axes import check_shape
from gesta.clip import Clip
from gesta.errors import GestaError, ShapeError
from gesta.media.video import Size

Pixels = NDArray[np.float32]

# Fewer joints, or joints on one line through the camera, fit any camera.
_FEWEST = 4


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: u = cx + fx x / z, v = cy - fy y / z.

    Args:
        fx, fy: focal lengths in pixels.
        cx, cy: the pixel that the camera looks at.
        frame_size: (width, height) of the frames that these four hold for; None where they are
            those of the clip at hand.

    Raises:
        ShapeError: a focal length is not positive, or a number is not finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    frame_size: Size | None = None

    def __post_init__(self) -> None:
        """Check that this is a camera."""
        finite = all(map(isfinite, (self.fx, self.fy, self.cx, self.cy)))
        if not (finite and self.fx > 0 and self.fy > 0):
            raise ShapeError(
                "camera: expected positive focal lengths and a finite centre in pixels, found "
                f"fx {self.fx}, fy {self.fy}, cx {self.cx}, cy {self.cy}"
            )


# The mean of what `fit_camera` finds in four NTU RGB+D files of three setups. Each device has its
# own: on a file that is left out of the mean the joints are 15 to 24 pixels off (rms), by a
# constant shift, while a camera fitted to a device's own joints is 0.8 to 1.7 pixels off. Good
# enough to cut a person out by, not to say which joint is at a pixel.
KINECT_V2 = Camera(1056.8, 1059.2, 976.3, 553.2, (1920, 1080))


def project(coords: NDArray[np.floating], camera: Camera) -> Pixels:
    """Points in front of a camera, as pixels of its frame.

    Args:
        coords: (..., 3) metres in camera space; NaN where missing.
        camera: what looks at them.

    Returns:
        (..., 2); NaN where a point is missing or not in front of the camera.

    Raises:
        ShapeError: the last axis is not x, y, z.
    """
    if coords.shape[-1:] != (3,):
        raise ShapeError(f"points to project: expected shape (..., 3), found {coords.shape}")
    points = np.asarray(coords, np.float64)
    depth = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    across = camera.cx + camera.fx * points[..., 0] / depth
    down = camera.cy - camera.fy * points[..., 1] / depth
    return np.stack([across, down], axis=-1).astype(np.float32)


def joint_pixels(clip: Clip, camera: Camera | None = None, *, size: Size | None = None) -> Pixels:
    """The joints of a clip in the frames of its video.

    Taken from the clip's ``pixels`` where it has them (NTU RGB+D, UESTC, own videos), from its
    coordinates where they are pixels or shares of the frame, and through a camera model else.

    Args:
        clip: any.
        camera: what saw it; only used, and needed, for coordinates in metres without ``pixels``.
        size: (width, height) of the frames that the joints are wanted in, say of a video that was
            made smaller; None for those that the clip speaks of.

    Returns:
        (M, T, V, 2) float32, NaN where a joint is missing; may lie outside of the frame.

    Raises:
        GestaError: the clip is in metres, and no camera is given.
        ShapeError: the size of the clip's own frames is needed and not known.
    """
    own = clip.frame_size
    if clip.pixels is not None:
        pixels = clip.pixels
    elif clip.space == "pixels":
        pixels = clip.coords[..., :2]
    elif clip.space == "unit_frame":
        own = size or _known(clip, own)
        pixels = clip.coords[..., :2] * np.array(own, np.float32)
    else:
        pixels, own = _seen_by(clip, camera)
    if size is None or size == own:
        return np.array(pixels, np.float32)
    return scale_pixels(pixels, _known(clip, own), size)


def scale_pixels(pixels: Pixels, old: Size, new: Size) -> Pixels:
    """Pixels (..., 2) of frames of one (width, height) in the same frames scaled to another."""
    return np.asarray(pixels * (np.array(new) / np.array(old)), np.float32)


def fit_camera(
    coords: NDArray[np.floating], pixels: NDArray[np.floating], frame_size: Size | None = None
) -> tuple[Camera, float]:
    """The pinhole camera that best sends joints to the pixels they were seen at.

    Least squares in pixels; joints that are missing on either side, or not in front of the camera,
    take no part.

    Args:
        coords: (..., 3) metres in camera space.
        pixels: (..., 2) of the same joints.
        frame_size: (width, height) of the frames, noted in the camera.

    Returns:
        The camera, and the root of the mean squared distance that it leaves, in pixels.

    Raises:
        ShapeError: the shapes do not fit, or there are too few joints to tell a camera by.
    """
    points = np.asarray(coords, np.float64).reshape(-1, coords.shape[-1])
    seen = np.asarray(pixels, np.float64).reshape(-1, pixels.shape[-1])
    check_shape("joints to fit a camera to", points, "N C", C=3)
    check_shape("pixels to fit a camera to", seen, "N C", N=len(points), C=2)
    usable = np.isfinite(points).all(axis=1) & np.isfinite(seen).all(axis=1) & (points[:, 2] > 0)
    points, seen = points[usable], seen[usable]
    rays = points[:, :2] / points[:, 2:]
    if len(rays) < _FEWEST or (np.ptp(rays, axis=0) < 1e-3).any():
        raise ShapeError(
            f"a camera is fitted to {_FEWEST} joints or more, apart from each other in width and "
            f"height; found {len(rays)} that are in front of it and have pixels"
        )
    (fx, cx), (fy, cy) = (
        np.polynomial.polynomial.polyfit(rays[:, axis], seen[:, axis], 1)[::-1] for axis in (0, 1)
    )
    camera = Camera(float(fx), float(-fy), float(cx), float(cy), frame_size)
    off = project(points, camera) - seen
    return camera, float(np.sqrt((off**2).sum(axis=1).mean()))


def _seen_by(clip: Clip, camera: Camera | None) -> tuple[Pixels, Size | None]:
    if camera is None:
        raise GestaError(
            f"clip {clip.id!r}: its joints are in metres and it has no pixels of them; give the "
            "camera that saw it, Camera(fx, fy, cx, cy) with focal lengths and centre in pixels "
            "(fit_camera finds one from joints with known pixels; KINECT_V2 is a rough one)"
        )
    if camera.frame_size is None:
        return project(clip.coords, camera), clip.frame_size
    own = clip.frame_size or camera.frame_size
    return scale_pixels(project(clip.coords, camera), camera.frame_size, own), own


def _known(clip: Clip, size: Size | None) -> Size:
    if size is None:
        raise ShapeError(
            f"clip {clip.id!r}: the size of its frames is not known, so its joints cannot be "
            "scaled to others; set its frame_size=(width, height), or that of the camera"
        )
    return size
