from dataclasses import replace

import numpy as np
import pytest
import torch

from gesta.archive import open_archive, write_archive
from gesta.errors import FormatError, ProtocolError, RecipeError, RunError
from gesta.skeleton import get_layout
from gesta.training import Card, Run, evaluate, load_model, read_card, train
from gesta.training.card import save_model
from gesta.training.dry_run import dry_run


@pytest.fixture
def run(make_recipe, tmp_path):
    return train(make_recipe(loop={"epochs": 1}, input={"views": 2, "crop": 0.8}), tmp_path / "run")


def test_evaluating_again_gives_the_scores_of_the_run(run):
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    scores = evaluate(run)
    np.testing.assert_array_equal(scores.log_probs, run.scores.log_probs)
    assert scores.ids == run.scores.ids
    folder = Run(run.path / "evaluations" / "moves-by_subject-test")
    assert folder.metrics["top1"] == run.metrics["top1"]
    assert folder.metrics["seen_in_training"] == 0 and folder.scores.ids == scores.ids
    assert all((run.path / name).read_bytes() == data for name, data in before.items())


def test_other_protocols_and_parts(run):
    scores = evaluate(run.path, run.recipe.data, "fold_2", "validation")
    archive = open_archive(run.recipe.data)
    assert list(scores.ids) == [archive.ids[i] for i in archive.split("fold_2")["validation"]]
    seen = Run(run.path / "evaluations" / "moves-fold_2-validation").metrics["seen_in_training"]
    assert seen == len(set(scores.ids) & set(run.split["train"]))
    with pytest.raises(ProtocolError):
        evaluate(run, protocol="fold_9")


def test_another_number_of_views_is_an_evaluation_of_its_own(make_recipe, tmp_path):
    chosen = {"sampling": "random_or_crop"}
    one = train(make_recipe(loop={"epochs": 1}, input=chosen), tmp_path / "one")
    eight = train(make_recipe(loop={"epochs": 1}, input=chosen | {"views": 8}), tmp_path / "eight")
    scores = evaluate(one, views=8)
    np.testing.assert_array_equal(scores.log_probs, eight.scores.log_probs)
    assert not np.array_equal(scores.log_probs, one.scores.log_probs)
    folder = Run(one.path / "evaluations" / "moves-by_subject-test-views_8")
    assert folder.metrics["views"] == 8 and folder.scores.ids == scores.ids
    with pytest.raises(RecipeError, match=r"input\.views: expected at least 1, found 0"):
        evaluate(one, views=0)


def test_an_archive_that_does_not_fit_is_refused(run, tmp_path):
    clips = list(open_archive(run.recipe.data).clips)[:12]
    other = write_archive(tmp_path / "classes", clips, ("x", "y", "z"))
    with pytest.raises(RunError, match="classes: the model of .* expects circle, line, rest"):
        evaluate(run, other, "random")
    flat = [
        clip.replace(coords=clip.coords[..., :2].copy(), channels=("x", "y"), space="pixels")
        for clip in clips
    ]
    other = write_archive(tmp_path / "flat", flat, run.card.classes)
    with pytest.raises(RunError, match="channels: .*expects x, y, z, found x, y"):
        evaluate(run, other, "random")


def test_a_card_comes_back_with_its_weights(run, tmp_path):
    model, card = load_model(run.model_path)
    assert not model.training and card == run.card
    assert Card.from_json(card.to_json(), "text") == card
    other = replace(card, layout=get_layout("coco_17"), options={**card.options, "width": 8})
    made = other.make_model(torch.Generator().manual_seed(1))
    save_model(tmp_path / "m.safetensors", made.state_dict(), other)
    loaded, read = load_model(tmp_path / "m.safetensors")
    assert read == other
    assert all(torch.equal(v, made.state_dict()[k]) for k, v in loaded.state_dict().items())


def test_files_without_a_card(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(RunError, match="no such model"):
        read_card(tmp_path / "m.safetensors")
    (tmp_path / "m.safetensors").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="a safetensors file"):
        read_card(tmp_path / "m.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "m.safetensors")
    with pytest.raises(FormatError, match="card of a gesta model, found none"):
        read_card(tmp_path / "m.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "m.safetensors", {"card": '{"model": 3}'})
    with pytest.raises(FormatError, match="card of a gesta model"):
        read_card(tmp_path / "m.safetensors")


def test_a_dry_run_tells_shapes_and_leaves_nothing(make_recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = dry_run(make_recipe(protocol="folds"), steps=1)
    assert found["poses"] == [8, 1, 8, 15, 3] and found["logits"] == [8, 3]
    assert found["clips"] == {"train": 30, "validation": 6, "test": 12} and found["steps"] == 4
    assert found["step_seconds"] > 0
    assert found["epoch_seconds"] == pytest.approx(4 * found["step_seconds"])
    assert found["memory_mib"] > 0 and not list(tmp_path.iterdir())
