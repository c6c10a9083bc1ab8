from dataclasses import asdict
from importlib.resources import files

import pytest

from gesta.errors import ModelError, RecipeError
from gesta.models import list_models, model_entry
from gesta.training import Recipe, find_recipe, read_recipe, recipe_from_table
from gesta.training import recipe as recipe_module
from gesta.training.recipe import merge, read_table


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Let the shipped recipe of st_gcn be a text of the test's."""

    def ship(text):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / "st_gcn.toml").write_text(text)
        monkeypatch.setattr(recipe_module, "files", lambda package: tmp_path)

    return ship


def test_precedence(shipped):
    shipped(
        "[optimizer]\nlr = 0.2\nmomentum = 0.8\nweight_decay = 0.1\n"
        "[dataset.sbu.optimizer]\nmomentum = 0.7\nweight_decay = 0.2\n"
        "[dataset.sbu.model]\nwidth = 8"
    )
    plain = find_recipe("st_gcn")
    assert (plain.optimizer.lr, plain.optimizer.momentum, plain.options["width"]) == (0.2, 0.8, 64)
    own = {"optimizer": {"weight_decay": 0.3}, "dataset": {"sbu": {"seed": 5}}}
    special = find_recipe("st_gcn", "sbu", own)
    assert special.optimizer.lr == 0.2  # shipped
    assert special.optimizer.momentum == 0.7  # shipped, for this data set
    assert special.optimizer.weight_decay == 0.3  # one's own
    assert special.optimizer.nesterov is True  # default
    assert (special.options["width"], special.seed) == (8, 5)
    assert find_recipe("st_gcn", "other", own).seed == 0


def test_a_resolved_recipe_reads_back_as_it_was(tmp_path):
    recipe = find_recipe(
        "st_gcn",
        "sbu",
        {
            "data": 'a "b" \\ c',
            "input": {"frames": "none", "sampling": "all", "persons": "none"},
            "augment": {"crop": [0.5, 1]},
            "schedule": {"milestones": [3, 4]},
            "seed": 3,
        },
    )
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    assert read_recipe(tmp_path / "recipe.toml") == recipe
    assert recipe.input.frames is None and recipe.augment.crop == (0.5, 1.0)


def test_every_shipped_recipe_is_of_a_model_or_of_the_demo():
    shipped = {item.name for item in (files("gesta") / "recipes").iterdir()}
    used = {f"{model_entry(model).recipe}.toml" for model in list_models()}
    assert shipped - used == {"demo.toml"}


@pytest.mark.parametrize("model", list_models())
def test_shipped_recipes_are_recipes_for_every_data_set_they_name(model):
    resource = files("gesta") / "recipes" / f"{model_entry(model).recipe}.toml"
    datasets = [None]
    if resource.is_file():
        datasets += list(read_table(str(resource)).get("dataset", {}))
    for dataset in datasets:
        assert find_recipe(model, dataset).model == model


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"optimiser": {}}, "no option 'optimiser'; did you mean 'optimizer'"),
        ({"loop": {"epoch": 3}}, "loop: there is no option 'epoch'; did you mean 'epochs'"),
        ({"model": {"widht": 3}}, "model: there is no option 'widht'; did you mean 'width'"),
        ({"loop": {"epochs": 3.5}}, "loop.epochs: expected a whole number, found 3.5"),
        ({"loop": {"epochs": True}}, "loop.epochs: expected a whole number, found True"),
        ({"loop": {"bf16": 1}}, "loop.bf16: expected true or false, found 1"),
        ({"loop": {"epochs": 0}}, "loop.epochs: expected at least 1, found 0"),
        ({"loop": {"keep": "worst"}}, "loop.keep: expected one of best, last, found 'worst'"),
        ({"loop": 3}, "loop: expected a table of options, found 3"),
        ({"optimizer": {"lr": "high"}}, "optimizer.lr: expected a number, found 'high'"),
        ({"optimizer": {"lr": 0}}, "optimizer.lr: expected above 0"),
        ({"augment": {"crop": [0.5]}}, "augment.crop: expected 2 values"),
        ({"augment": {"crop": 0.5}}, "augment.crop: expected a list"),
        ({"input": {"frames": "many"}}, "input.frames: expected a whole number, found 'many'"),
        ({"model": {"width": "wide"}}, "model.width: expected a whole number, found 'wide'"),
        ({"stream": "joints"}, "stream: expected one of joint, bone"),
        ({"seed": -1}, "seed: expected at least 0"),
        ({"loop": {"freeze": "trunk"}}, "needs weights to start from"),
        ({"final": True, "loop": {"keep": "best"}}, "a final training has no validation part"),
        ({"dataset": {"sbu": 3}}, "dataset.sbu: expected a table"),
        ({"model": {"name": "lstm"}}, "model.name: expected 'st_gcn', found 'lstm'"),
        (
            {"schedule": {"name": "replay", "rates": [0.1]}, "loop": {"epochs": 2}},
            "schedule.rates has 1 epochs",
        ),
    ],
)
def test_what_is_no_recipe(table, message):
    with pytest.raises(RecipeError) as raised:
        find_recipe("st_gcn", "sbu", table)
    assert message in str(raised.value)


def test_the_message_names_the_file_that_is_wrong(shipped):
    shipped("[loop]\nepoch = 3")
    with pytest.raises(RecipeError, match=r"st_gcn\.toml: loop"):
        find_recipe("st_gcn")
    shipped("[loop\n")
    with pytest.raises(RecipeError, match=r"st_gcn\.toml: expected TOML"):
        find_recipe("st_gcn")


def test_files_that_are_no_recipe(tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="UTF-8"):
        read_recipe(path)
    path.write_text("seed = 1")
    with pytest.raises(RecipeError, match=r"\[model\] with name"):
        read_recipe(path)
    with pytest.raises(ModelError, match="unknown model"):
        recipe_from_table({"model": {"name": "st_gcm"}})


def test_merging_goes_into_tables_and_replaces_values():
    below = {"a": {"x": 1, "y": 2}, "b": 1, "c": [1, 2]}
    assert merge(below, {"a": {"y": 3}, "c": [4]}) == {"a": {"x": 1, "y": 3}, "b": 1, "c": [4]}
    assert below == {"a": {"x": 1, "y": 2}, "b": 1, "c": [1, 2]}


def test_a_recipe_made_by_hand_has_all_defaults():
    recipe = Recipe("st_gcn")
    assert recipe_from_table({"model": {"name": "st_gcn"}}).optimizer == recipe.optimizer
    assert set(recipe.to_table()) >= {"model", "data", "protocol", *asdict(recipe)} - {"options"}
