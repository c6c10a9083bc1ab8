"""What a recipe can choose about a model's input; plain values, so that a run can store them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gesta.errors import RecipeError

Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]
Sampling = Literal[
    "resize", "uniform", "window", "loop", "zero_pad", "all", "random", "random_or_crop"
]
Centre = Literal["none", "first_frame", "every_frame", "scene"]
View = Literal["none", "normalised", "va_pre"]
Size = Literal["none", "body", "frame"]
Crop = Literal["corners", "centre", "random", "projection"]
STREAMS: tuple[str, ...] = get_args(Stream)


@dataclass(frozen=True)
class InputOptions:
    """How clips become a model's input, in training and in test alike.

    Raises:
        RecipeError: a value is unknown, out of range, or does not go with another.
    """

    frames: int | None = 64
    """Frames a row has after sampling; none with sampling "all"."""
    sampling: Sampling = "resize"
    """How they are got: "resize" (linear interpolation), "uniform" (one of each of equal parts:
    a random one in training, the centre in test), "window" (frames in a row; all windows, side by
    side, in test), "loop" and "zero_pad" (the clip repeated or padded; a window of a longer one),
    "all" (as they are, padded to the longest clip of the batch), "random" (in training frames drawn
    from all, in order, several times where there are fewer; in test as "uniform"),
    "random_or_crop" (in training half of the rows as "random" from the whole clip, the others the
    centres of equal parts of what `augment.crop` cuts; in test as "uniform")."""
    persons: int | None = 2
    """Persons a clip is cut or padded to; none: as many as the batch has."""
    centre: Centre = "first_frame"
    """Whether the body's origin is moved to 0: that of the first frame somebody is seen in, or
    that of every frame (the first person's; the others keep their place beside them); "scene": the
    middle of all who are seen in the first frame, so that who comes first makes no difference."""
    view: View = "none"
    """"normalised": the first person's spine is turned to z and shoulders to x; "va_pre": the
    origin is moved to the body's centre in the first frame."""
    size: Size = "none"
    """Divide by the median body size of the clip ("body"), or by that of each frame ("frame")."""
    crop: float = 1.0
    """Share of a clip's frames used in test, cut from the centre."""
    views: int = 1
    """Views of a clip in test; their scores are averaged."""
    confidence: bool = False
    """Append the joints' confidence as the last channel."""
    segments: int = 1
    """Equal parts that a clip is split into, each sampled to `frames` frames."""

    def __post_init__(self) -> None:
        """Check each value and those that depend on each other."""
        _check_choice("sampling", self.sampling, Sampling)
        _check_choice("centre", self.centre, Centre)
        _check_choice("view", self.view, View)
        _check_choice("size", self.size, Size)
        for name in ("frames", "persons", "views", "segments"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RecipeError(f"input.{name}: expected at least 1, found {value}")
        if not 0 < self.crop <= 1:
            raise RecipeError(f"input.crop: expected a share in (0, 1], found {self.crop}")
        if self.size == "frame" and self.centre == "none" and self.view != "va_pre":
            raise RecipeError(
                'input.size "frame" would move a body that is not centred to and fro; choose '
                'input.centre, or input.size "body"'
            )
        self._check_sampling()

    def _check_sampling(self) -> None:
        if (self.frames is None) != (self.sampling == "all"):
            raise RecipeError(
                f'input.sampling "all" goes with no input.frames, the others need a number; found '
                f'"{self.sampling}" with {self.frames}'
            )
        if self.sampling == "window" and (self.views > 1 or self.segments > 1):
            raise RecipeError(
                'input.sampling "window" gives all windows of a clip in test; leave input.views '
                f"and input.segments at 1, found {self.views} and {self.segments}"
            )
        if self.views > 1 and self.crop == 1 and self.sampling in ("resize", "all"):
            raise RecipeError(
                f"input.views {self.views} would all be alike: give input.crop a share below 1, or "
                'use input.sampling "uniform"'
            )


@dataclass(frozen=True)
class AugmentOptions:
    """Random changes in training, the same for all persons of a clip; by default there are none.

    Raises:
        RecipeError: a value is out of range.
    """

    crop: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest share of a clip's frames that are used, cut at a random place."""
    rotation: float = 0.0
    """Largest angle in degrees, about each axis in 3D and in the plane in 2D."""
    scale: float = 0.0
    """Largest share by which each axis is stretched or shrunk."""
    turn: tuple[float, float] = (0.0, 0.0)
    """Smallest and largest angle in degrees about x and, drawn apart, about y: other views of the
    scene (MMFF, equations 4-7, with gamma 0); in 2D what such a turn of a flat body looks like."""
    stretch: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest factor of x and, drawn apart, of y (MMFF, equation 8)."""
    shear: float = 0.0
    """Largest share of each axis that is added to each other one."""
    translate: float = 0.0
    """Largest way along each axis, in body sizes."""
    jitter: float = 0.0
    """Standard deviation of the noise on every coordinate, in body sizes."""
    mirror: float = 0.0
    """Probability that left and right change places."""
    shuffle_persons: float = 0.0
    """Probability that the persons of a clip change places: who comes first says nothing where two
    act together."""
    joint_dropout: float = 0.0
    """Probability that a joint of a person is missing (zero) throughout."""
    frame_dropout: float = 0.0
    """Probability that a frame is masked."""

    def __post_init__(self) -> None:
        """Check each value."""
        low, high = self.crop
        if not 0 < low <= high <= 1:
            raise RecipeError(f"augment.crop: expected 0 < low <= high <= 1, found {self.crop}")
        for name in ("rotation", "shear", "translate", "jitter"):
            value = getattr(self, name)
            if not value >= 0:
                raise RecipeError(f"augment.{name}: expected at least 0, found {value}")
        if not -180 <= self.turn[0] <= self.turn[1] <= 180:
            raise RecipeError(f"augment.turn: expected two rising angles, found {self.turn}")
        if not 0 < self.stretch[0] <= self.stretch[1]:
            raise RecipeError(f"augment.stretch: expected 0 < low <= high, found {self.stretch}")
        if not 0 <= self.scale < 1:
            raise RecipeError(f"augment.scale: expected a share in [0, 1), found {self.scale}")
        for name in ("mirror", "shuffle_persons", "joint_dropout", "frame_dropout"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise RecipeError(f"augment.{name}: expected a probability, found {value}")

    @property
    def deforms(self) -> bool:
        """Whether bodies are moved, turned, stretched or mirrored."""
        values = (self.rotation, self.scale, self.shear, self.translate, self.mirror)
        return any(values) or self.turn != (0.0, 0.0) or self.stretch != (1.0, 1.0)


@dataclass(frozen=True)
class VideoOptions:
    """How the RGB of clips becomes a model's `video` or `frames`; skeleton models take none.

    Raises:
        RecipeError: a value is unknown or out of range.
    """

    size: int = 112
    """Height and width in pixels of what the model sees."""
    crop: Crop = "corners"
    """What is cut from a frame: a square at one of its corners or its centre ("corners"), at a
    random place ("random") or always its centre ("centre"), which all give the centre in test; or
    the box around the joints, grown by a random amount and moved ("projection")."""
    scales: tuple[float, ...] = (1.0,)
    """Sides of the squares in training, as shares of the frame's shorter side; each time one is
    drawn. In test the side is the whole one."""
    position: tuple[float, ...] = (0.5,)
    """Where in a clip the frames of an image model are taken, as shares of its length: one frame
    each, (0.5,) is the middle one."""
    cache: int = 0
    """Keep every frame, decoded once, at this shorter side in pixels, in a file beside the
    archive; 0: decode what a step needs each time."""
    workers: int = 2
    """Processes that decode while the model learns; 0: it waits. A cache needs none."""
    missing: Literal["error", "skeleton"] = "error"
    """What becomes of clips without usable RGB: an error that lists them, or their pictures are
    black, and a model that asks for `rgb_mask` is told to judge the skeleton alone."""

    def __post_init__(self) -> None:
        """Check each value."""
        _check_choice("crop", self.crop, Crop, section="video.")
        if self.missing not in ("error", "skeleton"):
            raise RecipeError(f"video.missing: expected error, skeleton; found {self.missing!r}")
        for name, lowest in (("size", 1), ("cache", 0), ("workers", 0)):
            value = getattr(self, name)
            if value < lowest:
                raise RecipeError(f"video.{name}: expected at least {lowest}, found {value}")
        if not self.scales or not all(0 < scale <= 1 for scale in self.scales):
            raise RecipeError(f"video.scales: expected shares in (0, 1], found {self.scales}")
        if not self.position or not all(0 <= place <= 1 for place in self.position):
            raise RecipeError(f"video.position: expected shares in [0, 1], found {self.position}")


def check_stream(stream: str) -> None:
    """Raise a RecipeError unless a stream is known."""
    _check_choice("stream", stream, Stream, section="")


def _check_choice(name: str, value: str, literal: object, section: str = "input.") -> None:
    choices = get_args(literal)
    if value not in choices:
        raise RecipeError(f"{section}{name}: expected {', '.join(choices)}; found {value!r}")
