"""Rows that see RGB: their recipes with every budget and block, and what they start from."""

from dataclasses import replace

import numpy as np
import pytest

from gesta.archive import open_archive, write_context
from gesta.errors import RecipeError
from gesta.models import create_model, model_entry
from gesta.reproduce import PAPERS
from gesta.reproduce.claims import _places, reproduce_claims
from gesta.reproduce.measured import wanted
from gesta.reproduce.places import places_for, why_not
from gesta.reproduce.plan import Place, recipe_for, run_key, shortened
from gesta.reproduce.rgb import IMAGE_NETWORK, Block
from gesta.reproduce.runs import Workshop, init_of
from gesta.reproduce.settings import Settings
from gesta.training import find_recipe
from gesta.training.initial import read_init

CROSS, MMFF = PAPERS["cross_attention"], PAPERS["mmff"]
TABLES = [(paper, table) for paper in (CROSS, MMFF) for table in paper.tables]
EVERY = [pytest.param(*one, id=f"{one[0].name}/{one[1].name}") for one in TABLES]
CASES = [(paper, table, row) for paper, table in TABLES for row in table.own_rows]


@pytest.fixture
def place(single_path, monkeypatch):
    """An archive of one person that says of itself that its clips refer to their video."""
    archive = open_archive(single_path)
    monkeypatch.setattr(archive, "with_video", np.ones(len(archive.ids), bool))
    return Place(archive, "folds")


@pytest.fixture
def files(tmp_path):
    """A block with weights that nobody reads, and a context file of 24 numbers a vector."""
    (tmp_path / "lite0.pth").write_bytes(b"weights")
    write_context(tmp_path / "scene.context", [("clip000", np.ones((2, 4, 24)))])
    return Block(tmp_path / "lite0.pth", tmp_path / "scene.context")


@pytest.mark.parametrize(("paper", "table"), EVERY)
@pytest.mark.parametrize("budget", ["cpu", "gpu", "paper"])
def test_recipes_of_every_row_are_valid(paper, table, budget, place):
    for row in table.own_rows:
        recipe = recipe_for(row, place, paper, budget)
        changed = {} if row.stream else row.changes.get("model", {})
        assert {key: recipe.options[key] for key in changed} == changed
        pixels = recipe.options.get("video_size", recipe.options.get("image_size"))
        if row.sees_rgb:
            full, small = (112, 64) if row.model == "cross_attention" else (299, 128)
            assert pixels == recipe.video.size == (small if budget == "cpu" else full)
        assert shortened(recipe).loop.epochs <= recipe.loop.epochs


@pytest.mark.parametrize(("paper", "table"), EVERY)
def test_models_of_every_row_can_be_built(paper, table, place):
    rows = table.own_rows if table.plot is None else table.own_rows[:1] + table.own_rows[-1:]
    for row in rows:
        recipe = recipe_for(row, place, paper, "cpu")
        small = dict(model_entry(recipe.model).small)
        if recipe.options.get("skeleton", "st_gcn") != "st_gcn":
            small["skeleton_options"] = ("hidden=4",)
        options = small | {} if row.stream else small | row.changes.get("model", {})
        model = create_model(recipe.model, "sbu_15", 3, frames=16, persons=1, **options)
        assert bool(set(model.inputs) & {"video", "frames"}) == row.sees_rgb


def test_kept_frames_grow_with_the_pictures(place):
    place.archive.dataset = "jhmdb"
    row = CROSS.table("table-6").row("RGB-only")
    small, full = (recipe_for(row, place, CROSS, budget).video for budget in ("cpu", "gpu"))
    assert (small.size, full.size) == (64, 112) and small.cache > small.size
    assert full.cache == pytest.approx(small.cache * 112 / 64, abs=1)


def test_small_sets_have_settings_of_their_own(place, tmp_path):
    place.archive.dataset = "jhmdb"
    for paper, _, row in CASES:
        recipe = recipe_for(row, place, paper, "gpu")
        papers = find_recipe(recipe.model, None)
        assert recipe.input.persons == 1 and recipe.loop.batch == 16 < papers.loop.batch
        assert bool(recipe.video.cache) or not row.sees_rgb
    # A network of poses is one run, whether it is a row by itself or the baseline of others.
    settings = Settings((place.archive,), Workshop(tmp_path), "gpu")
    tables = {"table-6": "Bi-LSTM: Baseline", "table-7": "triple Bi-LSTM"}
    runs = [wanted(MMFF.table(t).row(name), place, MMFF, settings) for t, name in tables.items()]
    assert runs[0].first[0].key == runs[1].first[0].key


def test_a_place_in_the_clip_is_that_of_the_whole_clip(place):
    place.archive.dataset = "jhmdb"
    cropped = recipe_for(MMFF.table("table-2").row("MMFF w/ ST-GCN"), place, MMFF, "gpu").augment
    assert cropped.crop[0] < 1
    for row in MMFF.table("figure-7").own_rows:
        recipe = recipe_for(row, place, MMFF, "gpu")
        assert recipe.augment == replace(cropped, crop=(1.0, 1.0))
        assert recipe.video.position == (float(row.name.split()[-2]) / 100,)


def test_every_row_of_a_table_has_the_same_budget(place):
    for paper, table in TABLES:
        rows = [row for row in table.own_rows if row.model in ("cross_attention", "mmff")]
        recipes = [recipe_for(row, place, paper, "gpu") for row in rows]
        alone = {row.stream for row in rows}
        loops = {(row.stream != "", r.loop) for row, r in zip(rows, recipes, strict=True)}
        assert len(loops) == len({stream != "" for stream in alone})


@pytest.mark.parametrize("budget", ["cpu", "gpu", "paper"])
def test_rows_of_cross_attention_differ_in_their_networks_alone(place, budget):
    place.archive.dataset = "jhmdb"
    for table in CROSS.tables:
        rows = [row for row in table.own_rows if row.model == "cross_attention"]
        recipes = [recipe_for(row, place, CROSS, budget) for row in rows]
        assert all(one.replace(options={}) == recipes[0].replace(options={}) for one in recipes)
        for row, one in zip(rows, recipes, strict=True):
            differs = {
                key for key, value in one.options.items() if value != recipes[0].options[key]
            }
            assert differs <= {*row.changes["model"], *rows[0].changes["model"]}


def test_streams_are_trained_once_for_all_rows(place, tmp_path):
    settings = Settings((place.archive,), Workshop(tmp_path), "gpu", (3, 4))
    table = MMFF.table("table-6")
    plan = {row.name: wanted(row, place, MMFF, settings) for row in table.own_rows}
    fused = {name: runs for name, runs in plan.items() if runs.before}
    assert len(fused) == 9 and "ST-GCN: Baseline" not in fused
    keys = {task.key for runs in fused.values() for one in runs.before for task in one.first}
    # Both skeleton streams, and one of the frame for all.
    assert len(keys) == 3 and sum(key.startswith("xception_frame") for key in keys) == 1
    for runs in fused.values():
        assert all(len(one.first) == 1 and not one.finals for one in runs.before)
        (chosen,) = runs.first
        assert set(chosen.starts) == {"skeleton", "rgb"} and set(chosen.starts.values()) <= keys
        assert chosen.recipe.init == ""
    # The stream of Table 5's better ST-GCN is the one that MMFF starts from.
    row = MMFF.table("table-5").row("ST-GCN w/ Data Augmentation")
    (first,) = wanted(row, place, MMFF, settings).first
    assert first.key == fused["ST-GCN: MMFF"].first[0].starts["skeleton"]
    # How many frames, and where, changes what is fused and not what it starts from.
    others = [wanted(one, place, MMFF, settings) for one in MMFF.table("figure-7").own_rows]
    assert {t.key for runs in others for one in runs.before for t in one.first} == keys


def test_rows_start_from_runs_beside_their_own(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"")
    starts = {"skeleton": "a-run", "rgb": tmp_path / "weights.pth"}
    assert dict(read_init(init_of(starts, tmp_path))) == {
        "skeleton": str((tmp_path / "a-run").resolve()),
        "rgb": str(tmp_path / "weights.pth"),
    }
    assert init_of({}, tmp_path) == ""


def test_what_a_run_starts_from_tells_it_apart(place, tmp_path):
    recipe = recipe_for(MMFF.table("table-6").row("ST-GCN: MMFF"), place, MMFF, "gpu")
    first, second = tmp_path / "first.pth", tmp_path / "second.pth"
    first.write_bytes(b"one")
    second.write_bytes(b"another")
    given = [None, {"rgb": "a-run"}, {"rgb": "b-run"}, {"rgb": first}, {"rgb": second}]
    keys = [run_key(recipe, place, starts=starts) for starts in given]
    assert len(set(keys)) == len(keys)
    # It is what is in the file that counts, not where it lies.
    first.rename(tmp_path / "moved.pth")
    assert run_key(recipe, place, starts={"rgb": tmp_path / "moved.pth"}) == keys[3]
    faster = replace(recipe.video, workers=recipe.video.workers + 2)
    assert run_key(recipe.replace(video=faster), place) == keys[0]
    larger = replace(recipe.video, size=recipe.video.size + 2)
    assert run_key(recipe.replace(video=larger), place) != keys[0]


def test_video_options_are_nothing_to_a_skeleton_model(place):
    recipe = recipe_for(MMFF.table("table-7").row("single LSTM"), place, MMFF, "gpu")
    other = recipe.replace(video=replace(recipe.video, size=224))
    assert run_key(other, place) == run_key(recipe, place)


def test_pretraining_changes_rows_that_see_rgb_and_no_others(place, files):
    for paper, _, row in CASES:
        plain, given = (recipe_for(row, place, paper, "gpu", block=b) for b in (Block(), files))
        if not row.sees_rgb:
            assert run_key(given, place) == run_key(plain, place)
        elif row.model == "cross_attention":
            assert given.options["context"] == "features" and given.context
            assert given.options["context_channels"] == 24
        else:
            assert given.options["image"] == IMAGE_NETWORK and plain.options["image"] == "xception"
    settings = Settings((place.archive,), Workshop(files.weights.parent), "gpu", (0,), block=files)
    runs = wanted(MMFF.table("table-6").row("ST-GCN: MMFF"), place, MMFF, settings)
    starts = {task.recipe.model: task.starts for one in runs.before for task in one.first}
    assert starts["xception_frame"] == {"rgb": files.weights.resolve()}
    assert starts["st_gcn"] == {}


def test_a_network_that_has_learnt_already_learns_on_slowly(place, files):
    place.archive.dataset = "jhmdb"
    for row in MMFF.table("table-5").own_rows:
        plain, given = (recipe_for(row, place, MMFF, "gpu", block=b) for b in (Block(), files))
        assert plain.optimizer.lr == given.optimizer.lr == 1e-3
        assert plain.optimizer.streams == 1
        # What joins the streams has learnt nothing yet.
        assert given.optimizer.streams == pytest.approx(0.1 if row.sees_rgb else 1)
        for rate, share in ((1e-2, 0.01), (1e-5, 1)):
            own = recipe_for(row, place, MMFF, "gpu", {"optimizer": {"lr": rate}}, files)
            assert own.optimizer.lr == rate
            assert own.optimizer.streams == pytest.approx(share if row.sees_rgb else 1)
    frozen = CROSS.table("table-6").row("RGB-only")
    rates = [recipe_for(frozen, place, CROSS, "gpu", block=b).optimizer for b in (Block(), files)]
    assert rates[0] == rates[1]


def test_blocks_are_never_mixed(place, files):
    scene = CROSS.table("table-6").row("RGB-only")
    with pytest.raises(RecipeError, match="--context FILE too"):
        recipe_for(scene, place, CROSS, "gpu", block=Block(weights=files.weights))
    fused = MMFF.table("table-6").row("ST-GCN: MMFF")
    with pytest.raises(RecipeError, match="--weights FILE too"):
        recipe_for(fused, place, MMFF, "gpu", block=Block(context=files.context))
    with pytest.raises(RecipeError, match="found none at"):
        Block(weights=files.weights.parent / "none.pth")
    assert (Block().name, files.name) == ("from scratch", "pre-trained")


def test_average_and_maximum_of_a_single_vector_are_not_compared(place, files, tmp_path):
    (claim,) = [one for one in CROSS.claims if "average and maximum" in one.statement]
    write_context(tmp_path / "one.context", [("clip000", np.ones((2, 1, 24)))])
    paper = replace(CROSS, claims=(claim,), arithmetic=())
    single = Block(context=tmp_path / "one.context")
    settings = Settings((place.archive,), Workshop(tmp_path), "gpu", block=single)
    document = reproduce_claims(paper, settings)
    (judged,) = document["claims"]
    assert judged["verdict"] == "not measured" and not document["rows"]
    assert "average and maximum are the same" in judged["why"]
    for block in (Block(), files):  # with several they differ, and rows would be trained
        where = _places(claim, replace(settings, block=block))
        assert [one.title for one in where] == ["single cross_view"]


def test_rows_that_see_rgb_need_video(single_path):
    archive = open_archive(single_path)
    table = CROSS.table("table-6")
    (place,) = places_for(table, [archive], "fold_1")
    skipped = {row.name for row in table.own_rows if why_not(row, place, table)}
    assert skipped == {row.name for row in table.own_rows if row.sees_rgb}
    with pytest.raises(RecipeError, match="refer to their video"):
        places_for(MMFF.table("table-4"), [archive], "fold_1")
