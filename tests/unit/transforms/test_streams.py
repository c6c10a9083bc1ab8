import torch
from hypothesis import given
from hypothesis import strategies as st

from gesta.skeleton import get_layout
from gesta.transforms.streams import bone_confidence, bones, motion, motion_confidence

KINECT = get_layout("kinect_v2_25")


def test_a_bone_is_a_joint_minus_its_parent():
    poses = torch.randn(2, 2, 3, 25, 3, generator=torch.Generator().manual_seed(0))
    result = bones(poses, KINECT)
    for child, parent in KINECT.bones:
        assert torch.equal(result[..., child, :], poses[..., child, :] - poses[..., parent, :])
    assert not result[..., KINECT.root, :].any()


@given(st.integers(0, 2**32))
def test_bones_do_not_know_where_the_body_is(seed):
    generator = torch.Generator().manual_seed(seed)
    poses = torch.randn(1, 1, 2, 25, 3, generator=generator)
    moved = poses + torch.randn(3, generator=generator)
    torch.testing.assert_close(bones(moved, KINECT), bones(poses, KINECT), atol=1e-5, rtol=0)


def test_motion_is_the_difference_to_the_next_frame():
    values = torch.tensor([1.0, 4, 9, 16, 25]).view(1, 1, 5, 1, 1)
    mask = torch.ones(1, 1, 5, dtype=torch.bool)
    assert motion(values, mask).flatten().tolist() == [3, 5, 7, 9, 0]
    mask[0, 0, 2] = False
    assert motion(values, mask).flatten().tolist() == [3, 0, 0, 9, 0]


def test_one_frame_does_not_move():
    values = torch.ones(2, 1, 1, 3, 2)
    assert not motion(values, torch.ones(2, 1, 1, dtype=torch.bool)).any()


def test_confidence_of_a_stream_is_the_lower_of_both_ends():
    confidence = torch.rand(1, 1, 3, 25, generator=torch.Generator().manual_seed(0))
    child, parent = KINECT.bones[0]
    of_bones = bone_confidence(confidence, KINECT)
    assert torch.equal(
        of_bones[..., child], torch.minimum(confidence[..., child], confidence[..., parent])
    )
    assert torch.equal(of_bones[..., KINECT.root], confidence[..., KINECT.root])
    of_motion = motion_confidence(confidence)
    assert torch.equal(of_motion[:, :, 0], torch.minimum(confidence[:, :, 0], confidence[:, :, 1]))
    assert not of_motion[:, :, -1].any()
