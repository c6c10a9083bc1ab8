"""Tables and claims from end to end, with narrow models on a small archive."""

import json
import shutil
from html.parser import HTMLParser

import pytest

from gesta.errors import RecipeError
from gesta.reproduce import html, markdown, reproduce, runs
from gesta.training import DivergedError, Observer, Run

VOID = {"meta", "link", "br", "hr", "img", "input", "path", "rect", "line", "circle"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def well_formed(page):
    parser = Balanced()
    parser.feed(page)
    parser.close()
    return not parser.open and "http" not in page.replace("http://www.w3.org", "")


class Counting(Observer):
    """Counts the trainings that begin."""

    def __init__(self):
        self.trained = []

    def begin(self, title, epochs, done):
        self.trained.append(title)


@pytest.fixture
def again(pairs_path, tmp_path, narrow):
    """A function that reproduces a target and tells which runs were trained for it."""

    def run(target, **options):
        observer = Counting()
        given = {"protocol": "cross_view", "own": narrow[target.partition("/")[0]]} | options
        data = given.pop("data", [pairs_path])
        document = reproduce(target, data, tmp_path / "out", observer=observer, **given)
        return document, observer.trained

    return run


def test_a_table_is_trained_once_and_shared(again, tmp_path):
    document, trained = again("csta/table-3", seeds=(0, 1))
    # A run a row chooses its epochs; final ones follow for each seed.
    assert len(trained) == len(set(trained)) == 4 * (1 + 2)
    (place,) = document["places"]
    assert set(place["rows"]) == {row["name"] for row in document["rows"]}
    ours = place["rows"]["CSTA-CNN"]
    finals = [Run(tmp_path / "out" / "runs" / name) for name in ours["runs"]]
    assert [run.recipe.final for run in finals] == [True, True]
    assert [run.recipe.seed for run in finals] == [0, 1]
    assert ours["top1"]["values"] == [run.metrics["top1"] for run in finals]
    assert ours["difference"]["base"] == "Without ST"
    assert "difference" not in place["rows"]["Without ST"]

    same, trained = again("csta/table-3", seeds=(0, 1))
    assert trained == [] and same == document
    other, trained = again("csta/table-1", seeds=(0, 1))
    # CSTA-CNN is there already, ST-GCN is not.
    assert len(trained) == 3 and all(name.startswith("st_gcn") for name in trained)
    assert other["places"][0]["rows"]["CSTA-CNN"]["top1"] == ours["top1"]
    matrix = other["places"][0]["confusions"][0]
    assert sum(map(sum, matrix["counts"])) == 2 * ours["clips"]

    for shown in (document, other):
        page, text = html(shown), markdown(shown)
        assert well_formed(page)
        for row in shown["rows"]:
            assert row["name"] in page and row["name"] in text
        assert "compare the order of the rows" in text
        assert "<svg" in page and "Figure 3" in page
    assert "quoted" in markdown(other) and "quoted" not in markdown(document)
    name = tmp_path / "out" / "csta-table-3"
    assert json.loads(name.with_suffix(".json").read_text()) == json.loads(json.dumps(document))
    assert name.with_suffix(".md").read_text() == markdown(document)


def test_going_on_after_a_stop(again, monkeypatch, tmp_path):
    carry_out, done = runs.carry_out, []

    def stopped(task, folder, observer):
        if len(done) == 2:
            # As when the process is killed while a folder is being made.
            (folder / task.key).mkdir()
            (folder / task.key / "recipe.toml.tmp").write_text("half")
            raise KeyboardInterrupt
        done.append(task.key)
        return carry_out(task, folder, observer)

    monkeypatch.setattr(runs, "carry_out", stopped)
    with pytest.raises(KeyboardInterrupt):
        again("csta/table-3", budget="cpu")
    monkeypatch.undo()
    assert not (tmp_path / "out" / "csta-table-3.json").exists()
    document, trained = again("csta/table-3", budget="cpu")
    # Two of four rows were screened before the stop; the best two follow in full, with a run
    # that chooses and a final one each.
    assert len(trained) == 2 + 2 * 2 and not set(trained) & set(done)
    (place,) = document["places"]
    assert len(place["rows"]) == 4 and len(place["full"]) == 2
    best = sorted(place["rows"], key=lambda name: -place["rows"][name]["validation"])[:2]
    assert set(place["full"]) == set(best)
    assert "trained in full" in markdown(document)


def test_a_run_that_diverges_stops_neither_table_nor_claims(again, monkeypatch):
    carry_out, tried = runs.carry_out, []

    def diverging(task, folder, observer=None):
        if task.recipe.options["spatial"] or not task.recipe.options["temporal"]:
            return carry_out(task, folder, observer)
        tried.append(task.key)
        raise DivergedError("epoch 0, batch 3: the loss is nan")

    monkeypatch.setattr(runs, "carry_out", diverging)
    document, trained = again("csta/table-3")
    (place,) = document["places"]
    assert set(place["rows"]) == {"CSTA-CNN", "Without ST", "Without T"}
    assert list(place["skipped"]) == ["Without S"]
    assert "diverged: epoch 0, batch 3" in place["skipped"]["Without S"]
    assert "Not measured here: Without S" in markdown(document)
    # The one that chooses is tried once, its final run never, and nothing is tried again.
    assert len(tried) == 1 and len(trained) == 3 * 2
    claims, _ = again("csta/claims")
    assert len(tried) == 1
    verdicts = [claim["verdict"] for claim in claims["claims"]]
    assert verdicts[1] == verdicts[2] == "not measured" != verdicts[0]
    assert "diverged" in claims["claims"][1]["why"]
    assert "Without S" not in {row["name"] for row in claims["rows"]}
    assert well_formed(html(claims))


def test_a_group_that_was_not_planned_to_its_end_is_begun_anew(again, tmp_path):
    document, _ = again("csta/claims", budget="cpu", protocol=None)
    name = next(row["runs"][0] for row in document["rows"] if row["place"].endswith("folds"))
    folder = tmp_path / "out" / "runs" / name
    (folder / "metrics.json").unlink()
    shutil.rmtree(folder / "fold_2")
    again_document, trained = again("csta/claims", budget="cpu", protocol=None)
    assert trained == ["fold_1", "fold_2"]
    assert again_document["claims"] == document["claims"]
    gain = document["claims"][-1]
    assert gain["on"] == ["pairs cross_view", "pairs folds"]
    last = gain["figures"][-1]
    assert last["value"] == pytest.approx(gain["figures"][0]["value"] - gain["figures"][1]["value"])


@pytest.mark.slow
def test_claims_of_san(again, single_path, pairs_path):
    own = {"model": {"width": 16, "layers": 1, "heads": 2}, "loop": {"epochs": 12, "batch": 12}}
    own |= {"optimizer": {"lr": 3e-3}, "schedule": {"patience": 50}}
    document, _ = again("san/claims", data=[single_path, pairs_path], budget="gpu", own=own)
    claims = {claim["statement"]: claim for claim in document["claims"]}
    assert all(claim["verdict"] in VERDICTS for claim in claims.values())
    for statement, claim in claims.items():
        needs_two = any(word in statement for word in ("persons", "SAN-V1", "SAN-V3"))
        assert claim["on"] == ["pairs cross_view" if needs_two else "single cross_view"]
    alike = next(claim for name, claim in claims.items() if "alike" in name)
    assert alike["figures"][0]["threshold"] == 0.01
    speeds = claims["robust to the speed of an action"]
    assert [figure["name"].partition(" minus")[0] for figure in speeds["figures"]] in (
        ["speed 0.5", "speed 2", "speed uneven"],
        [],
    )
    assert well_formed(html(document))
    assert all(claim["statement"] in markdown(document) for claim in document["arithmetic"])


VERDICTS = {"holds", "contradicted", "too small to tell", "not measured"}


def test_a_claim_that_cannot_be_measured_says_why(again, viewless_path):
    document, _ = again("csta/claims", budget="cpu", data=[viewless_path], protocol="fold_1")
    *others, views = document["claims"]
    assert all(claim["on"] == ["viewless fold_1"] for claim in others)
    assert (views["on"], views["verdict"]) == ([], "not measured")
    assert "separates views" in views["why"] and views["why"] in markdown(document)
    # Two epochs of a narrow model teach nothing, and nothing may follow from that.
    assert {claim["verdict"] for claim in others} == {"too small to tell"}
    assert all("hardly above chance" in claim["why"] for claim in others)
    assert all(figure["verdict"] is None for claim in others for figure in claim["figures"])


def test_an_archive_that_answers_no_row_is_refused(again, single_path, monkeypatch):
    from gesta.reproduce import targets
    from gesta.reproduce.paper import Table

    paper, table = targets.find_target("san/table-3")
    about_two = tuple(row for row in table.rows if row.two_persons)
    only = Table("table-3", "", table.columns, about_two, about_two[0].name, table.why_two)
    monkeypatch.setattr("gesta.reproduce.reproduction.find_target", lambda name: (paper, only))
    with pytest.raises(RecipeError, match="clips of two persons"):
        again("san/table-3", data=[single_path])


@pytest.mark.parametrize("seeds", [(), (0, 0), (-1,)])
def test_senseless_seeds_are_refused(again, seeds):
    with pytest.raises(RecipeError, match="seeds"):
        again("csta/table-3", seeds=seeds)


def test_data_are_asked_for(tmp_path):
    with pytest.raises(RecipeError, match="--data"):
        reproduce("csta/table-3", [], tmp_path)
