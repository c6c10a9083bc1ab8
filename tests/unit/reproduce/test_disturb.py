"""Clips changed in speed or view."""

import pytest
import torch

from gesta.reproduce.disturb import CHANGES, speed, turn, uneven
from gesta.transforms import Batch


@pytest.fixture
def batch():
    """Two clips of 8 and 5 frames whose x is the number of the frame."""
    poses = torch.zeros(2, 1, 8, 3, 3)
    poses[..., 0] = torch.arange(8.0)[None, None, :, None]
    poses[..., 1], poses[..., 2] = 1.0, 2.0
    mask = torch.ones(2, 1, 8, dtype=torch.bool)
    mask[1, :, 5:] = False
    poses = poses * mask[..., None, None]
    return Batch(
        poses, mask, torch.zeros(2, dtype=torch.long), ["a", "b"], torch.arange(2),
        torch.tensor([8, 5]),
    )  # fmt: skip


def times(batch, row):
    return batch.poses[row, 0, batch.mask[row, 0], 0, 0]


@pytest.mark.parametrize(("factor", "lengths"), [(0.5, [16, 10]), (2.0, [4, 2]), (1.0, [8, 5])])
def test_speed_keeps_both_ends(batch, factor, lengths):
    changed = speed(factor)(batch)
    assert changed.lengths.tolist() == lengths
    for row, last in enumerate((7.0, 4.0)):
        seen = times(changed, row)
        assert len(seen) == lengths[row]
        torch.testing.assert_close(seen, torch.linspace(0, last, lengths[row]))


def test_an_uneven_speed_spends_half_of_the_time_on_a_quarter(batch):
    changed = uneven(0.25)(batch)
    assert changed.lengths.tolist() == [8, 5]
    share = torch.arange(8) / 7
    expected = 7 * torch.where(share < 0.5, share / 2, 0.25 + 0.75 * (2 * share - 1))
    torch.testing.assert_close(times(changed, 0), expected)
    assert times(changed, 1)[2] == pytest.approx(1.0)


def test_turning_keeps_heights_and_lengths(batch):
    changed = turn(90)(batch)
    # About y, right-handed: x goes to -z and z to x.
    torch.testing.assert_close(changed.poses[0, 0, :, 0, 0], torch.full((8,), 2.0))
    torch.testing.assert_close(changed.poses[0, 0, :, 0, 2], -torch.arange(8.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(changed.poses[..., 1], batch.poses[..., 1])
    back = turn(-90)(changed)
    torch.testing.assert_close(back.poses, batch.poses, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", CHANGES)
def test_a_clip_without_frames_stays_one(batch, name):
    empty = batch.replace(
        poses=torch.zeros(2, 1, 1, 3, 3),
        mask=torch.zeros(2, 1, 1, dtype=torch.bool),
        lengths=torch.tensor([0, 0]),
    )
    for change in CHANGES[name]:
        changed = change(empty)
        assert len(changed) == 2 and changed.poses.isfinite().all() and not changed.mask.any()
