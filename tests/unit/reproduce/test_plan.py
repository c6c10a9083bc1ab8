"""Recipes of rows, and which runs are the same."""

from dataclasses import replace

import pytest

from gesta.archive import Protocol, open_archive
from gesta.errors import ProtocolError, RecipeError
from gesta.reproduce import PAPERS
from gesta.reproduce.places import default_protocol, place_for, places_for, view_places, why_not
from gesta.reproduce.plan import Place, check_own, recipe_for, run_key, shortened
from gesta.reproduce.tables import is_same

SAN, CSTA = PAPERS["san"], PAPERS["csta"]


@pytest.fixture
def place(pairs_path):
    return Place(open_archive(pairs_path), "cross_view")


def recipe(table, row, place, **more):
    return recipe_for(SAN.table(table).row(row), place, SAN, more.pop("budget", "gpu"), **more)


def test_a_row_changes_the_recipe_of_its_model(place):
    segmented = recipe("table-5", "TS(Max) + SAN-V2", place, own={"loop": {"epochs": 7}})
    assert (segmented.model, segmented.input.frames, segmented.loop.epochs) == ("san_v2", 96, 7)
    assert segmented.options["segments"] == 3 and segmented.options["consensus"] == "max"
    assert segmented.protocol == "cross_view"


def test_the_papers_settings_have_no_part_for_small_sets(place):
    row = SAN.table("table-3").row("SAN-V2 + CNN")
    place.archive.dataset = "sbu"
    small, own = (recipe_for(row, place, SAN, budget) for budget in ("gpu", "paper"))
    assert own.options["width"] == 512 and own.optimizer.lr == 1e-4 and own.loop.epochs == 200
    assert small.options["width"] < 512
    place.archive.dataset = "kinetics"
    assert recipe_for(row, place, SAN, "paper").options["layers"] == 8


def test_screening_shortens_what_counts_epochs(place):
    full = recipe("table-3", "SAN-V2 + CNN", place)
    short = shortened(full)
    assert short.loop.epochs == 50 and short.schedule.patience == 2
    assert short.replace(loop=full.loop, schedule=full.schedule) == full
    warm = full.replace(schedule=replace(full.schedule, warmup=3))
    assert shortened(warm).schedule.warmup == 3  # which no network needs less of
    brief = warm.replace(loop=replace(warm.loop, epochs=8))
    assert (shortened(brief).loop.epochs, shortened(brief).schedule.warmup) == (2, 1)


def test_equal_rows_are_one_run_and_others_are_not(place, pairs_path, single_path):
    first = recipe("table-4", "TS (seg=3) + SAN-V2 (seq=32)", place)
    same = recipe("table-5", "TS(Avg) + SAN-V2", place)
    key = run_key(first, place)
    assert key == run_key(same, place)
    assert key == run_key(first.replace(data="elsewhere"), place)
    others = [
        run_key(recipe("table-5", "TS(Max) + SAN-V2", place), place),
        run_key(first.replace(seed=1), place),
        run_key(shortened(first), place),
        run_key(first, Place(place.archive, "fold_1")),
        run_key(first, Place(open_archive(single_path), "cross_view")),
        run_key(first, place, final_of=key),
        run_key(first, place, final_of="another"),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_layers_of_the_paper_are_the_defaults_of_the_model(place):
    four = recipe("table-6", "TS + SAN-V2 (L4H8)", place)
    assert run_key(four, place) == run_key(recipe("table-1", "TS-SAN", place), place)


def test_an_option_that_no_model_has_is_refused(place):
    rows = SAN.table("table-3").rows
    check_own({"model": {"person_merge": "mean"}}, rows)
    with pytest.raises(RecipeError, match="blocks"):
        check_own({"model": {"blocks": 9}}, rows)
    with pytest.raises(RecipeError, match="quoted"):
        recipe("table-1", "HCN (2018)", place)


def test_rows_about_persons_need_two(pairs_path, single_path):
    table, pairs, single = SAN.table("table-3"), open_archive(pairs_path), open_archive(single_path)
    found = places_for(table, [pairs, single], "cross_view")
    skipped = {
        place.dataset: {row.name for row in table.own_rows if why_not(row, place, table)}
        for place in found
    }
    assert skipped["pairs"] == set()
    assert skipped["single"] == {f"SAN-V{v} + {e}" for v in (1, 3) for e in ("FF", "CNN")}
    assert place_for("two_persons", [single, pairs], None).archive is pairs
    assert "clips of two persons" in place_for("two_persons", [single], None)


def test_protocols_are_the_usual_ones(pairs_path):
    archive = open_archive(pairs_path)
    assert default_protocol(archive) == "cross_view"
    assert [p.protocol for p in places_for(CSTA.table("table-3"), [archive], None)] == [
        "cross_view"
    ]
    archive.dataset = "ntu60"
    with pytest.raises(ProtocolError, match="cross_subject"):
        places_for(CSTA.table("table-3"), [archive], None)
    views, subjects = view_places([archive])
    assert (views.protocol, subjects.protocol) == ("cross_view", "folds")
    del archive.protocols["cross_view"]
    assert default_protocol(archive) == "folds"
    assert "separates views" in view_places([archive])


def test_views_that_are_setups_are_named_as_the_tables_name_them(pairs_path):
    archive = open_archive(pairs_path)
    for name, train in (("cross_view_2_1", "0"), ("cross_view_2_2", "1")):
        archive.protocols[name] = Protocol(
            name, separates=("setup",), column="setup", train=(train,)
        )
    del archive.protocols["cross_view"]
    views, subjects = view_places([archive])
    assert (views.protocol, subjects.protocol) == (CSTA.tables[0].columns[1].protocol, "folds")
    assert archive.protocol_names(views.protocol) == ["cross_view_2_1", "cross_view_2_2"]


def test_the_papers_own_set_is_the_same_by_either_count(pairs_path):
    archive, table = open_archive(pairs_path), SAN.table("table-3")
    for name in ("cross_subject", "cross_subject_all", "fold_1"):
        archive.protocols[name] = Protocol(name, column="subject", test=("0",), note=f"so: {name}")
    assert not is_same(Place(archive, "cross_subject"), table)
    archive.dataset = "ntu60"
    assert is_same(Place(archive, "cross_subject"), table)
    assert is_same(Place(archive, "cross_subject_all"), table)
    assert not is_same(Place(archive, "fold_1"), table)
    assert Place(archive, "folds").note == "so: fold_1"
