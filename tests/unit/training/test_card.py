"""What a card says for those who watch videos with a model."""

import json

import numpy as np
import pytest

from gesta.archive import write_archive
from gesta.clip import Clip
from gesta.errors import RecipeError, RunError
from gesta.evaluation import answer_threshold
from gesta.skeleton import get_layout
from gesta.training import Card, Run, evaluate, train, train_final
from gesta.training import run as run_module
from gesta.training.evaluate import evaluation_folder
from gesta.training.initial import initialise


def test_the_threshold_is_chosen_on_validation_and_stays_that_of_the_final_run(
    make_recipe, tmp_path
):
    run = train(make_recipe(loop={"epochs": 2}), tmp_path / "run")
    scores, metrics = run.validation_scores, run.metrics
    chosen = answer_threshold(scores.log_probs, scores.labels)
    assert run.card.unknown_below == metrics["unknown_below"] == chosen
    sure = np.exp(scores.log_probs.max(axis=1).astype(np.float64)) >= chosen
    assert metrics["validation"]["answered"] == pytest.approx(100 * sure.mean())
    final = train_final(run.path)
    assert final.card.unknown_below == final.metrics["unknown_below"] == chosen


def test_a_threshold_of_ones_own_stands(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 1, "unknown_below": 0.25}), tmp_path / "run")
    assert run.card.unknown_below == run.metrics["unknown_below"] == 0.25
    with pytest.raises(RecipeError, match="unknown_below: expected a probability"):
        make_recipe(loop={"unknown_below": 1.5})


def test_a_final_run_of_one_that_chose_none_always_answers(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 1}), tmp_path / "run")
    old = {key: value for key, value in run.metrics.items() if key != "unknown_below"}
    run.write_json("metrics.json", old)
    assert train_final(run.path).card.unknown_below is None


def test_how_long_the_training_clips_are(make_recipe, tmp_path):
    def clip(index, frames, rate):
        coords = np.random.default_rng(index).normal(size=(1, frames, 15, 3)).astype(np.float32)
        return Clip(coords, get_layout("sbu_15"), id=f"c{index}", label=index % 3, frame_rate=rate)

    clips = [clip(index, 10 + index, 10.0 if index % 2 else 20.0) for index in range(30)]
    archive = write_archive(tmp_path / "data", clips, ("a", "b", "c"), dataset="timed")
    recipe = make_recipe(data=str(tmp_path / "data"), protocol="random", loop={"epochs": 1})
    card = train(recipe, tmp_path / "run").card
    rows = archive.split("random")["train"]
    frames = archive.frames[rows]
    rates = np.array([archive.read(int(row)).frame_rate for row in rows])
    assert card.clip_frames == tuple(np.percentile(frames, (10, 50, 90)))
    assert card.clip_seconds == pytest.approx(np.percentile(frames / rates, (10, 50, 90)))
    assert card.frame_rate == np.median(rates)


def test_without_frame_rates_only_frames_are_known(make_recipe, tmp_path):
    card = train(make_recipe(loop={"epochs": 1}), tmp_path / "run").card
    assert len(card.clip_frames) == 3 and card.clip_seconds == () and card.frame_rate is None
    assert Card.from_json(card.to_json(), "card") == card


def test_a_card_of_an_older_gesta_is_read(make_recipe, tmp_path):
    card = train(make_recipe(loop={"epochs": 1}), tmp_path / "run").card
    table = json.loads(card.to_json())
    for name in ("clip_frames", "clip_seconds", "frame_rate", "unknown_below", "licence"):
        del table[name]
    old = Card.from_json(json.dumps(table), "card")
    assert (old.clip_frames, old.frame_rate, old.unknown_below) == ((), None, None)


@pytest.fixture
def shipped(make_recipe, tmp_path, monkeypatch):
    """A run in the place of the one that comes with the package."""
    run = train(make_recipe(loop={"epochs": 1}), tmp_path / "shipped")
    monkeypatch.setattr(run_module, "_SHIPPED", run.path)
    return run


def test_demo_is_the_run_that_comes_with_the_package(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()  # a folder that happens to be called so is not meant
    run = Run.open("demo")
    assert run.path == shipped.path and run.is_shipped
    model = run.card.make_model()
    assert initialise(model, "demo", run.card.classes) == []
    assert initialise(model, "demo", ("x", "y", "z")) != []


def test_training_can_start_from_demo(shipped, make_recipe, tmp_path):
    run = train(make_recipe(init="demo", loop={"epochs": 1}), tmp_path / "run")
    assert run.recipe.init == "demo"


def test_an_installation_without_demo_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "_SHIPPED", tmp_path)
    with pytest.raises(RunError, match="came without a trained model"):
        Run.open("demo")


def test_nothing_is_written_beside_the_run_that_ships(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(shipped.path.rglob("*"))
    scores = evaluate("demo")
    assert evaluation_folder(Run.open("demo"), scores).is_relative_to("runs/demo")
    assert (tmp_path / evaluation_folder(Run.open("demo"), scores) / "metrics.json").is_file()
    with pytest.raises(RunError, match="came without the log of its training"):
        train_final("demo")
    assert sorted(shipped.path.rglob("*")) == before
    assert not (tmp_path / "shipped-final").exists()


def test_the_run_that_ships_needs_to_be_told_which_data(shipped, tmp_path):
    recipe = shipped.recipe.replace(data="")
    shipped.recipe_path.write_text(recipe.to_toml())
    with pytest.raises(RunError, match="came without its data"):
        evaluate("demo")


def test_cards_and_recipes_without_video_options_have_the_defaults(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 1}), tmp_path / "run")
    text = run.card.to_json()
    assert Card.from_json(text, "card") == run.card
    old = {key: value for key, value in json.loads(text).items() if key not in ("video", "context")}
    assert Card.from_json(json.dumps(old), "card") == run.card
    assert Run.open(run.path).recipe.video == run.card.video
