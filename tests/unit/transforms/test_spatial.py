import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gesta.errors import RecipeError
from gesta.skeleton import Layout, get_layout, list_layouts
from gesta.transforms.spatial import (
    body_sizes,
    check_view,
    first_seen,
    mean_place,
    median_size,
    rotation_matrix,
    swap_sides,
    transform,
    view_rotation,
)

KINECT = get_layout("kinect_v1_20")
LINE = Layout("line", ("start", "end"), ((1, 0),), 0, (0,))
SEEDS = st.integers(0, 2**32)
ANGLES = st.lists(st.floats(-math.pi, math.pi), min_size=3, max_size=3)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rotations(count, channels, seed):
    angles = normal(count, 3 if channels == 3 else 1, seed=seed)
    return rotation_matrix(angles)


def distances(poses):
    return torch.cdist(poses, poses, compute_mode="donot_use_mm_for_euclid_dist")


@pytest.mark.parametrize("channels", [2, 3])
@given(seed=SEEDS)
def test_rotation_keeps_distances(channels, seed):
    poses = normal(4, 2, 3, 20, channels, seed=seed)
    turned = transform(poses, rotations(4, channels, seed), torch.zeros(4, channels))
    torch.testing.assert_close(distances(turned), distances(poses), atol=1e-4, rtol=0)


@given(ANGLES)
def test_a_rotation_is_orthogonal_and_right_handed(angles):
    matrix = rotation_matrix(torch.tensor([angles]))[0]
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(3), atol=1e-5, rtol=0)
    assert torch.linalg.det(matrix) == pytest.approx(1, abs=1e-5)


def test_rotations_follow_their_convention():
    quarter = math.pi / 2
    x, y, z = torch.eye(3)
    about_x, about_y, about_z = rotation_matrix(torch.eye(3) * quarter)
    for matrix, start, end in ((about_x, y, z), (about_y, z, x), (about_z, x, y)):
        torch.testing.assert_close(matrix @ start, end, atol=1e-6, rtol=0)
    both = rotation_matrix(torch.tensor([[quarter, quarter, 0.0]]))[0]
    torch.testing.assert_close(both, about_y @ about_x, atol=1e-6, rtol=0)
    plane = rotation_matrix(torch.tensor([[quarter]]))[0]
    torch.testing.assert_close(plane @ torch.tensor([1.0, 0]), torch.tensor([0.0, 1]))


@given(SEEDS)
def test_a_transform_is_the_matrix_product(seed):
    poses, matrix, shift = normal(3, 2, 4, 5, 3, seed=seed), normal(3, 3, 3), normal(3, 3)
    expected = torch.einsum("ncd,nmtvd->nmtvc", matrix, poses) + shift[:, None, None, None]
    torch.testing.assert_close(transform(poses, matrix, shift), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", [get_layout(name) for name in list_layouts()], ids=str)
def test_the_view_has_the_spine_on_z_and_the_shoulders_on_x(layout):
    check_view(layout)
    body = normal(5, len(layout), 3)
    rotation = view_rotation(body, layout)
    turned = torch.einsum("ncd,nvd->nvc", rotation, body)
    left, right = (turned[:, layout.index(f"{side}_shoulder")] for side in ("left", "right"))
    torch.testing.assert_close((right - left)[:, 1], torch.zeros(5), atol=1e-5, rtol=0)
    assert (right - left > 0)[:, 0].all()
    assert torch.linalg.det(rotation).allclose(torch.ones(5))
    if layout is KINECT:
        spine = turned[:, layout.index("shoulder_centre")] - turned[:, layout.index("hip_centre")]
        torch.testing.assert_close(spine[:, :2], torch.zeros(5, 2), atol=1e-5, rtol=0)
        assert (spine[:, 2] > 0).all()


@given(SEEDS)
def test_the_view_is_the_same_however_the_body_stands(seed):
    body = normal(4, 20, 3, seed=seed)
    turn = rotations(4, 3, seed)
    moved = torch.einsum("ncd,nvd->nvc", turn, body) + normal(4, 1, 3, seed=seed)
    torch.testing.assert_close(
        view_rotation(moved, KINECT) @ turn, view_rotation(body, KINECT), atol=2e-3, rtol=0
    )


def test_a_body_without_spine_or_shoulders_is_not_turned():
    body = normal(3, 20, 3)
    body[0] = 0
    left, right = KINECT.index("left_shoulder"), KINECT.index("right_shoulder")
    hips, neck = KINECT.index("hip_centre"), KINECT.index("shoulder_centre")
    body[1, right] = body[1, left] + 2 * (body[1, neck] - body[1, hips])
    body[1] = (body[1] * 8).round() / 8
    body[1, right] = body[1, left] + 2 * (body[1, neck] - body[1, hips])
    rotation = view_rotation(body, KINECT)
    assert torch.equal(rotation[0], torch.eye(3))
    assert torch.equal(rotation[1], torch.eye(3))
    assert not torch.allclose(rotation[2], torch.eye(3))


def test_a_layout_without_shoulders_has_no_view():
    with pytest.raises(RecipeError, match="with a hip_centre, found line"):
        check_view(LINE)


def test_the_first_person_is_the_first_ever_seen():
    mask = torch.zeros(4, 2, 5, dtype=torch.bool)
    mask[0] = True
    mask[1, 0, 3:] = True
    mask[1, 1] = True
    mask[2, 1, 2] = True
    person, frame = first_seen(mask)
    assert person.tolist() == [0, 0, 1, 0] and frame.tolist() == [0, 3, 2, 0]


def test_body_size_is_from_hips_to_shoulders_or_the_box():
    body = torch.zeros(2, 20, 3)
    body[1, KINECT.index("shoulder_centre")] = torch.tensor([0.0, 3.0, 4.0])
    assert body_sizes(body, KINECT).tolist() == [0, 5]
    assert body_sizes(torch.tensor([[1.0, 2], [4, 6]]), LINE) == 5


def test_the_median_size_looks_at_those_who_are_there():
    sizes = torch.tensor([[[3.0, 9, 1, 5]], [[2, 4, 8, 6]], [[7, 7, 7, 7]], [[0, 0, 0, 1]]])
    mask = torch.tensor([[[1, 0, 1, 1]], [[1, 1, 1, 1]], [[0, 0, 0, 0]], [[1, 1, 1, 1]]]).bool()
    assert median_size(sizes, mask).tolist() == [3, 4, 1, 1]


def test_the_mean_place_looks_at_those_who_are_there():
    poses = normal(2, 2, 3, 4, 2)
    mask = torch.tensor([[[1, 0, 1], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]]]).bool()
    place = mean_place(poses, mask)
    torch.testing.assert_close(place[0], poses[0][mask[0]].mean(dim=(0, 1)))
    assert place[1].tolist() == [0, 0]


@pytest.mark.parametrize("layout", [get_layout(name) for name in list_layouts()], ids=str)
def test_swapping_sides_twice_is_the_identity(layout):
    values = normal(3, 2, 4, len(layout), 3)
    swapped = torch.tensor([True, False, True])
    once = swap_sides(values, swapped, layout, axis=3)
    left, right = layout.index("left_hip"), layout.index("right_hip")
    assert torch.equal(once[0, ..., left, :], values[0, ..., right, :])
    assert torch.equal(once[1], values[1])
    assert torch.equal(swap_sides(once, swapped, layout, axis=3), values)
