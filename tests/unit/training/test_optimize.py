import pytest
import torch
from torch import nn

from gesta.errors import RecipeError
from gesta.training import LoopOptions, OptimizerOptions
from gesta.training.optimize import (
    MovingAverage,
    balanced_weights,
    make_optimizer,
    set_learning_rate,
)


def make_model():
    with torch.random.fork_rng():
        torch.set_rng_state(torch.Generator().manual_seed(0).get_state())
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.parametrize(("name", "kind"), [("sgd", "SGD"), ("adam", "Adam"), ("adamw", "AdamW")])
def test_each_option_reaches_the_optimizer(name, kind):
    options = OptimizerOptions(name, lr=0.3, momentum=0.8, weight_decay=0.02, nesterov=True)
    optimizer = make_optimizer(make_model(), options)
    assert type(optimizer).__name__ == kind
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.02)
    if name == "sgd":
        assert group["momentum"] == 0.8 and group["nesterov"]
    else:
        assert group["betas"] == (0.8, 0.999) and group["fused"]


def test_biases_and_norms_can_do_without_decay():
    optimizer = make_optimizer(make_model(), OptimizerOptions(decay_all=False, weight_decay=0.1))
    decays = {
        weight.ndim: group["weight_decay"]
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    assert decays == {2: 0.1, 1: 0.0}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 6


def test_frozen_weights_are_not_optimised():
    model = make_model()
    model[0].requires_grad_(False)
    (group,) = make_optimizer(model, OptimizerOptions()).param_groups
    assert len(group["params"]) == 4


@pytest.mark.parametrize("decay_all", [True, False])
def test_streams_learn_at_a_share_of_the_rate(decay_all):
    model = make_model()
    plain = make_optimizer(model, OptimizerOptions(streams=0.1)).param_groups
    assert len(plain) == 1  # it has no streams
    model.stream_names, model.head_names = ("0", "1"), ("1",)  # a stream has a classifier
    options = OptimizerOptions(streams=0.1, decay_all=decay_all, weight_decay=0.01)
    optimizer = make_optimizer(model, options)
    set_learning_rate(optimizer, 0.5)
    rates = {id(w): group["lr"] for group in optimizer.param_groups for w in group["params"]}
    for name, weight in model.named_parameters():
        assert rates.pop(id(weight)) == (0.05 if name.startswith("0") else 0.5), name
    assert not rates
    # So do they when a training goes on from a checkpoint; and with nothing else to learn.
    again = make_optimizer(model, options)
    again.load_state_dict(optimizer.state_dict())
    set_learning_rate(again, 1.0)
    assert {group["lr"] for group in again.param_groups} == {1.0, 0.1}
    model[1].requires_grad_(False)
    model[2].requires_grad_(False)
    only = make_optimizer(model, options)
    set_learning_rate(only, 1.0)
    assert {group["lr"] for group in only.param_groups} == {0.1}


def test_balanced_weights_by_hand():
    weights = balanced_weights(torch.tensor([0, 0, 0, 1]), 3)
    assert weights.tolist() == pytest.approx([4 / 9, 4 / 3, 0])
    assert balanced_weights(torch.tensor([0, 0, 1, 1]), 2).tolist() == [1, 1]


def test_moving_average_by_hand():
    model = make_model()
    average = MovingAverage(model, 0.5)
    start = model[0].weight.detach().clone()
    with torch.no_grad():
        model[0].weight += 1
        model[1].running_mean += 2
        model[1].num_batches_tracked += 7
    average.update(model)
    # The first decay is (1 + 0) / (10 + 0).
    torch.testing.assert_close(average.model[0].weight, start + 0.9)
    torch.testing.assert_close(average.model[1].running_mean, torch.full((4,), 1.8))
    assert average.model[1].num_batches_tracked == 7
    for _ in range(200):
        average.update(model)
    torch.testing.assert_close(average.model[0].weight, start + 1)
    assert not any(weight.requires_grad for weight in average.model.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OptimizerOptions(lr=0.0), "optimizer.lr"),
        (lambda: OptimizerOptions(lr=float("inf")), "optimizer.lr"),
        (lambda: OptimizerOptions(momentum=1.0), "optimizer.momentum"),
        (lambda: OptimizerOptions(momentum=0.0), "nesterov needs a momentum"),
        (lambda: OptimizerOptions(weight_decay=-1.0), "optimizer.weight_decay"),
        (lambda: OptimizerOptions(gradient_clip=-1.0), "optimizer.gradient_clip"),
        (lambda: OptimizerOptions(streams=0.0), "optimizer.streams"),
        (lambda: LoopOptions(batch=0), "loop.batch"),
        (lambda: LoopOptions(ema=1.0), "loop.ema"),
        (lambda: LoopOptions(label_smoothing=1.0), "loop.label_smoothing"),
        (lambda: LoopOptions(early_stop=-1), "loop.early_stop"),
    ],
)
def test_values_out_of_range(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
