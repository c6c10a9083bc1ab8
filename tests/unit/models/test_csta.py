"""CSTA-CNN: options, masks and what can be seen of its attention."""

import pytest
import torch

from gesta.errors import ModelError
from gesta.explain import record
from gesta.models import create_model
from gesta.nn import CoupledAttention
from gesta.training import find_recipe

SMALL = {"width": 8, "joints": 16, "hidden": (16, 16), "dropout": 0.0}


def made(**options):
    generator = torch.Generator().manual_seed(0)
    return create_model("csta_cnn", "sbu_15", 5, generator=generator, **{**SMALL, **options}).eval()


def example(clips=3, persons=2, frames=30):
    mask = torch.ones(clips, persons, frames, dtype=torch.bool)
    mask[1, 1] = False
    mask[2, :, -5:] = False
    shape = (clips, persons, frames, 15, 3)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)), mask


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"frames": 7}, "frames=7"),
        ({"joints": 7}, "joints=7"),
        ({"co_occurrence": True, "width": 4}, "width=4"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"hidden": (16, 0)}, r"hidden=\(16, 0\)"),
    ],
)
def test_options_out_of_range_are_errors(options, found):
    with pytest.raises(ModelError, match=found):
        made(**options)


@pytest.mark.parametrize("hidden", [(), (12,), (12, 10, 8)])
def test_any_number_of_hidden_layers(hidden):
    model = made(hidden=hidden)
    assert model(*example()).shape == (3, 5)
    assert model.head.in_features == (hidden[-1] if hidden else 2 * model.position.width)


@pytest.mark.parametrize("frames", [8, 15, 31])
@pytest.mark.parametrize("co_occurrence", [False, True])
def test_lengths_that_pooling_does_not_divide(frames, co_occurrence):
    model = made(frames=frames, co_occurrence=co_occurrence)
    poses, mask = example(frames=frames)
    assert torch.isfinite(model(poses, mask)).all()


def test_without_attention_there_is_nothing_of_it_to_learn():
    model = made(spatial=False, temporal=False)
    assert not [name for name, _ in model.named_parameters() if "attention" in name]
    with record(model) as seen:
        model(*example())
    assert not any(recorded.values for recorded in seen.values())


def test_the_order_of_persons_does_not_matter():
    model = made()
    poses, mask = example(persons=3)
    torch.testing.assert_close(model(poses.flip(1), mask.flip(1)), model(poses, mask))


def test_attention_can_be_looked_at_for_every_person_of_every_clip():
    model = made()
    poses, mask = example()
    before = model(poses, mask)
    with record(model) as seen:
        logits = model(poses, mask)
    torch.testing.assert_close(logits, before)
    for stream in ("position", "motion"):
        found = {
            name: seen[f"{stream}.attention.{name}"].values[0]
            for name in ("joint_weights", "frame_weights", "map")
        }
        assert found["map"].shape == (6, 30, 15)
        torch.testing.assert_close(
            found["map"], found["frame_weights"][:, :, None] * found["joint_weights"][:, None]
        )
    assert not torch.equal(found["map"][0], found["map"][1])


def test_attention_starts_alike_for_all_joints_and_frames_that_do_not_move():
    attention = CoupledAttention(30, 15, 3, "tanh")
    weights = attention.weights(torch.zeros(1, 30, 15, 3))
    assert weights.unique().numel() == 1 and weights.min() > 0.5


@pytest.mark.parametrize("dataset", [None, "uestc", "utd_mhad", "nw_ucla", "sbu"])
def test_recipes_build_models_that_take_their_input(dataset):
    recipe = find_recipe("csta_cnn", dataset)
    with torch.device("meta"):
        model = create_model(
            "csta_cnn", "sbu_15", 5, 3, recipe.input.frames, recipe.input.persons, **recipe.options
        )
    assert model.frames == recipe.input.frames == 30
    papers = {None: (0.9, 1.0), "uestc": (0.5, 1.0)}  # those of NTU and of UESTC
    assert recipe.augment.crop == papers.get(dataset, (0.8, 1.0))


@pytest.mark.parametrize("dataset", ["ntu60", "uestc"])
def test_settings_are_the_paper_s(dataset):
    """Section 3.1; the optimizer, the activation, sizes and dropout are reconstructed."""
    recipe = find_recipe("csta_cnn", dataset)
    options, optimizer, schedule = recipe.options, recipe.optimizer, recipe.schedule
    assert (recipe.input.frames, recipe.input.sampling) == (30, "random_or_crop")
    assert (recipe.input.crop, recipe.input.views) == (1.0, 1)
    assert options["spatial"] and options["temporal"] and not options["co_occurrence"]
    assert (options["activation"], options["joints"], options["width"]) == ("tanh", 30, 32)
    assert (options["hidden"], options["dropout"]) == ((256, 128), 0.5)
    assert (optimizer.name, optimizer.lr, schedule.name) == ("adam", 1e-3, "plateau")
    assert (schedule.factor, recipe.loop.batch, recipe.loop.epochs) == (0.5, 64, 100)
    assert not (recipe.augment.deforms or recipe.loop.label_smoothing or recipe.loop.ema)
