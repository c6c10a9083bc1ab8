"""Cross-attention ST-GCN: its branch, its variants, what it takes; and SAN in a scene."""

import pytest
import torch
from torch.nn import functional

from gesta.errors import ModelError, ShapeError
from gesta.explain import record
from gesta.models import count, create_model, model_entry
from gesta.models.context_branch import (
    ContextBranch,
    context_vectors,
    mean_in_time,
    shown_frames,
)
from gesta.nn import fold_batch_norm

SMALL = model_entry("cross_attention").small


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make(**options):
    """A narrow model in evaluation mode, its norms as after some training."""
    given = {**SMALL, "num_classes": 4, "frames": 8, **options}
    generator = torch.Generator().manual_seed(0)
    model = create_model("cross_attention", "sbu_15", **given, generator=generator).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_mean") or name.endswith("norm.bias"):
                value.copy_(0.2 * torch.randn(value.shape, generator=generator))
    return model


def inputs(clips=2, persons=2, frames=8):
    mask = torch.ones(clips, persons, frames, dtype=torch.bool)
    return drawn(clips, persons, frames, 15, 3), mask, drawn(clips, 3, frames, 16, 16, seed=1)


def test_the_branch_of_table_2():
    model = create_model("cross_attention", "openpose_18", 400)
    assert sum(p.numel() for p in model.branch.parameters()) == 2_902_208
    layers = {layer.name: layer for layer in count(model, 16, 2).layers}
    shown = ("layer0.convolution", "pool", "layer1.2.expand.convolution")
    sizes = [layers[f"branch.{name}"].output[2:] for name in shown]
    assert sizes == [(16, 56, 56), (8, 28, 28), (8, 28, 28)]
    assert layers["branch.layer0.convolution"].kernel == (7, 7, 7)
    assert layers["branch.pool"].kernel == (3, 3, 3)
    assert layers["branch.layer2.3.expand.convolution"].output == (1, 512, 4, 14, 14)
    assert layers["skeleton.blocks.6.graph"].kernel == (1, 3)
    assert layers["attentions.gcn6.relevance.context"].output == (1, 4, 196, 384)


@pytest.mark.parametrize(
    ("places", "length", "billions"),
    [((6,), 4, 8.08), ((8,), 4, 8.08), ((3,), 8, 9.93), ((6, 3), 8, 9.93), ((0,), 16, 16.56)],
)
def test_the_context_is_as_long_as_the_earliest_place(places, length, billions):
    model = create_model("cross_attention", "openpose_18", 400, places=places)
    layers = [layer for layer in count(model, 16, 2).layers if layer.name.startswith("branch")]
    total = sum(layer.multiply_adds.get("convolution", 0) for layer in layers)
    assert layers[-1].output[2] == length and round(total / 1e9, 2) == billions


@pytest.mark.parametrize(
    ("options", "taken", "parameters"),
    [
        ({"variant": "skeleton_only"}, (), 3_126_504),
        ({"variant": "rgb_only"}, ("video", "rgb_mask"), 2_902_208 + 513 * 400),
        ({"variant": "concat"}, ("video", "rgb_mask"), 6_233_512),
        ({"combine": "self_only"}, (), 3_126_504 + 257 * 256),
        ({"context": "features"}, ("context", "rgb_mask"), 6_390_185 - 2_902_208),
    ],
)
def test_what_is_not_needed_is_not_there(options, taken, parameters):
    model = create_model("cross_attention", "openpose_18", 400, **options)
    assert model.inputs == ("poses", "mask", *taken)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_the_skeleton_alone_is_st_gcn():
    model, (poses, mask, _) = make(variant="skeleton_only"), inputs()
    mask[1, 1], mask[0, 0, 5:] = False, False
    plain = create_model(
        "st_gcn", "sbu_15", 4, frames=8, blocks=9, width=8, temporal_kernel=3, dropout=0.0
    )
    state = model.state_dict()
    plain.load_state_dict({name.removeprefix("skeleton."): state[name] for name in state})
    torch.testing.assert_close(model(poses, mask), plain.eval()(poses, mask))


@pytest.mark.parametrize("variant", ["cross_attention", "concat", "rgb_only"])
@pytest.mark.parametrize("training", [False, True])
def test_padded_frames_of_the_video_change_nothing(variant, training):
    short = make(variant=variant, places=(0, 6), frames=7).train(training)
    long = make(variant=variant, places=(0, 6), frames=12).train(training)
    long.load_state_dict(short.state_dict())
    poses, mask, video = inputs(frames=7)
    mask[0, :, 2:4] = False  # nobody is seen for a while: the scene still is
    expected = short(poses, mask, video=video)
    poses = functional.pad(poses, (0, 0, 0, 0, 0, 5), value=float("nan"))
    video = functional.pad(video, (0, 0, 0, 0, 0, 5), value=float("nan"))
    found = long(poses, functional.pad(mask, (0, 5)), video=video)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    for name, value in long.state_dict().items():
        torch.testing.assert_close(value, short.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_frames_that_count():
    mask = torch.zeros(3, 2, 5, dtype=torch.bool)
    mask[0, 0, 1], mask[0, 1, 3], mask[1, 0, 4] = True, True, True
    assert shown_frames(mask).tolist() == [[True] * 4 + [False], [True] * 5, [True] * 5]


@pytest.mark.parametrize("keep", [None, [1, 1, 1, 1, 1, 0, 0]])
def test_a_context_is_averaged_in_time_over_valid_frames(keep):
    context = torch.arange(7.0).view(1, 7, 1, 1)
    keep = None if keep is None else torch.tensor([keep], dtype=torch.bool)
    expected = [1, 4, 6] if keep is None else [1, 3.5, 0]
    assert mean_in_time(context, keep, 3).flatten().tolist() == expected
    assert mean_in_time(context[:, :6], None, 3).flatten().tolist() == [1, 4]


def test_a_grid_of_contexts():
    maps = drawn(2, 8, 3, 4, 4).contiguous(memory_format=torch.channels_last_3d)
    for grid, contexts in ((1, 1), (2, 4), (3, 9), (4, 16), (14, 16)):
        vectors = context_vectors(maps, grid)
        assert vectors.shape == (2, 3, contexts, 8)
    torch.testing.assert_close(context_vectors(maps, 1)[:, :, 0], maps.mean((3, 4)).mT)
    assert torch.equal(context_vectors(maps, 14)[1, 2, 5], maps[1, :, 2, 1, 1])


def test_all_persons_look_at_the_same_scene():
    model, (poses, mask, video) = make(), inputs()
    mask[0, 1] = False
    expected = model(poses, mask, video=video)
    found = model(poses.flip(1), mask.flip(1), video=video)
    torch.testing.assert_close(found, expected)
    alone = model(poses[:1, :1], mask[:1, :1], video=video[:1])
    torch.testing.assert_close(alone, expected[:1])
    assert (model(poses, mask, video=video.flip(0)) - expected).abs().max() > 1e-5


@pytest.mark.parametrize("variant", ["cross_attention", "concat", "rgb_only"])
def test_a_clip_without_video_is_judged_without(variant):
    model, (poses, mask, video) = make(variant=variant), inputs()
    there = torch.tensor([True, False])
    found = model(poses, mask, video=video, rgb_mask=there)
    torch.testing.assert_close(found[0], model(poses, mask, video=video)[0])
    video[1] = float("nan")
    torch.testing.assert_close(model(poses, mask, video=video, rgb_mask=there), found)
    if variant == "rgb_only":
        torch.testing.assert_close(found[1], model.head.bias)
    if variant == "cross_attention":
        alone = make(combine="self_only")
        state = {name: value for name, value in model.state_dict().items()}
        alone.load_state_dict({name: state[name] for name in alone.state_dict()})
        torch.testing.assert_close(found[1:], alone(poses[1:], mask[1:]))


def test_features_of_something_else_are_a_context():
    model, (poses, mask, _) = make(context="features", context_channels=6, places=(0, 6)), inputs()
    features = drawn(2, 8, 5, 6)
    assert model(poses, mask, context=features).shape == (2, 4)
    mask[1, :, 5:] = False
    expected = model(poses, mask, context=features)
    features[1, 5:] = float("nan")
    torch.testing.assert_close(model(poses, mask, context=features), expected)


def test_captions_are_a_context():
    """The paper's outlook: embedded sentences that describe the clip, not its frames."""
    model, (poses, mask, _) = make(context="features", context_channels=6), inputs()
    captions = drawn(2, 1, 3, 6)
    found = model(poses, mask, context=captions)
    torch.testing.assert_close(found, model(poses, mask, context=captions.expand(-1, 8, -1, -1)))
    assert not torch.allclose(found, model(poses, mask, context=captions.flip(0)), atol=1e-5)


def test_norms_without_bias_are_folded():
    model, (poses, mask, video) = make(), inputs()
    mask[0, :, 6:] = False
    folded = fold_batch_norm(model)
    expected = model(poses, mask, video=video)
    torch.testing.assert_close(folded(poses, mask, video=video), expected)
    assert folded.state_dict().keys() == model.state_dict().keys()
    model.load_state_dict(folded.state_dict())
    torch.testing.assert_close(model(poses, mask, video=video), expected)


def test_convolutions_run_in_channels_last():
    branch, formats = ContextBranch(16, 4), []
    for part in branch.modules():
        if isinstance(part, torch.nn.Conv3d):
            part.register_forward_pre_hook(lambda _, given: formats.append(given[0]))
    with torch.autocast("cpu", torch.bfloat16):
        branch(drawn(2, 3, 8, 32, 32))
    layouts = [x.is_contiguous(memory_format=torch.channels_last_3d) for x in formats]
    assert len(layouts) == 24 and all(layouts)


def test_attention_is_recorded_for_every_person():
    model, (poses, mask, video) = make(places=(0, 6)), inputs(clips=3)
    mask[1, 1] = False
    with record(model) as seen, torch.no_grad():
        model(poses, mask, video=video)
    assert seen["attentions.gcn0.f_cross"].values[0].shape == (6, 8, 15)
    crossed, both = (seen[f"attentions.gcn6.{name}"].values[0] for name in ("f_cross", "g"))
    assert crossed.shape == (6, 2, 15) and both.shape == (6, 2, 15, 32)
    assert (crossed > 0).all() and (crossed < 1).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"video": None}, "found none"),
        ({"video": torch.zeros(2, 3, 8, 16, 20)}, "W=16"),
        ({"video": torch.zeros(2, 3, 7, 16, 16)}, "T=8"),
    ],
)
def test_another_video_is_an_error(changed, message):
    poses, mask, _ = inputs()
    with pytest.raises(ShapeError, match=message):
        make()(poses, mask, **changed)


@pytest.mark.parametrize(
    "options",
    [
        {"places": ()},
        {"places": (9,)},
        {"video_size": 8},
        {"context_width": 2},
        {"context_grid": 0},
    ],
)
def test_impossible_options(options):
    with pytest.raises(ModelError, match="found places="):
        make(**options)


def san(**options):
    given = {"width": 32, "layers": 1, "heads": 2, "frames": 8, "context_channels": 6, **options}
    generator = torch.Generator().manual_seed(0)
    return create_model("san_v2", "sbu_15", 4, **given, generator=generator).eval()


def test_san_in_its_scene():
    """Cross-attention after the convolution in time of its encoders, without a change of sizes."""
    model, (poses, mask, _) = san(), inputs()
    assert model.inputs == ("poses", "mask", "context", "rgb_mask")
    mask[0, 1], mask[1, 0, 5:] = False, False
    context = drawn(2, 8, 5, 6)
    expected = model(poses, mask, context=context)
    other = model(poses, mask, context=context.flip(0))
    assert (expected - other).abs().max() > 1e-6
    hidden = poses.masked_fill(~mask[..., None, None], 7.0)
    torch.testing.assert_close(model(hidden, mask, context=context), expected)
    alone = model(poses[1:], mask[1:], context=context[1:])
    torch.testing.assert_close(alone, expected[1:])


def test_san_in_its_scene_in_segments():
    model, (poses, mask, _) = san(segments=2), inputs()
    caption = drawn(2, 1, 3, 6)
    expected = model(poses, mask, context=caption.expand(-1, 8, -1, -1))
    torch.testing.assert_close(model(poses, mask, context=caption), expected)
    with pytest.raises(ShapeError, match="found none"):
        model(poses, mask)


@pytest.mark.parametrize("segments", [1, 2])
def test_a_clip_without_context_is_judged_by_san_without(segments):
    model, (poses, mask, _) = san(segments=segments), inputs(clips=3)
    mask[0, 1], mask[1, 0, 5:] = False, False
    context, there = drawn(3, 8, 5, 6), torch.tensor([True, False, True])
    whole = model(poses, mask, context=context)
    context[1] = float("nan")  # what stands there is not looked at
    found = model(poses, mask, context=context, rgb_mask=there)
    assert torch.equal(found[there], whole[there])
    assert (found[1] - whole[1]).abs().max() > 1e-6
    found.sum().backward()
    assert all(value.grad.isfinite().all() for value in model.parameters() if value.requires_grad)
    for encoder in (model.trunk.position, model.trunk.motion):  # f_self alone: equation 1
        own = encoder.attention.attend
        encoder.attention.forward = lambda x, *scene, own=own: own(x)
    torch.testing.assert_close(found[1], model(poses, mask, context=context)[1], rtol=0, atol=0)


def test_an_encoder_without_joints_has_no_scene():
    with pytest.raises(ModelError, match="encoder ff"):
        san(encoder="ff")
