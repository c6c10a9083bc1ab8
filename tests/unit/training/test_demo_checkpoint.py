"""The script that makes the run which comes with the package, on small runs."""

import runpy
import sys
from pathlib import Path

import pytest

from gesta.training import Run, find_recipe, train, train_final

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_demo_checkpoint.py"


@pytest.fixture(scope="module")
def groups(archive_path, tmp_path_factory):
    options = {
        "data": str(archive_path),
        "protocol": "folds",
        "model": {"width": 4, "blocks": 9, "temporal_kernel": 3},
        "input": {"frames": 8, "persons": 1},
        "loop": {"epochs": 1, "batch": 8},
    }
    recipe = find_recipe("st_gcn", None, options)
    chosen = train(recipe, tmp_path_factory.mktemp("runs") / "chosen")
    return chosen, train_final(chosen.path)


def make(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["make_demo_checkpoint.py", *map(str, words)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_the_first_final_model_ships_with_the_measures_of_all(groups, tmp_path, monkeypatch):
    chosen, final = groups
    make(monkeypatch, chosen.path, final.path, "--out", tmp_path / "out")
    shipped = Run.open(tmp_path / "out")
    card, metrics = shipped.card, shipped.metrics
    assert card.licence.startswith("CC BY 4.0") and card.protocol == "fold_1" and card.final
    assert list(card.metrics["splits"]) == ["fold_1", "fold_2"]
    for member in final.members:
        measured = card.metrics["splits"][member.name]
        # Half precision moves a few of the scores, by little.
        assert measured["nll"] == pytest.approx(member.metrics["nll"], rel=0.02)
        assert measured["clips"] == member.metrics["test_clips"]
    for key in ("top1", "expected_calibration_error"):
        values = [one[key] for one in card.metrics["splits"].values()]
        assert card.metrics["mean"][key] == pytest.approx(sum(values) / 2)
        assert card.metrics[key] == metrics[key] == values[0]
    assert card.unknown_below == metrics["unknown_below"] == chosen.members[0].card.unknown_below
    assert shipped.model_path.stat().st_size < 0.75 * final.members[0].model_path.stat().st_size


def test_nothing_tells_where_it_was_made_and_it_trains_again(groups, tmp_path, monkeypatch):
    chosen, final = groups
    make(monkeypatch, chosen.path, final.path, "--out", tmp_path / "out")
    shipped = Run.open(tmp_path / "out")
    for path in shipped.path.iterdir():
        assert str(chosen.path.parents[1]).encode() not in path.read_bytes(), path.name
    assert not shipped.recipe.final and shipped.recipe.schedule.name == "cosine"
    again = shipped.recipe.replace(data=chosen.members[0].recipe.data)
    assert again == chosen.members[0].recipe


def test_runs_that_do_not_belong_together_are_refused(groups, tmp_path, monkeypatch):
    chosen, final = groups
    with pytest.raises(SystemExit, match="final run"):
        make(monkeypatch, chosen.path, chosen.path, "--out", tmp_path / "out")
    with pytest.raises(SystemExit, match="group with the members"):
        make(monkeypatch, chosen.path, final.members[0].path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
