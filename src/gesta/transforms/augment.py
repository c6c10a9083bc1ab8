"""Random changes in training: what is drawn from a generator, apart from applying it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gesta.transforms.options import AugmentOptions
from gesta.transforms.spatial import rotation_matrix
from gesta.transforms.temporal import draw


@dataclass(frozen=True)
class Deformation:
    """How each clip is changed in space: ``matrix (x - pivot) + pivot + shift``.

    Args:
        matrix: (N, C, C), rotation, shear, scale and mirror in one.
        shift: (N, C) in body sizes.
        mirrored: (N,) bool, where left and right joints change places as well.
    """

    matrix: Tensor
    shift: Tensor
    mirrored: Tensor


def draw_deformation(
    count: int,
    channels: int,
    options: AugmentOptions,
    generator: torch.Generator,
    device: torch.device,
) -> Deformation:
    """Draw one deformation a clip; what options leave at 0 draws nothing.

    Convention: a point is mirrored (x to -x), scaled along each axis, sheared (each axis gets a
    share of each other one), then rotated as `rotation_matrix` says: in 3D by an angle about each
    axis, in 2D by one in the plane. All are uniform around no change, from minus to plus the
    largest value. Last come `turn` and `stretch`, uniform between their two values.

    Args:
        count: N.
        channels: C, 2 or 3.
        options: the largest values.
        generator: what randomness comes from.
        device: where the result is wanted.
    """

    def around_zero(largest: float, *shape: int) -> Tensor:
        return (2 * draw((count, *shape), generator, device) - 1) * largest

    identity = torch.eye(channels, device=device)
    matrix = identity.repeat(count, 1, 1)
    mirrored = torch.zeros(count, dtype=torch.bool, device=device)
    shift = torch.zeros((count, channels), device=device)
    if options.mirror:
        mirrored = draw((count,), generator, device) < options.mirror
        matrix[:, 0, 0] = torch.where(mirrored, -1.0, 1.0)
    if options.scale:
        matrix = matrix * (1 + around_zero(options.scale, channels))[:, :, None]
    if options.shear:
        shares = around_zero(options.shear, channels, channels)
        matrix = (identity + shares * (1 - identity)) @ matrix
    if options.rotation:
        largest = torch.pi * options.rotation / 180
        matrix = rotation_matrix(around_zero(largest, 3 if channels == 3 else 1)) @ matrix
    if options.turn != (0.0, 0.0):
        angles = _between(options.turn, draw((count, 2), generator, device)) * torch.pi / 180
        turned = rotation_matrix(torch.cat([angles, torch.zeros_like(angles[:, :1])], 1))
        matrix = turned[:, :channels, :channels] @ matrix
    if options.stretch != (1.0, 1.0):
        factors = torch.ones((count, channels), device=device)
        factors[:, :2] = _between(options.stretch, draw((count, 2), generator, device))
        matrix = factors[:, :, None] * matrix
    if options.translate:
        shift = around_zero(options.translate, channels)
    return Deformation(matrix, shift, mirrored)


def _between(limits: tuple[float, float], uniform: Tensor) -> Tensor:
    return limits[0] + (limits[1] - limits[0]) * uniform


def draw_noise(like: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise of the shape of ``like`` with a standard deviation, on its device."""
    noise = torch.randn(like.shape, generator=generator, device=generator.device)
    return noise.to(like.device).mul_(deviation)


def draw_frames(mask: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """The frames that are left when each is dropped with a probability.

    Args:
        mask: (N, M, T) bool, where somebody is.
        probability: of each frame to be dropped, for all persons at once.
        generator: what randomness comes from.

    Returns:
        (N, M, T) bool, the mask that is left; a row that would lose everybody keeps its own.
    """
    count, _, length = mask.shape
    left = mask & (draw((count, 1, length), generator, mask.device) >= probability)
    return torch.where(left.any(dim=(1, 2), keepdim=True), left, mask)


def draw_order(
    count: int, people: int, probability: float, generator: torch.Generator, device: torch.device
) -> Tensor:
    """(N, M) int64, the order in which persons are taken: random with a probability, else kept."""
    shuffled = draw((count, people), generator, device).argsort(dim=1)
    chosen = draw((count, 1), generator, device) < probability
    return torch.where(chosen, shuffled, torch.arange(people, device=device))


def draw_joints(
    count: int,
    people: int,
    joints: int,
    probability: float,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """(N, M, 1, V) bool, the joints that are left when each is dropped with a probability."""
    return draw((count, people, 1, joints), generator, device) >= probability
