"""Rows of persons, their motion and merging, and attention as a plug-in in front of a model."""

import pytest
import torch
from torch.nn import functional

from gesta.models import create_model
from gesta.nn import (
    CoupledAttention,
    DotProductAttention,
    attend_poses,
    merge_persons,
    motion,
    person_rows,
)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_rows_without_anybody_are_left_out_and_come_back_as_zero():
    poses = drawn(4, 5, 3, 2)
    mask = torch.ones(4, 5, dtype=torch.bool)
    mask[1] = False
    rows = person_rows(poses, mask)
    assert rows.poses.shape[0] == 3 and rows.keep is None
    assert rows.present is not None and rows.present.tolist() == [0, 2, 3]
    back = rows.scatter(rows.poses)
    assert torch.equal(back[[0, 2, 3]], poses[[0, 2, 3]]) and not back[1].any()


def test_rows_that_are_all_wanted_come_back_as_zero_as_well():
    poses = drawn(3, 5, 3, 2)
    mask = torch.ones(3, 5, dtype=torch.bool)
    mask[1] = False
    mask[2, 3:] = False
    rows = person_rows(poses, mask, every=True)
    assert rows.present is None and len(rows.poses) == 3
    assert not rows.poses[1].any() and not rows.poses[2, 3:].any()
    assert rows.scatter(torch.ones(3, 7))[:, 0].tolist() == [1, 0, 1]


def test_nobody_anywhere_is_kept_as_zero():
    rows = person_rows(drawn(2, 5, 3, 2), torch.zeros(2, 5, dtype=torch.bool))
    assert len(rows.poses) == 2 and not rows.poses.any()
    assert not rows.scatter(torch.ones(2, 7)).any()


def test_motion_is_to_the_next_frame_where_both_are_valid():
    poses = torch.tensor([0.0, 1, 3, 6, 10]).view(1, 5, 1, 1)
    assert motion(poses, None).flatten().tolist() == [1, 2, 3, 4, 0]
    keep = torch.tensor([[True, True, False, True, True]])
    assert motion(poses, keep).flatten().tolist() == [1, 0, 0, 4, 0]
    assert motion(poses[:, :1], None).flatten().tolist() == [0]


@pytest.mark.parametrize(
    ("how", "expected"), [("max", [3, 2]), ("mean", [2, 1.5]), ("concat", [1, 2, 3, 1, 0, 0])]
)
def test_persons_are_merged_over_those_who_are_there(how, expected):
    x = torch.tensor([[[1.0, 2], [3, 1], [0, 0]]])
    there = torch.tensor([[True, True, False]])
    assert merge_persons(x, there, how).tolist() == [expected]


def test_nobody_is_merged_to_zero():
    for how in ("max", "mean"):
        merged = merge_persons(torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool), how)
        assert merged.tolist() == [[0, 0, 0]]


def test_what_is_masked_has_no_weight_in_anybody_s_attention():
    attention = CoupledAttention(6, 4, 3)
    poses, mask = drawn(2, 2, 6, 4, 3), torch.ones(2, 2, 6, dtype=torch.bool)
    mask[0, 1, 2:] = False
    expected = attend_poses(attention, poses, mask)
    rubbish = poses.masked_fill(~mask[..., None, None], float("nan"))
    assert torch.equal(attend_poses(attention, rubbish, mask), expected)
    assert not expected[0, 1, 2:].any()


@pytest.mark.parametrize("name", ["st_gcn", "san_v1", "san_v2", "san_v3"])
def test_attention_in_front_of_a_model_is_the_model_on_attended_poses(name):
    sizes = {"width": 16, "dropout": 0.0}
    sizes |= {"layers": 1, "heads": 2, "encoder": "ff"} if name != "st_gcn" else {}
    generator = torch.Generator().manual_seed(0)
    made = {"frames": 8, "persons": 2, "generator": generator}
    model = create_model(name, "sbu_15", 4, coupled_attention="tanh", **made, **sizes).eval()
    plain = create_model(name, "sbu_15", 4, **made, **sizes).eval()
    state = model.state_dict()
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith("attention.")})
    poses, mask = drawn(3, 2, 8, 15, 3), torch.ones(3, 2, 8, dtype=torch.bool)
    mask[1, 1], mask[2, :, 5:] = False, False
    attended = attend_poses(model.attention, poses, mask)
    torch.testing.assert_close(model(poses, mask), plain(attended, mask))
    assert not torch.allclose(model(poses, mask), plain(poses, mask), atol=1e-4)


@pytest.mark.parametrize("name", ["san_v1", "san_v2", "san_v3"])
def test_what_tells_clips_apart_arrives_at_attention(name):
    """Coordinates in metres, of bodies that differ by centimetres, are not drowned in biases."""
    generator = torch.Generator().manual_seed(0)
    model = create_model(name, "sbu_15", 4, frames=8, persons=1, width=128, generator=generator)
    poses = 0.3 * drawn(1, 1, 1, 15, 3) + 0.1 * drawn(16, 1, 8, 15, 3, seed=1)
    trunk = model.eval().trunk
    if name == "san_v1":
        encoded = trunk.encoder(torch.cat([poses[:, 0], motion(poses[:, 0], None)], -1), None)
    else:
        encoded = trunk.position(poses[:, 0], None)
    assert encoded.std(0).mean() > 0.1 * encoded.mean()
    assert 0.03 < encoded.mean() < 3


@pytest.mark.parametrize("masked", [False, True])
def test_attention_that_learns_in_bfloat16_on_a_cpu_is_computed_in_float32(monkeypatch, masked):
    kernel, seen = functional.scaled_dot_product_attention, []

    def watched(query, *more, **options):
        seen.append((query.dtype, torch.is_autocast_enabled("cpu")))
        return kernel(query, *more, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    attention, packed = DotProductAttention(2), drawn(3, 5, 24).bfloat16()
    allowed = torch.tensor([[True, True, True, True, False]] * 3) if masked else None
    wide, narrow = packed.float().requires_grad_(), packed.clone().requires_grad_()
    attention(wide, allowed).square().sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        found = attention(narrow, allowed)
        found.float().square().sum().backward()
        with torch.no_grad():
            scored = attention(packed, allowed)
    assert seen == [(torch.float32, False), (torch.float32, False), (torch.bfloat16, True)]
    assert found.dtype == scored.dtype == torch.bfloat16
    torch.testing.assert_close(found, scored, atol=0.02, rtol=0.02)
    torch.testing.assert_close(narrow.grad.float(), wide.grad, atol=0.05, rtol=0.02)
