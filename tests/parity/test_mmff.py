"""MMFF against a literal transcription of the paper's text, in float64 and with loops.

Equation numbers are those of Zhu et al., "Skeleton Sequence and RGB Frame Based Multi-Modality
Feature Fusion Network"; what SPEC reconstructs is transcribed as it is decided there.
"""

import math

import numpy as np
import pytest
import torch

from gesta.models import create_model
from gesta.models.mmff_parts import (
    FrameAttention,
    MapFusion,
    SelfAttention,
    SkeletonAttention,
    VectorFusion,
    combine,
    skeleton_map,
)
from gesta.transforms import AugmentOptions
from gesta.transforms.augment import draw_deformation

EXACT = {"rtol": 1e-9, "atol": 1e-11}
KINDS = (torch.float32, torch.bfloat16)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def weights_of(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def rotation(alpha, beta, gamma):
    """Equations 4 to 7."""
    sin, cos = math.sin, math.cos
    about_x = [[1, 0, 0], [0, cos(alpha), -sin(alpha)], [0, sin(alpha), cos(alpha)]]
    about_y = [[cos(beta), 0, sin(beta)], [0, 1, 0], [-sin(beta), 0, cos(beta)]]
    about_z = [[cos(gamma), -sin(gamma), 0], [sin(gamma), cos(gamma), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def test_equations_4_to_8():
    options = AugmentOptions(turn=(0.0, 30.0), stretch=(1.0, 1.2))
    generator = torch.Generator().manual_seed(0)
    change = draw_deformation(500, 3, options, generator, torch.device("cpu"))
    assert not change.shift.any() and not change.mirrored.any()
    alphas, betas, factors = [], [], []
    for matrix in change.matrix.double().numpy():
        # The third row is that of R: S leaves z alone. It gives both angles.
        beta = -math.asin(matrix[2, 0])
        alpha = math.atan2(matrix[2, 1], matrix[2, 2])
        turned = rotation(alpha, beta, 0)
        scale = matrix[0, 0] / turned[0, 0], matrix[1, 1] / turned[1, 1], 1.0
        np.testing.assert_allclose(matrix, np.diag(scale) @ turned, atol=1e-6)
        alphas.append(math.degrees(alpha))
        betas.append(math.degrees(beta))
        factors += scale[:2]
    for angles in (alphas, betas):
        assert -1e-4 <= min(angles) < 1 and 29 < max(angles) <= 30.0001
    assert 1 - 1e-5 <= min(factors) < 1.01 and 1.19 < max(factors) <= 1.2 + 1e-5
    assert abs(np.corrcoef(alphas, betas)[0, 1]) < 0.15


def test_a_turn_of_poses_without_depth_is_what_is_seen_of_it():
    options = AugmentOptions(turn=(0.0, 30.0), stretch=(1.0, 1.2))
    matrices = [
        draw_deformation(
            9, channels, options, torch.Generator().manual_seed(0), torch.device("cpu")
        ).matrix
        for channels in (2, 3)
    ]
    assert torch.equal(matrices[0], matrices[1][:, :2, :2])


def test_equations_11_and_12():
    attention = FrameAttention(5, True, False, 0.25).double()
    maps = drawn(2, 5, 3, 4)
    masks = attention(torch.from_numpy(maps), None, 32)
    weights = weights_of(attention)
    kernel, bias = weights["by_itself.gate.weight"][:, :, 0, 0], weights["by_itself.gate.bias"]
    expected, merged = np.zeros((2, 2, 3, 4)), np.zeros_like(maps)
    for n in range(2):
        for branch in range(2):
            for y in range(3):
                for x in range(4):
                    score = kernel[branch] @ maps[n, :, y, x] + bias[branch]
                    expected[n, branch, y, x] = sigmoid(score)
                    merged[n, :, y, x] += expected[n, branch, y, x] * maps[n, :, y, x] / 2
    np.testing.assert_allclose(masks.detach().numpy(), expected, **EXACT)
    ours = attention.merged(torch.from_numpy(maps), masks).detach().numpy()
    np.testing.assert_allclose(ours, merged, **EXACT)


def furthest_joint(first, chosen):
    """Equations 13 and 14 for joints (V, 3) of two frames."""
    moved = [np.sqrt(((first[j] - chosen[j]) ** 2).sum()) for j in range(len(first))]
    return int(np.argmax(moved))


def square_mask(centre, side, square, places):
    """A mask of pixels that is 1 in a square, resized to (places, places) by area."""
    mask = np.zeros((side, side))
    for y in range(side):
        for x in range(side):
            inside = max(abs(x + 0.5 - centre[0]), abs(y + 0.5 - centre[1])) < square * side / 2
            mask[y, x] = 1.0 if inside else 0.0
    cell = side // places
    return mask.reshape(places, cell, places, cell).mean((1, 3))


@pytest.mark.parametrize("pixel", [(20, 36), (2, 63), (40, 8), (-3, 30)])
def test_equations_13_to_15(pixel):
    poses = drawn(2, 6, 3)  # two frames
    joint = furthest_joint(poses[0], poses[1])
    pixels = np.zeros((6, 2))
    pixels[joint] = pixel
    maps = drawn(1, 5, 4, 4, seed=1)
    attention = FrameAttention(5, False, True, 0.25).double()
    masks = attention(torch.from_numpy(maps), torch.from_numpy(pixels[joint][None]), 64)
    expected = square_mask(pixels[joint], 64, 0.25, 4)
    assert 0 < expected.sum() < 16
    np.testing.assert_allclose(masks[0, 0].numpy(), expected, **EXACT)
    attended = attention.merged(torch.from_numpy(maps), masks)
    np.testing.assert_allclose(attended[0].numpy(), expected * maps[0], **EXACT)


@pytest.mark.parametrize("pixel", [(-1e4, -1e4), (80.0, 10.0)])
def test_without_a_joint_in_the_picture_the_mask_is_one(pixel):
    maps = torch.zeros(1, 2, 4, 3)
    mask = SkeletonAttention(0.25)(torch.tensor([pixel]), 64, maps)
    assert torch.equal(mask, torch.ones(1, 1, 4, 3))


def test_the_square_is_as_exact_where_maps_are_half_as_wide():
    joint = 299 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    maps = torch.zeros(200, 1, 10, 10)
    masks = [SkeletonAttention(0.25)(joint, 299, maps.to(kind)) for kind in KINDS]
    assert torch.equal(masks[0].bfloat16(), masks[1])


def both_attended(maps, mask_self, mask_skeleton):
    """Section 3.5: the two attention features are averaged, the first over its two branches."""
    by_itself = (mask_self[0] * maps + mask_self[1] * maps) / 2
    return (by_itself + mask_skeleton * maps) / 2


def test_both_kinds_of_attention_are_averaged():
    attention = FrameAttention(5, True, True, 0.5).double()
    maps, joint = drawn(1, 5, 4, 4), np.array([[20.0, 40.0]])
    masks = attention(torch.from_numpy(maps), torch.from_numpy(joint), 64)
    ours = attention.merged(torch.from_numpy(maps), masks).detach().numpy()[0]
    parts = masks.detach().numpy()[0]
    np.testing.assert_allclose(ours, both_attended(maps[0], parts[:2], parts[2]), **EXACT)


def map_fusion(weights, skeleton, rgb):
    """Equations 16 and 17, one convolution, the mean and a linear layer: C_S x V and C_R x P."""
    vector_s, vector_r = skeleton.mean(1), rgb.mean(1)
    positions = [np.concatenate([rgb[:, p], vector_s]) for p in range(rgb.shape[1])]
    positions += [np.concatenate([vector_r, skeleton[:, v]]) for v in range(skeleton.shape[1])]
    asks, asked = (
        [weights[f"relation.{name}.weight"][:, :, 0] @ f + weights[f"relation.{name}.bias"]
         for f in positions]
        for name in ("asks", "asked")
    )  # fmt: skip
    related = []
    for query in asks:
        row = softmax(np.array([query @ key for key in asked]))
        related.append(sum(share * f for share, f in zip(row, positions, strict=True)))
    kernel, bias = weights["convolution.weight"][:, :, 0], weights["convolution.bias"]
    pooled = np.mean([np.maximum(kernel @ f + bias, 0) for f in related], 0)
    return np.maximum(weights["hidden.weight"] @ pooled + weights["hidden.bias"], 0)


def test_equations_16_and_17():
    fusion = MapFusion(4, 6, 5).double()
    skeleton, maps = drawn(2, 4, 7), drawn(2, 6, 2, 3, seed=1)
    ours = fusion(torch.from_numpy(skeleton), [torch.from_numpy(maps)], None).detach().numpy()
    for n in range(2):
        theirs = map_fusion(weights_of(fusion), skeleton[n], maps[n].reshape(6, 6))
        np.testing.assert_allclose(ours[n], theirs, **EXACT)


def test_a_clip_without_a_picture_is_its_skeleton_alone():
    fusion = MapFusion(4, 6, 5).double()
    skeleton, maps = drawn(2, 4, 7), drawn(2, 6, 2, 3, seed=1)
    there = torch.tensor([True, False])
    given = torch.from_numpy(skeleton), [torch.from_numpy(maps)]
    ours = fusion(*given, there).detach().numpy()
    np.testing.assert_allclose(ours[0], fusion(*given, None)[0].detach().numpy(), **EXACT)
    weights = weights_of(fusion)
    x = np.concatenate([np.zeros((6, 7)), skeleton[1]])
    asks, asked = (
        weights[f"relation.{name}.weight"][:, :, 0] @ x + weights[f"relation.{name}.bias"][:, None]
        for name in ("asks", "asked")
    )
    mask = np.stack([softmax(row) for row in asks.T @ asked])
    kernel, bias = weights["convolution.weight"][:, :, 0], weights["convolution.bias"]
    pooled = np.maximum(kernel @ (x @ mask.T) + bias[:, None], 0).mean(1)
    theirs = np.maximum(weights["hidden.weight"] @ pooled + weights["hidden.bias"], 0)
    np.testing.assert_allclose(ours[1], theirs, **EXACT)


def test_every_position_gets_the_other_modalitys_mean():
    skeleton, rgb = drawn(1, 2, 3), drawn(1, 4, 5, seed=1)
    ours = combine(torch.from_numpy(skeleton), torch.from_numpy(rgb)).numpy()[0]
    assert ours.shape == (6, 8)
    np.testing.assert_allclose(ours[:, 2], np.concatenate([rgb[0, :, 2], skeleton[0].mean(1)]))
    np.testing.assert_allclose(ours[:, 6], np.concatenate([rgb[0].mean(1), skeleton[0, :, 1]]))


def test_the_late_fusion_of_vectors():
    fusion = VectorFusion(3, 4, 5).double()
    skeleton, rgb, weights = drawn(2, 3), drawn(2, 4, seed=1), weights_of(fusion)
    ours = fusion(torch.from_numpy(skeleton), [torch.from_numpy(rgb)], None).detach().numpy()
    for n in range(2):
        both = np.concatenate([rgb[n], skeleton[n]])
        x = weights["hidden.weight"] @ (both / np.sqrt((both**2).sum())) + weights["hidden.bias"]
        np.testing.assert_allclose(ours[n], np.where(x > 0, x, 0.01 * x), **EXACT)


def test_the_skeletons_map_is_a_maximum_over_frames_and_a_mean_over_persons():
    generator = torch.Generator().manual_seed(0)
    options = {"width": 4, "temporal_kernel": 3}
    model = create_model("st_gcn", "sbu_15", 4, generator=generator, **options).double().eval()
    poses = torch.from_numpy(drawn(2, 2, 12, 15, 3))
    mask = torch.ones(2, 2, 12, dtype=torch.bool)
    mask[0, 1], mask[1, 0, 5:] = False, False
    ours = skeleton_map(model, poses, mask)
    maps = model.forward_features(poses, mask).unflatten(0, (2, 2))
    assert maps.shape[3] == 3
    torch.testing.assert_close(ours[0], maps[0, 0].amax(1))
    short, long = maps[1, 0, :, :2].amax(1), maps[1, 1].amax(1)
    torch.testing.assert_close(ours[1], (short + long) / 2)


def test_self_attention_has_two_branches_of_their_own():
    attention = SelfAttention(3)
    masks = attention(torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert masks.shape == (1, 2, 4, 4) and not torch.allclose(masks[:, 0], masks[:, 1])
