"""Trainings of a narrow model on a small archive, end to end."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from gesta.archive import open_archive
from gesta.errors import FormatError, ModelError, ProtocolError, RecipeError, RunError
from gesta.models import count
from gesta.training import DivergedError, Observer, Run, resume, single, train, train_final
from gesta.training import loop as loop_module
from gesta.training.group import final_recipe
from gesta.training.initial import initialise


@pytest.fixture(autouse=True)
def every_epoch_is_saved(monkeypatch):
    monkeypatch.setattr(single, "CHECKPOINT_INTERVAL", 0.0)


class Stop(Observer):
    """Stops a training, as Ctrl-C would, in the middle of an epoch."""

    def __init__(self, epoch, batch=1):
        self.at = (epoch, batch)

    def batch(self, epoch, done, total):
        if (epoch, done) == self.at:
            raise KeyboardInterrupt


def weights(run):
    return run.load_model().state_dict()


def assert_same_weights(first, second):
    first, second = weights(first), weights(second)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def without_time(run):
    return [replace(record, seconds=0, share_outside=0) for record in run.history]


def test_a_run_holds_what_is_promised(make_recipe, tmp_path):
    recipe = make_recipe(model={"width": 8, "dropout": 0.0}, loop={"epochs": 24})
    run = train(recipe, tmp_path / "run")
    names = {
        *("recipe.toml", "model.safetensors", "checkpoint.pt", "split.json", "log.jsonl"),
        *("metrics.json", "scores.safetensors", "validation_scores.safetensors"),
    }
    assert {path.name for path in run.path.iterdir()} == names
    metrics = run.metrics
    expected = {
        "model": "st_gcn", "dataset": "moves", "protocol": "by_subject", "stream": "joint",
        "seed": 0, "final": False, "train_clips": 30, "validation_clips": 6, "test_clips": 12,
        "epochs": 24,
    }  # fmt: skip
    assert {key: metrics[key] for key in expected} == expected
    model = run.load_model()
    assert metrics["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert metrics["flops"] == count(model, **metrics["flops_sizes"]).multiply_adds
    assert metrics["seconds"] > 0
    assert metrics["top1"] > 80, "the classes can be told apart"
    assert metrics["chance"] == pytest.approx(100 / 3)
    history = run.history
    assert [record.epoch for record in history] == list(range(24))
    best = max(history, key=lambda r: (r.validation_top1, -r.validation_loss))
    assert metrics["kept_epoch"] == best.epoch
    assert metrics["validation"]["top1"] == pytest.approx(best.validation_top1)
    assert history[-1].train_loss < history[0].train_loss
    split, archive = run.split, open_archive(run.recipe.data)
    for part, rows in archive.split("by_subject").items():
        assert split[part] == [archive.ids[row] for row in rows]
    assert run.scores.ids == tuple(split["test"])
    assert "clip008" in split["test"], "an empty clip is scored"
    assert run.scores.provenance["part"] == "test"
    card = run.card
    assert card.classes == ("circle", "line", "rest") and card.layout.name == "sbu_15"
    assert card.metrics["top1"] == metrics["top1"] and card.scene is False
    json.dumps(metrics)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(make_recipe, tmp_path):
    recipe = make_recipe(loop={"ema": 0.9})
    first, second = (train(recipe, tmp_path / name) for name in "ab")
    assert_same_weights(first, second)
    assert without_time(first) == without_time(second)
    other = train(recipe.replace(seed=1), tmp_path / "c")
    assert without_time(other)[0].train_loss != without_time(first)[0].train_loss


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"loop": {"ema": 0.9, "balanced": True, "epochs": 4}, "optimizer": {"name": "adamw"}},
        {"schedule": {"name": "plateau", "patience": 1}, "loop": {"epochs": 4}},
    ],
)
@pytest.mark.parametrize("stop", [Stop(1), Stop(2, 2)])
def test_a_run_stopped_and_resumed_is_that_which_was_not(make_recipe, tmp_path, sections, stop):
    recipe = make_recipe(**sections)
    whole = train(recipe, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "stopped", observer=stop)
    stopped = Run.open(tmp_path / "stopped")
    assert len(stopped.history) == stop.at[0] and not stopped.is_finished
    resumed = resume(tmp_path / "stopped")
    assert_same_weights(whole, resumed)
    assert without_time(whole) == without_time(resumed)
    np.testing.assert_array_equal(whole.scores.log_probs, resumed.scores.log_probs)


def test_a_run_stopped_before_its_first_checkpoint_begins_again(make_recipe, tmp_path):
    recipe = make_recipe(loop={"epochs": 1})
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "stopped", observer=Stop(0))
    assert_same_weights(resume(tmp_path / "stopped"), train(recipe, tmp_path / "whole"))


def test_a_finished_run_is_left_as_it_is(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 1}), tmp_path / "run")
    before = (run.path / "metrics.json").read_bytes()
    assert resume(run.path).metrics and (run.path / "metrics.json").read_bytes() == before


def test_a_damaged_checkpoint_is_named(make_recipe, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(make_recipe(), tmp_path / "run", observer=Stop(1))
    path = tmp_path / "run" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FormatError, match=r"checkpoint\.pt.*delete it to begin again"):
        resume(tmp_path / "run")


def test_other_clips_than_it_began_with_are_refused(make_recipe, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(make_recipe(), tmp_path / "run", observer=Stop(1))
    run = Run.open(tmp_path / "run")
    table = run.read_json("split.json")
    run.write_json("split.json", table | {"train": table["train"][1:]})
    with pytest.raises(RunError, match="began with other clips"):
        resume(run.path)


def test_final_replays_the_kept_epochs_on_train_and_validation(make_recipe, tmp_path):
    recipe = make_recipe(schedule={"name": "plateau", "patience": 1}, loop={"epochs": 6})
    run = train(recipe, tmp_path / "run")
    kept = run.metrics["kept_epoch"]
    final = train_final(run.path)
    assert final.path == tmp_path / "run-final"
    metrics, history = final.metrics, final.history
    assert metrics["final"] is True and metrics["validation_clips"] == 0
    assert metrics["train_clips"] == 36 and metrics["test_clips"] == 12
    assert [r.learning_rate for r in history] == [r.learning_rate for r in run.history[: kept + 1]]
    assert metrics["kept_epoch"] == kept and all(r.validation_top1 is None for r in history)
    assert sorted(final.split["train"]) == sorted(run.split["train"] + run.split["validation"])
    assert final.scores.ids == run.scores.ids
    assert "validation" not in metrics
    with pytest.raises(RunError, match="final training already"):
        final_recipe(final)


def test_multiply_adds_of_a_model_of_any_size_are_those_of_the_largest_clip(make_recipe, tmp_path):
    sizes = {"input": {"sampling": "all", "frames": None, "persons": None}}
    run = train(make_recipe(loop={"epochs": 1}, **sizes), tmp_path / "run")
    archive = open_archive(run.recipe.data)
    rows = archive.split(run.recipe.protocol)["train"]
    expected = {"frames": archive.frames[rows].max(), "persons": archive.persons[rows].max()}
    assert run.metrics["flops_sizes"] == expected


def test_final_runs_of_several_seeds_replay_one_choice(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 2}), tmp_path / "run")
    group = train_final(run.path, seeds=(3, 4))
    assert [member.name for member in group.members] == ["seed_3", "seed_4"]
    assert [member.recipe.seed for member in group.members] == [3, 4]
    assert group.metrics["seed"] == [3, 4]
    rates = [record.learning_rate for record in run.history[: run.metrics["kept_epoch"] + 1]]
    for member in group.members:
        assert member.recipe.final and [r.learning_rate for r in member.history] == rates
    assert train_final(run.path, tmp_path / "other", seeds=(3,)).recipe.seed == 3


def test_a_resolved_recipe_trains_again_to_the_same_weights(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 2}), tmp_path / "run")
    assert_same_weights(run, train(run.recipe, tmp_path / "again"))


def test_early_stop_waits_for_its_patience(make_recipe, tmp_path, monkeypatch):
    values = iter([(1.0, 50.0), (0.9, 60.0), (1.0, 60.0), (1.1, 55.0), (0.1, 99.0)])
    monkeypatch.setattr(loop_module, "validate", lambda session: next(values))
    run = train(make_recipe(loop={"epochs": 5, "early_stop": 2}), tmp_path / "run")
    assert run.metrics["epochs"] == 4 and run.metrics["kept_epoch"] == 1


def test_keep_last_keeps_the_last(make_recipe, tmp_path, monkeypatch):
    values = iter([(1.0, 50.0), (0.9, 60.0), (1.0, 40.0)])
    monkeypatch.setattr(loop_module, "validate", lambda session: next(values))
    run = train(make_recipe(loop={"keep": "last"}), tmp_path / "run")
    assert run.metrics["kept_epoch"] == 2
    state = torch.load(run.checkpoint_path, weights_only=True)
    assert all(torch.equal(state["model"][k], v) for k, v in weights(run).items())


def test_a_loss_that_is_not_finite_stops_and_names_epoch_and_batch(
    make_recipe, tmp_path, monkeypatch
):
    plain, calls = loop_module.train_step, []

    def step(session, batch, weights):
        calls.append(batch)
        loss, logits = plain(session, batch, weights)
        return (loss * float("nan") if len(calls) == 6 else loss), logits

    monkeypatch.setattr(loop_module, "train_step", step)
    with pytest.raises(DivergedError, match=r"epoch 1, batch 1 \(both from 0\): the loss is nan"):
        train(make_recipe(), tmp_path / "run")
    assert len(calls) == 6
    run = Run.open(tmp_path / "run")
    assert len(run.history) == 1 and not run.is_finished


def test_folds_are_trained_into_a_group(make_recipe, tmp_path):
    run = train(make_recipe(protocol="folds", loop={"epochs": 1}), tmp_path / "run")
    assert [member.name for member in run.members] == ["fold_1", "fold_2"]
    members, metrics = [member.metrics for member in run.members], run.metrics
    values = [one["top1"] for one in members]
    assert metrics["top1"] == pytest.approx(np.mean(values))
    assert metrics["std"]["top1"] == pytest.approx(np.std(values, ddof=1))
    assert metrics["pooled"]["clips"] == 24 == len(run.scores)
    assert metrics["protocol"] == "folds" and metrics["members"] == ["fold_1", "fold_2"]
    final = train_final(run.path, tmp_path / "final")
    assert final.metrics["final"] is True and len(final.members) == 2


def test_a_group_that_was_stopped_goes_on(make_recipe, tmp_path):
    class StopSecond(Observer):
        begun = 0

        def begin(self, title, epochs, done):
            self.begun += 1
            if self.begun == 2:
                raise KeyboardInterrupt

    recipe = make_recipe(protocol="folds", loop={"epochs": 1})
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run", observer=StopSecond())
    run = Run.open(tmp_path / "run")
    assert [member.is_finished for member in run.members] == [True, False]
    assert resume(run.path).metrics["pooled"]["clips"] == 24


def test_several_seeds_are_trained_into_a_group(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 1}), tmp_path / "run", seeds=[3, 4])
    assert [member.recipe.seed for member in run.members] == [3, 4]
    assert run.metrics["seed"] == [3, 4] and "pooled" not in run.metrics
    assert run.metrics["test_clips"] == 12


def test_fine_tuning_replaces_the_head_and_leaves_a_frozen_trunk(make_recipe, tmp_path):
    source = train(make_recipe(loop={"epochs": 2}), tmp_path / "source")
    archive = open_archive(source.recipe.data)
    recipe = make_recipe(
        init=str(source.path), loop={"epochs": 2, "freeze": "trunk", "keep": "last"}, seed=5
    )
    tuned = train(recipe, tmp_path / "tuned")
    before, after = weights(source), weights(tuned)
    heads = tuple(f"{name}." for name in tuned.load_model().head_names)
    changed = [name for name in after if not torch.equal(before[name], after[name])]
    assert changed and all(name.startswith(heads) for name in changed)

    card = single._make_card(recipe, archive, archive.split("by_subject")["train"])
    other = replace(card, classes=(*card.classes, "jump")).make_model()
    fresh = initialise(other, str(source.path), (*card.classes, "jump"))
    assert fresh and all(name.startswith(heads) for name in fresh)
    assert initialise(other, str(source.model_path), other) == fresh


def test_weights_of_another_trunk_are_refused(make_recipe, tmp_path):
    source = train(make_recipe(loop={"epochs": 1}), tmp_path / "source")
    wide = make_recipe(init=str(source.model_path), model={"width": 8})
    with pytest.raises(ModelError, match="does not fit") as caught:
        train(wide, tmp_path / "wide")
    assert re.search(r"found \([0-9, ]+\) and \d+ more$", str(caught.value))
    wide = make_recipe(init=str(source.path), model={"width": 8})
    with pytest.raises(
        ModelError, match=r"`gesta train \S+source --init \S+source` takes that run"
    ):
        train(wide, tmp_path / "wide")


@pytest.mark.parametrize(
    "options",
    [
        {"loop": {"class_weights": "balanced", "label_smoothing": 0.1, "balanced": True}},
        {"loop": {"bf16": True}, "optimizer": {"gradient_clip": 1.0, "decay_all": False}},
        {"input": {"views": 3, "crop": 0.8}, "stream": "bone_motion"},
        {"input": {"confidence": True, "frames": "none", "sampling": "all"}},
        {"input": {"frames": 4, "sampling": "window"}},
        {"input": {"frames": 4, "segments": 2}},
    ],
)
def test_options_train(make_recipe, tmp_path, options):
    options = options | {"loop": {"epochs": 1} | options.get("loop", {})}
    run = train(make_recipe(**options), tmp_path / "run")
    assert len(run.scores) == 12 and np.isfinite(run.metrics["nll"])


def test_what_cannot_be_trained(make_recipe, tmp_path):
    with pytest.raises(ProtocolError, match="unknown protocol 'cross'"):
        train(make_recipe(protocol="cross"), tmp_path / "a")
    with pytest.raises(RecipeError, match="loop.device"):
        train(make_recipe(loop={"device": "abacus"}), tmp_path / "b")
    with pytest.raises(RecipeError, match="needs data"):
        train(make_recipe(protocol=""), tmp_path / "c")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(RunError, match="is there already"):
        train(make_recipe(), tmp_path / "full")
    with pytest.raises(RunError, match="expected a run"):
        resume(tmp_path / "nowhere")
    assert not (tmp_path / "a").exists()


def test_an_unfinished_run_says_how_to_go_on(make_recipe, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(make_recipe(), tmp_path / "run", observer=Stop(1))
    run = Run.open(tmp_path / "run")
    with pytest.raises(RunError, match="gesta train --resume"):
        run.metrics  # noqa: B018
    with pytest.raises(RunError, match="written when a run is finished"):
        run.card  # noqa: B018
