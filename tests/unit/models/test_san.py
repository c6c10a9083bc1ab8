"""SAN: options, masks, heads, segments and what can be seen of its attention."""

import pytest
import torch

from gesta.errors import ModelError, ShapeError
from gesta.explain import record
from gesta.models import count, create_model
from gesta.training import find_recipe

SMALL = {"width": 32, "layers": 2, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0}
VARIANTS = ("san_v1", "san_v2", "san_v3")


def made(name, **options):
    generator = torch.Generator().manual_seed(0)
    model = create_model(name, "sbu_15", 5, generator=generator, **{**SMALL, **options})
    return model.eval()


def example(model, clips=3, persons=2, seed=0):
    shape = (clips, model.persons or persons, model.frames, 15, 3)
    mask = torch.ones(shape[:3], dtype=torch.bool)
    mask[1, 1] = False
    mask[2, :, -5:] = False
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)), mask


def test_sizes_that_are_not_given():
    assert (made("san_v1").frames, made("san_v1").persons) == (32, 2)
    assert (made("san_v2").frames, made("san_v2").persons) == (32, None)
    assert made("san_v2", person_merge="concat").persons == 2
    assert made("san_v3", segments=3).frames == 96
    assert made("san_v2", segments=3, frames=24).frames == 24


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"heads": 3}, "heads=3"),
        ({"layers": 0}, "layers=0"),
        ({"segments": 0}, "0 segments"),
        ({"segments": 3, "frames": 32}, "found 32"),
        ({"dropout": 1.0}, "found 1.0"),
        ({"attention_dropout": -0.1}, "found -0.1"),
        ({"feed_forward": 0}, "feed_forward=0"),
    ],
)
def test_options_that_do_not_go_together_are_errors(name, options, found):
    with pytest.raises(ModelError, match=found):
        made(name, **options)


def test_a_narrow_model_has_all_filters_of_the_convolutions():
    sizes = {"layers": 1, "heads": 1, "width": 24}
    narrow = made("san_v2", **sizes).trunk.motion
    assert (
        narrow.project.out_features
        == 24
        == made("san_v2", encoder="ff", **sizes).trunk.motion.width
    )
    assert made("san_v2", encoder="ff", **sizes).trunk.block.positions.shape == (32, 48)
    paper = made("san_v2", width=512, layers=1).trunk.motion
    assert paper.project is None
    for layer in ("points", "time", "joints", "last"):
        assert getattr(narrow, layer).weight.shape == getattr(paper, layer).weight.shape


def test_another_number_of_frames_is_an_error():
    model = made("san_v2")
    poses, _ = example(model)
    with pytest.raises(ShapeError, match="T=32"):
        model(poses[:, :, :16])


@pytest.mark.parametrize("name", VARIANTS)
def test_motion_ends_at_the_border_of_a_segment(name):
    """The segments of a clip are clips of their own: their logits averaged are the whole's."""
    whole, part = made(name, segments=2, frames=16), made(name, frames=8)
    part.load_state_dict(whole.state_dict())
    poses, mask = example(whole)
    mask[2] = True
    halves = [part(poses[:, :, s], mask[:, :, s]) for s in (slice(0, 8), slice(8, 16))]
    torch.testing.assert_close(whole(poses, mask), (halves[0] + halves[1]) / 2)


def test_segments_cost_no_parameters():
    one, three = count(made("san_v2")), count(made("san_v2", segments=3))
    assert three.parameters == one.parameters
    assert three.multiply_adds == 3 * one.multiply_adds


def test_v3_has_three_classifiers_and_predicts_by_the_one_of_both():
    model = made("san_v3")
    poses, mask = example(model)
    heads = model.forward_heads(poses, mask)
    assert [head.shape for head in heads] == [(3, 5)] * 3
    assert torch.equal(model(poses, mask), heads[-1])
    features = model.trunk(poses, mask)
    assert torch.equal(torch.cat(features[:2], -1), features[2])
    assert len(made("san_v1").forward_heads(poses, mask)) == 1


@pytest.mark.parametrize("merge", ["max", "mean"])
def test_the_order_of_persons_does_not_matter(merge):
    model = made("san_v2", person_merge=merge)
    poses, mask = example(model, persons=3)
    torch.testing.assert_close(model(poses.flip(1), mask.flip(1)), model(poses, mask))


def test_concatenated_persons_have_an_order():
    model = made("san_v2", person_merge="concat")
    poses, mask = example(model)
    assert not torch.allclose(model(poses.flip(1), mask.flip(1)), model(poses, mask), atol=1e-4)


def test_position_is_known_to_the_block():
    model = made("san_v2")
    poses, mask = example(model)
    with torch.no_grad():
        model.trunk.block.positions.mul_(50)
        shifted = model.trunk.block.positions.roll(3, 0).clone()
        before = model(poses, mask)
        model.trunk.block.positions.copy_(shifted)
    assert not torch.allclose(model(poses, mask), before, atol=1e-4)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("segments", [1, 2])
def test_attention_that_is_looked_at_gives_the_same_logits(name, segments):
    model = made(name, segments=segments, frames=8)
    poses, mask = example(model)
    before = model(poses, mask)
    with record(model) as seen:
        logits = model(poses, mask)
    torch.testing.assert_close(logits, before)
    assert torch.equal(model(poses, mask), before)
    blocks = 2 if name == "san_v3" else 1
    assert len(seen) == blocks * SMALL["layers"]
    frames = 8 // segments
    rows = 3 * segments * (2 if name == "san_v2" else 1)
    for recorded in seen.values():
        assert recorded.names == ("rows", "heads", "query", "key")
        (weights,) = recorded.values
        assert weights.shape == (rows, SMALL["heads"], frames, frames)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


def test_no_frame_attends_to_a_masked_one():
    model = made("san_v2", frames=8)
    poses, mask = example(model)
    with record(model) as seen:
        model(poses, mask)
    for recorded in seen.values():
        weights = recorded.values[0].unflatten(0, (3, 2))
        assert weights[2, ..., -5:].abs().max() == 0
        assert weights[2, ..., :-5].min() > 0


def test_attention_in_front_starts_near_the_poses_and_learns():
    model = made("san_v2", coupled_attention="sigmoid", frames=8)
    poses, mask = example(model)
    model(poses, mask).square().sum().backward()
    assert all(p.grad.any() for p in model.attention.parameters())
    for parameter in (model.attention.spatial_weight, model.attention.temporal_weight):
        torch.nn.init.zeros_(parameter)
    weight = torch.tensor(1.0).sigmoid() ** 2  # what biases of 1 give every joint and frame
    torch.testing.assert_close(model.attention(poses.flatten(0, 1)), weight * poses.flatten(0, 1))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("dataset", [None, "kinetics", "utd_mhad", "nw_ucla", "sbu"])
def test_recipes_build_models_that_take_their_input(name, dataset):
    recipe = find_recipe(name, dataset)
    with torch.device("meta"):
        model = create_model(
            name, "sbu_15", 5, 3, recipe.input.frames, recipe.input.persons, **recipe.options
        )
    assert (model.frames, model.persons) == (recipe.input.frames, recipe.input.persons)
    assert recipe.input.crop == 0.9
    if dataset in (None, "kinetics"):  # the paper's data sets, with its optimizer and schedule
        assert (recipe.optimizer.name, recipe.schedule.name) == ("adam", "plateau")
        assert recipe.schedule.watch == "top1"


@pytest.mark.parametrize(("dataset", "frames", "layers"), [("ntu60", 32, 4), ("kinetics", 64, 8)])
@pytest.mark.parametrize("name", VARIANTS)
def test_settings_are_the_paper_s(name, dataset, frames, layers):
    """Section 5.2; the rate and the decay of weights are reconstructed."""
    recipe = find_recipe(name, dataset)
    options, optimizer, schedule = recipe.options, recipe.optimizer, recipe.schedule
    assert (recipe.input.frames, recipe.input.sampling) == (frames, "resize")
    assert recipe.input.persons == 2
    assert (options["layers"], options["heads"], options["encoder"]) == (layers, 8, "cnn")
    assert (options["width"], options["feed_forward"]) == (512, 4)
    assert (options["dropout"], options["attention_dropout"]) == (0.5, 0.2)
    assert (recipe.augment.crop, recipe.input.crop) == ((0.5, 1.0), 0.9)
    assert (optimizer.name, optimizer.lr, optimizer.weight_decay) == ("adam", 1e-4, 1e-4)
    assert (schedule.name, schedule.factor, schedule.patience) == ("plateau", 0.5, 5)
    assert (recipe.loop.batch, recipe.loop.epochs) == (64, 200 if dataset == "ntu60" else 100)
    assert recipe.input.confidence == (dataset == "kinetics")
    assert not (recipe.augment.deforms or recipe.loop.label_smoothing or recipe.loop.ema)
