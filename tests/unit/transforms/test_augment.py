import math

import pytest
import torch

from gesta.errors import RecipeError
from gesta.transforms import AugmentOptions
from gesta.transforms.augment import draw_deformation, draw_frames, draw_joints, draw_noise

CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def deformation(channels=3, count=2000, seed=0, **options):
    return draw_deformation(count, channels, AugmentOptions(**options), generator(seed), CPU)


def test_no_options_draw_nothing_and_change_nothing():
    source = generator()
    before = source.get_state()
    change = draw_deformation(3, 3, AugmentOptions(), source, CPU)
    assert torch.equal(change.matrix, torch.eye(3).repeat(3, 1, 1))
    assert not change.shift.any() and not change.mirrored.any()
    assert torch.equal(source.get_state(), before)


@pytest.mark.parametrize("channels", [2, 3])
def test_angles_fill_the_range_around_zero(channels):
    matrix = deformation(channels, rotation=30).matrix
    torch.testing.assert_close(
        matrix @ matrix.transpose(1, 2), torch.eye(channels).expand_as(matrix), atol=1e-5, rtol=0
    )
    # About z, R = Rz Ry Rx gives tan = R[1, 0] / R[0, 0] whatever the other two are.
    angle = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]) * 180 / math.pi
    assert -30.001 <= angle.min() < -29 and 29 < angle.max() <= 30.001
    assert angle.mean().abs() < 1.5


def test_each_axis_is_scaled_by_itself():
    matrix = deformation(scale=0.2).matrix
    factors = matrix.diagonal(dim1=1, dim2=2)
    assert not (matrix - torch.diag_embed(factors)).any()
    assert factors.min() < 0.81 and factors.min() >= 0.8
    assert factors.max() > 1.19 and factors.max() <= 1.2
    assert not torch.equal(factors[:, 0], factors[:, 1])


def test_shear_keeps_the_axes_themselves():
    matrix = deformation(shear=0.3).matrix
    assert (matrix.diagonal(dim1=1, dim2=2) == 1).all()
    assert 0.29 < matrix[:, 0, 1].max() <= 0.3 and -0.3 <= matrix[:, 2, 0].min() < -0.29


def test_mirroring_turns_x_in_its_share_of_the_clips():
    change = deformation(mirror=0.25)
    assert change.mirrored.float().mean() == pytest.approx(0.25, abs=0.05)
    assert torch.equal(change.matrix[:, 0, 0] < 0, change.mirrored)
    assert (change.matrix[:, 1, 1] == 1).all()
    assert deformation(mirror=1.0).mirrored.all()


def test_translation_fills_its_range():
    shift = deformation(2, translate=0.5).shift
    assert shift.shape == (2000, 2)
    assert -0.5 <= shift.min() < -0.49 and 0.49 < shift.max() <= 0.5


def test_noise_has_its_deviation():
    noise = draw_noise(torch.empty(50, 2, 10, 20, 3), 0.1, generator())
    assert noise.std() == pytest.approx(0.1, rel=0.02) and noise.mean().abs() < 0.002


def test_dropped_frames_are_dropped_for_all_but_never_all_of_them():
    mask = torch.ones(500, 2, 10, dtype=torch.bool)
    mask[:, 1, 5:] = False
    left = draw_frames(mask, 0.3, generator())
    assert torch.equal(left[:, 1, :5], left[:, 0, :5]) and not left[:, 1, 5:].any()
    assert left[:, 0].float().mean() == pytest.approx(0.7, abs=0.03)
    assert torch.equal(draw_frames(mask, 1.0, generator()), mask)


def test_joints_are_dropped_for_each_person_throughout():
    left = draw_joints(200, 2, 20, 0.1, generator(), CPU)
    assert left.shape == (200, 2, 1, 20)
    assert left.float().mean() == pytest.approx(0.9, abs=0.02)
    assert not torch.equal(left[:, 0], left[:, 1])


def test_the_same_seed_draws_the_same_change():
    options = {"rotation": 10, "scale": 0.1, "shear": 0.1, "translate": 0.1, "mirror": 0.5}
    first, again, other = (deformation(seed=seed, **options) for seed in (1, 1, 2))
    assert torch.equal(first.matrix, again.matrix) and torch.equal(first.shift, again.shift)
    assert not torch.equal(first.matrix, other.matrix)


def test_bad_angles_and_factors():
    with pytest.raises(RecipeError, match="augment.turn: expected two rising angles"):
        AugmentOptions(turn=(30.0, 0.0))
    with pytest.raises(RecipeError, match="augment.stretch: expected 0 < low <= high"):
        AugmentOptions(stretch=(0.0, 1.2))
    assert AugmentOptions(turn=(0.0, 30.0)).deforms and AugmentOptions(stretch=(1.0, 1.2)).deforms
