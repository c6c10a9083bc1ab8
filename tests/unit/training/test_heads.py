"""Losses of models with several classifiers, and that models with one train as they always did."""

import copy
import shutil

import pytest
import torch
from torch.nn.functional import cross_entropy

from gesta.archive import open_archive
from gesta.evaluation import forward
from gesta.training import find_recipe, single, train
from gesta.training import loop as loop_module
from gesta.training.loop import train_step
from gesta.training.seeds import generator_for

NARROW = {"width": 32, "layers": 1, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0}


@pytest.fixture
def begun(archive_path):
    """A function that begins a training of SAN and gives its session and a first batch."""

    def begin(model="san_v3", **loop):
        own = {
            "data": str(archive_path),
            "protocol": "by_subject",
            "model": NARROW,
            "input": {"frames": 8, "persons": 1},
            "loop": {"batch": 8, "device": "cpu", **loop},
        }
        recipe = find_recipe(model, None, own)
        archive = open_archive(recipe.data)
        session, _ = single.begin(recipe, archive, single.divide(archive, recipe))
        batch = session.train.batch(torch.arange(8))
        generator = generator_for(0, "augment", 0)
        return session, session.pipeline(batch, training=True, generator=generator)

    return begin


def gradients(model):
    return {name: weight.grad for name, weight in model.named_parameters()}


def expected_gradients(model, batch):
    """Those of the losses of the three classifiers, added, as section 4.3 of the paper has it."""
    model = copy.deepcopy(model)
    position, motion, both = model.forward_heads(batch.poses, batch.mask)
    loss = sum(cross_entropy(logits, batch.labels) for logits in (position, motion, both))
    loss.backward()
    return gradients(model)


def test_every_classifier_learns(begun):
    session, batch = begun()
    expected = expected_gradients(session.model, batch)
    losses, logits = train_step(session, batch, None)
    torch.testing.assert_close(gradients(session.model), expected)
    assert losses.shape == (3,) and logits.shape == (8, 3)
    assert losses[-1] == pytest.approx(float(cross_entropy(logits, batch.labels)))
    heads = [found for name, found in expected.items() if name.startswith("heads")]
    assert len(heads) == 6 and all(gradient.abs().max() > 0 for gradient in heads)


def test_every_classifier_learns_in_bf16(begun):
    session, batch = begun(bf16=True)
    expected = expected_gradients(session.model, batch)
    train_step(session, batch, None)
    for name, gradient in gradients(session.model).items():
        assert gradient.dtype == torch.float32
        assert (gradient - expected[name]).norm() <= 0.2 * expected[name].norm() + 1e-6, name


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="compiling needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
def test_every_classifier_learns_compiled(begun, monkeypatch):
    session, batch = begun(compile=True)
    expected = expected_gradients(session.model, batch)
    written, calls = type(session.model).forward_heads, []

    def counted(self, *given):
        if not torch.compiler.is_compiling():
            calls.append(given)
        return written(self, *given)

    monkeypatch.setattr(type(session.model), "forward_heads", counted)
    train_step(session, batch, None)
    assert calls == [], "the method runs as it is written instead of compiled"
    torch.testing.assert_close(gradients(session.model), expected, rtol=1e-3, atol=1e-5)


def test_a_clip_that_shows_nobody_stops_no_training(begun):
    session, batch = begun()
    absent = batch.mask.clone()
    absent[0] = False
    losses, _ = train_step(session, batch.replace(mask=absent), None)
    assert losses.isfinite().all()


@pytest.mark.parametrize("model", ["st_gcn", "san_v2", "csta_cnn"])
def test_models_of_one_classifier_train_as_before(model, archive_path, tmp_path, monkeypatch):
    options = {
        "st_gcn": {"width": 4, "blocks": 9, "temporal_kernel": 3},
        "san_v2": NARROW | {"dropout": 0.5},
        "csta_cnn": {"width": 8, "joints": 8, "hidden": [8]},
    }
    own = {
        "data": str(archive_path),
        "protocol": "by_subject",
        "model": options[model],
        "input": {"frames": 8, "persons": 1},
        "loop": {"epochs": 2, "batch": 16, "device": "cpu", "label_smoothing": 0.1},
        "schedule": {"warmup": 0},
    }
    recipe = find_recipe(model, None, own)
    now = train(recipe, tmp_path / "now")

    def before(session, batch, weights):
        logits = forward(session.model, batch).float()
        loss = cross_entropy(logits, batch.labels, weight=weights, label_smoothing=0.1)
        session.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip = recipe.optimizer.gradient_clip
        if clip:
            torch.nn.utils.clip_grad_norm_(session.model.parameters(), clip)
        session.optimizer.step()
        return loss.detach()[None], logits.detach()

    monkeypatch.setattr(loop_module, "train_step", before)
    then = train(recipe, tmp_path / "then")
    assert now.history[-1].train_loss == then.history[-1].train_loss
    first, second = now.load_model().state_dict(), then.load_model().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
