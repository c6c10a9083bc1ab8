import pytest
import torch

from gesta.errors import ModelError
from gesta.models import create_model
from gesta.nn import fold_batch_norm


def make(**options):
    given = {"width": 4, "temporal_kernel": 3, "dropout": 0.0, "num_classes": 4, **options}
    return create_model("st_gcn", "sbu_15", **given, generator=torch.Generator().manual_seed(0))


def draw(clips=2, persons=2, frames=13):
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand((clips, persons, frames), generator=generator) > 0.3
    return torch.randn((clips, persons, frames, 15, 3), generator=generator), mask


@pytest.mark.parametrize(
    ("blocks", "strides"), [(10, [5, 8]), (9, [4, 7])], ids=["published", "cross attention"]
)
def test_blocks_strides_and_widths(blocks, strides):
    model = make(blocks=blocks, width=64)
    assert len(model.blocks) == blocks
    assert [i + 1 for i, stride in enumerate(model.strides) if stride == 2] == strides
    widths = [block.graph.out_channels for block in model.blocks]
    assert sorted(set(widths)) == [64, 128, 256] and widths.count(256) == 3
    assert not model.blocks[0].residual and all(block.residual for block in model.blocks[1:])


def test_the_first_block_has_no_dropout():
    shares = [block.dropout.p for block in make(dropout=0.3).blocks]
    assert shares == [0.0] + [0.3] * 9


def test_features_and_their_mask():
    model = make().eval()
    poses, mask = draw()
    mask[0, 1] = False
    features = model.forward_features(poses, mask)
    kept = model.feature_mask(mask)
    assert features.shape == (4, 16, 4, 15) and kept.shape == (2, 2, 4)
    by_frame = features.view(2, 2, 16, 4, 15).abs().sum((2, 4))
    assert not by_frame[~kept].any() and by_frame[kept].all()
    pooled = features.view(2, 2, 16, 4, 15).sum((3, 4)) / (kept.sum(2) * 15).clamp(min=1)[..., None]
    pooled = pooled.sum(1) / kept.any(2).sum(1, keepdim=True)
    torch.testing.assert_close(model.head(pooled), model(poses, mask))


def test_features_of_nobody_are_zero():
    model = make().eval()
    poses, mask = draw()
    features = model.forward_features(poses, torch.zeros_like(mask))
    assert features.shape == (4, 16, 4, 15) and not features.any()
    logits = model(poses, torch.zeros_like(mask))
    assert torch.equal(logits, model.head.bias.expand(2, 4))


def test_a_person_in_a_single_frame_survives_both_strides():
    model = make().eval()
    poses, mask = draw()
    mask[:] = False
    mask[:, 0, 3] = True
    assert model.feature_mask(mask).any()
    assert not torch.equal(model(poses, mask), model.head.bias.expand(2, 4))


def test_the_trunk_runs_on_present_persons_only():
    model, rows = make(), []
    model.blocks[0].register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[0]))
    poses, mask = draw(clips=3)
    mask[:, 1], mask[:, 0, 0] = False, True
    model(poses, mask)
    model(poses)
    assert rows == [3, 6]


def test_a_full_mask_costs_no_masking():
    model, frames = make(), []
    model.blocks[0].register_forward_hook(lambda _, inputs, __: frames.append(inputs[1]))
    poses, mask = draw()
    model(poses, torch.ones_like(mask))
    model(poses, mask)
    assert frames[0] is None and frames[1] is not None


def test_padding_does_not_reach_the_running_statistics():
    poses, mask = draw()
    one, other = make().train(), make().train()
    one(poses, mask)
    rubbish = torch.full_like(poses, 7.0)
    other(torch.cat([poses, rubbish], 2), torch.cat([mask, torch.zeros_like(mask)], 2))
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_averaging_absent_persons_in_ignores_the_mask():
    model = make(average_absent=True).eval()
    poses, mask = draw()
    assert torch.equal(model(poses, mask), model(poses))


@pytest.mark.parametrize("masked", [False, True])
def test_folding(masked):
    model = make().train()
    poses, mask = draw()
    for _ in range(3):
        model(poses, mask)
    model.eval()
    folded = fold_batch_norm(model)
    given = (poses, mask) if masked else (poses,)
    torch.testing.assert_close(folded(*given), model(*given))
    assert folded.state_dict().keys() == model.state_dict().keys()
    model.load_state_dict(folded.state_dict())
    torch.testing.assert_close(folded(*given), model(*given))


def test_edge_importance():
    model = make()
    assert [tuple(edges.shape) for edges in model.edge_importance()] == [(3, 15, 15)] * 10
    assert model.edge_importance()[3] is model.blocks[3].graph.importance
    assert all((edges == 1).all() for edges in make(edge_importance=False).edge_importance())


@pytest.mark.parametrize("options", [{"width": 0}, {"temporal_kernel": 2}, {"dropout": 1.0}])
def test_impossible_options(options):
    with pytest.raises(ModelError, match="found width="):
        make(**options)
