"""Where a body stands, how it is turned and how large it is; and moving whole clips in space.

Convention: points are columns, ``x' = R x``. In 3D all frames are right-handed; camera space has
y up, and after `view_rotation` the spine, and so the vertical of somebody upright, is z. In 2D a
positive angle turns x towards y, which is clockwise where y points down. Lengths are in the units
of the clip's space (metres, pixels, shares of the frame). All persons of a clip are moved alike,
so that they keep their places beside each other; what is measured once a clip is measured on its
first person: the first who is seen at all, in the first frame that shows them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gesta.errors import RecipeError
from gesta.skeleton import Layout, locate

# Shorter lengths are no lengths: a body of one point, or shoulders along the spine.
SMALLEST = 1e-6


def first_seen(mask: Tensor) -> tuple[Tensor, Tensor]:
    """The first person who is seen at all, and the first frame that shows them.

    Args:
        mask: (N, M, T) bool.

    Returns:
        (N,) person and (N,) frame, int64; both 0 where nobody is ever seen.
    """
    person = mask.any(dim=2).byte().argmax(dim=1)
    rows = torch.arange(len(mask), device=mask.device)
    return person, mask[rows, person].byte().argmax(dim=1)


def middle_of(poses: Tensor, joints: tuple[int, ...]) -> Tensor:
    """(..., C) the mean of some joints of (..., V, C) poses."""
    return poses.index_select(-2, torch.tensor(joints, device=poses.device)).mean(dim=-2)


def track_of(values: Tensor, person: Tensor) -> Tensor:
    """(N, T, ...) of one (N,) person each, from (N, M, T, ...)."""
    return values[torch.arange(len(values), device=values.device), person]


def mean_place(poses: Tensor, mask: Tensor) -> Tensor:
    """(N, C) the mean over all persons, frames and joints that are there; zero for nobody.

    Args:
        poses: (N, M, T, V, C).
        mask: (N, M, T) bool.
    """
    there = mask[..., None]
    return (poses.mean(dim=3) * there).sum(dim=(1, 2)) / there.sum(dim=(1, 2)).clamp(min=1)


def check_view(layout: Layout) -> None:
    """Raise a RecipeError where a layout has no spine or shoulders to turn a body by."""
    for joint in ("hip_centre", "shoulder_centre", "left_shoulder", "right_shoulder"):
        if not locate(layout, joint):
            raise RecipeError(
                f'input.view "normalised": expected a layout with a {joint}, found '
                f'{layout.name}; leave input.view at "none"'
            )


def view_rotation(body: Tensor, layout: Layout) -> Tensor:
    """The rotation that turns a body's spine to z and its shoulders to x.

    Convention: the way from the middle of the hips to that of the shoulders becomes +z; the way
    from the left shoulder to the right one, its part across the spine, becomes +x; y = z cross x
    makes the frame right-handed.

    Args:
        body: (N, V, 3) one frame of one person.
        layout: what the joints are.

    Returns:
        (N, 3, 3), the identity where the body has no spine or no shoulders across it.
    """
    spine = _between(body, layout, "hip_centre", "shoulder_centre")
    shoulders = _between(body, layout, "left_shoulder", "right_shoulder")
    height = spine.norm(dim=-1, keepdim=True)
    z = spine / height.clamp(min=SMALLEST)
    across = shoulders - (shoulders * z).sum(dim=-1, keepdim=True) * z
    breadth = across.norm(dim=-1, keepdim=True)
    x = across / breadth.clamp(min=SMALLEST)
    rotation = torch.stack([x, torch.linalg.cross(z, x), z], dim=-2)
    clear = (height > SMALLEST) & (breadth > SMALLEST)
    return torch.where(clear[..., None], rotation, torch.eye(3, device=body.device))


def _between(body: Tensor, layout: Layout, start: str, end: str) -> Tensor:
    return middle_of(body, locate(layout, end)) - middle_of(body, locate(layout, start))


def body_sizes(poses: Tensor, layout: Layout) -> Tensor:
    """(...) how large each body of (..., V, C) is: from the hips' middle to the shoulders'.

    Where a layout has none of these, the diagonal of the box around the joints.
    """
    if locate(layout, "hip_centre") and locate(layout, "shoulder_centre"):
        return _between(poses, layout, "hip_centre", "shoulder_centre").norm(dim=-1)
    return (poses.amax(dim=-2) - poses.amin(dim=-2)).norm(dim=-1)


def median_size(sizes: Tensor, mask: Tensor) -> Tensor:
    """(N,) the median of the sizes (N, M, T) of those who are there; 1 for nobody or no size.

    Of an even number the lower of the middle two, so that it is a size that was measured.
    """
    ordered = torch.where(mask, sizes, torch.inf).flatten(1).sort(dim=1).values
    count = mask.flatten(1).sum(dim=1, keepdim=True)
    median = ordered.gather(1, (count - 1).clamp(min=0) // 2)[:, 0]
    return torch.where(median.isfinite() & (median > SMALLEST), median, 1.0)


def rotation_matrix(angles: Tensor) -> Tensor:
    """Rotations from angles in radians.

    Convention: in 3D ``R = Rz Ry Rx``, right-handed about the fixed axes x, then y, then z (Zhu et
    al., "Skeleton Sequence and RGB Frame Based Multi-Modality Feature Fusion Network", eq. 4-7);
    in 2D a positive angle turns x towards y.

    Args:
        angles: (N, 3) about x, y, z, or (N, 1) in the plane.

    Returns:
        (N, 3, 3) or (N, 2, 2).
    """
    cos, sin = angles.cos(), angles.sin()
    if angles.shape[1] == 1:
        return torch.stack([cos, -sin, sin, cos], dim=-1).view(-1, 2, 2)
    about_x, about_y, about_z = (
        torch.eye(3, device=angles.device).repeat(len(angles), 1, 1) for _ in range(3)
    )
    for axis, matrix in enumerate((about_x, about_y, about_z)):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        matrix[:, first, first] = matrix[:, second, second] = cos[:, axis]
        matrix[:, first, second], matrix[:, second, first] = -sin[:, axis], sin[:, axis]
    return about_z @ about_y @ about_x


def transform(poses: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """``matrix x + shift`` for every joint.

    Written out over the C channels, because a matrix product would lose digits where a device
    rounds its factors (TF32, autocast).

    Args:
        poses: (N, M, T, V, C).
        matrix: (N, C, C).
        shift: (N, C).

    Returns:
        (N, M, T, V, C), newly made.
    """
    moved = shift[:, None, None, None].expand_as(poses).clone()
    for channel in range(poses.shape[-1]):
        column = matrix[:, None, None, None, :, channel]
        moved.addcmul_(poses[..., channel, None], column)
    return moved


def swap_sides(values: Tensor, swapped: Tensor, layout: Layout, axis: int) -> Tensor:
    """Left and right joints in each other's place.

    Args:
        values: (N, ...) with joints on one axis.
        swapped: (N,) bool, the rows in which they change places.
        layout: what the joints are.
        axis: which axis holds the joints.

    Returns:
        As ``values``.
    """
    other_side = values.index_select(axis, torch.tensor(layout.mirror, device=values.device))
    return torch.where(swapped.view(-1, *[1] * (values.ndim - 1)), other_side, values)
