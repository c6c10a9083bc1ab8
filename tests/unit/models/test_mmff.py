"""MMFF: its choices, its streams' weights, clips without pictures, what can be looked at."""

import pytest
import torch

from gesta.errors import ModelError, ShapeError
from gesta.explain import record
from gesta.models import create_model, load_stream, load_weights
from gesta.models.mmff_decision import fuse_decisions

NARROW = {"image_width": 0.02, "image_size": 48, "width": 8}
GRAPH = ("width=4", "temporal_kernel=3", "dropout=0.0")
RECURRENT = ("hidden=6", "layers=1")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make(seed=0, **options):
    graph = options.get("skeleton", "st_gcn") == "st_gcn"
    options = {**NARROW, "skeleton_options": GRAPH if graph else RECURRENT, **options}
    return create_model("mmff", "sbu_15", 4, generator=seeded(seed), **options).eval()


def inputs(model, clips=3):
    poses = torch.randn(clips, 2, 9, 15, 3, generator=seeded(1))
    mask = torch.ones(poses.shape[:3], dtype=torch.bool)
    mask[-1, -1, 5:] = False
    count = model.image_frames
    more = {"frames": torch.randn(clips, count, 3, 48, 48, generator=seeded(2))}
    if "moved_joint" in model.inputs:
        more["moved_joint"] = 48 * torch.rand(clips, count, 2, generator=seeded(3))
    return poses, mask, more


@torch.no_grad()
def logits_of(model, **changes):
    poses, mask, more = inputs(model)
    return model(poses, mask, **(more | changes))


@pytest.mark.parametrize("skeleton", ["lstm", "bi_lstm", "bi_gru"])
@pytest.mark.parametrize("fusion", ["late", "sum", "decision"])
def test_recurrent_streams(skeleton, fusion):
    model = make(skeleton=skeleton, fusion=fusion)
    assert logits_of(model).isfinite().all()


@pytest.mark.parametrize("by_itself", [True, False])
@pytest.mark.parametrize("by_skeleton", [True, False])
@pytest.mark.parametrize("skeleton", ["st_gcn", "bi_lstm"])
def test_with_and_without_attention(skeleton, by_itself, by_skeleton):
    model = make(skeleton=skeleton, self_attention=by_itself, skeleton_attention=by_skeleton)
    assert ("moved_joint" in model.inputs) == by_skeleton
    logits = logits_of(model)
    assert logits.isfinite().all()
    if by_skeleton:
        nowhere = torch.full((3, 1, 2), -1e4)
        assert not torch.allclose(logits_of(model, moved_joint=nowhere), logits)
        with pytest.raises(ModelError, match="needs moved_joint"):
            poses, mask, more = inputs(model)
            model(poses, mask, frames=more["frames"])


@pytest.mark.parametrize(("shared", "networks"), [(True, 1), (False, 3)])
def test_several_frames(shared, networks):
    model = make(image_frames=3, share_frames=shared)
    assert len(model.rgb) == len(model.attention) == networks
    assert logits_of(model).isfinite().all()
    poses, mask, more = inputs(model)
    with pytest.raises(ShapeError, match="frames: expected shape"):
        model(poses, mask, frames=more["frames"][:, :2], moved_joint=more["moved_joint"])


@pytest.mark.parametrize("options", [{}, {"skeleton": "bi_lstm"}, {"fusion": "decision"}])
def test_a_clip_without_a_picture_is_judged_by_its_skeleton(options):
    model = make(**options)
    there = torch.tensor([True, False, True])
    expected = logits_of(model, rgb_mask=there)
    other = inputs(model)[2]["frames"].clone()
    other[1] += 1
    torch.testing.assert_close(logits_of(model, rgb_mask=there, frames=other), expected)
    everything = logits_of(model)
    torch.testing.assert_close(expected[there], everything[there])
    assert not torch.allclose(expected[1], everything[1])


def test_streams_start_from_runs_of_their_own():
    model = make()
    skeleton = create_model("st_gcn", "sbu_15", 7, generator=seeded(5), width=4, temporal_kernel=3)
    frame = create_model(
        "xception_frame", "sbu_15", 7, generator=seeded(6), image_width=0.02, image_size=48
    )
    assert load_stream(model, "skeleton", skeleton.state_dict()) == []
    assert load_stream(model, "rgb", frame.state_dict()) == []
    assert torch.equal(model.skeleton.blocks[3].temporal.weight, skeleton.blocks[3].temporal.weight)
    assert torch.equal(model.rgb[0].conv1.weight, frame.rgb.conv1.weight)


def test_every_network_of_several_starts_alike():
    model, one = make(image_frames=3), make(seed=4)
    assert load_stream(model, "rgb", one.state_dict()) == []
    for network in model.rgb:
        assert torch.equal(network.conv3.pointwise.weight, one.rgb[0].conv3.pointwise.weight)


def test_decision_fusion_takes_over_the_classifiers_of_its_classes():
    model, other = make(fusion="decision"), make(seed=3, fusion="decision")
    assert set(model.head_names) == {"skeleton.head", "rgb.0.fc"}
    assert load_stream(model, "skeleton", other.skeleton.state_dict()) == []
    fresh = load_weights(model, other.state_dict(), replace_head=True)
    assert {name.rpartition(".")[0] for name in fresh} == set(model.head_names)


def test_decisions_are_a_weighted_sum_of_probabilities():
    one, two = torch.randn(5, 4, generator=seeded()), torch.randn(5, 4, generator=seeded(1))
    fused = fuse_decisions(one, two, torch.full((5,), 0.3))
    torch.testing.assert_close(fused.exp(), 0.7 * one.softmax(1) + 0.3 * two.softmax(1))


def test_the_share_is_chosen_by_what_is_right():
    model = make(fusion="decision")
    labels = torch.arange(40) % 4
    right = torch.nn.functional.one_hot(labels, 4).float()
    noise = torch.randn(40, 4, generator=seeded())
    assert model.choose_share(noise, 5 * right, labels) > 0.5
    assert model.choose_share(5 * right, noise, labels) < 0.5
    before = logits_of(model)
    model.choose_share(noise, 5 * right, labels)
    assert not torch.allclose(logits_of(model), before)
    assert "share" in model.state_dict()


def test_each_stream_of_decisions_learns_alone():
    model = make(fusion="decision").train()
    poses, mask, more = inputs(model)
    moved, looked, fused = model.forward_heads(poses, mask, **more)
    assert moved.requires_grad and looked.requires_grad and not fused.requires_grad


def test_all_attention_can_be_looked_at():
    model = make()
    with record(model) as seen:
        logits_of(model)
    shapes = {path: tuple(one.values[0].shape) for path, one in seen.items()}
    assert shapes == {
        "attention.0.by_itself.map": (3, 2, 2, 2),
        "attention.0.by_skeleton.map": (3, 1, 2, 2),
        "fusion.relation.mask": (3, 4 + 15, 4 + 15),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 16}, "image_size of at least 32"),
        ({"square": 0.0}, "square above 0"),
        ({"share": 1.5}, r"share in \[0, 1\]"),
        ({"skeleton": "csta_cnn", "skeleton_options": ()}, "cannot be the skeleton stream"),
        ({"skeleton": "lstmm"}, "did you mean 'lstm'"),
        ({"skeleton_options": ("width",)}, "expected NAME=VALUE"),
        ({"skeleton_options": ("depth=3",)}, "no option 'depth'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ModelError, match=message):
        make(**options)
