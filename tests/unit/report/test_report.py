"""Reports of real, tiny runs: trained here on a dozen clips for one epoch."""

import json
import re
import shutil

import numpy as np
import pytest

from gesta.archive import Protocol, open_archive, write_archive
from gesta.cli import main
from gesta.clip import Clip
from gesta.errors import RunError
from gesta.report import write_report
from gesta.report.choice import confusions, examples, sample
from gesta.report.members import member_rows
from gesta.report.pictures import file_name
from gesta.report.protocol import duplicates
from gesta.skeleton import get_layout
from gesta.training import Run, find_recipe, fuse_runs, train

CLASSES = ["wave <b>&", '"kick"', "</script>"]
LAYOUT = get_layout("sbu_15")


def clips():
    """24 clips of 3 classes; the last test clip is a copy of a training clip."""
    made = []
    for number in range(24):
        rng = np.random.default_rng(number)
        coords = rng.normal(size=(1, 6 + number % 3, 15, 3)).astype(np.float32)
        made.append(
            Clip(coords, LAYOUT, id=f"c{number:02d}<i>", label=number % 3, camera=number // 12)
        )
    made[-1] = made[-1].replace(coords=made[2].coords)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An archive, two runs of seeds in a group, and their fusion."""
    place = tmp_path_factory.mktemp("report")
    protocol = Protocol("cross_view", column="camera", train=("0",), note="A <known> defect.")
    write_archive(place / "data", clips(), CLASSES, dataset="tiny & small", protocols=[protocol])
    own = {
        "model": {"width": 8, "temporal_kernel": 3},
        "data": str(place / "data"),
        "protocol": "cross_view",
        "input": {"frames": 8, "persons": 1},
        "loop": {"epochs": 2, "batch": 6, "device": "cpu"},
        "schedule": {"warmup": 0},
    }
    train(find_recipe("st_gcn", None, own), place / "runs", seeds=[0, 1])
    runs = [place / "runs" / name for name in ("seed_0", "seed_1")]
    fuse_runs(runs, place / "fused")
    return place


@pytest.fixture(scope="module")
def written(folder):
    run = folder / "runs" / "seed_0"
    return write_report(run, explained_clips=4, device="cpu")


def test_a_report_is_one_page_that_needs_no_network(written, read_page):
    text = written.read_text("utf-8")
    page = read_page(written)
    assert written.name == "report.html"
    assert "http:" not in text and "https:" not in text and "url(" not in text
    assert all(address.startswith("#") for address in page.addresses)
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {address[1:] for address in page.addresses} <= ids
    assert not re.search(r"[\s\">]-?(nan|inf)[\s\"<%]", text, re.I)


def test_a_report_has_all_of_its_sections(written, read_page):
    page = read_page(written)
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    sections = {"learning", "confusion", "classes", "calibration", "confused", "mattered"}
    assert sections | {"protocol", "recipe"} <= ids
    labels = [attrs.get("aria-label", "") for tag, attrs in page.tags if tag == "svg"]
    assert sum("joints sized by their importance" in label for label in labels) >= 3
    assert "reliability diagram" in labels and "table by block" in labels


def test_names_are_shown_as_they_are_and_break_nothing(written, read_page):
    page = read_page(written)
    assert all(page.text.count(name) >= 3 for name in CLASSES)
    assert "tiny & small" in page.text and "A <known> defect." in page.text
    assert re.search(r"c\d\d<i>", page.text)
    marks = [attrs for tag, attrs in page.tags if tag == "i"]
    assert all("style" in attrs or "class" in attrs for attrs in marks)  # none from an id


def test_a_report_says_what_it_measured(written, read_page, folder):
    page = read_page(written)
    metrics = Run(folder / "runs" / "seed_0").metrics
    assert f"{metrics['top1']:.1f} %" in page.text
    assert "st_gcn on tiny & small" in page.text and "12 test clips" in page.text
    assert "1 of the 12 test clips are identical" in page.text
    assert "on the same 4 clips" in page.text


def test_reports_do_not_depend_on_anything_but_the_run(folder, written):
    again = write_report(
        folder / "runs" / "seed_0", out=folder / "again.html", explained_clips=4, device="cpu"
    )
    assert again.read_bytes() == written.read_bytes()


def test_without_its_archive_a_report_says_what_is_missing(folder, tmp_path, read_page):
    run = tmp_path / "run"
    shutil.copytree(folder / "runs" / "seed_0", run)
    recipe = (run / "recipe.toml").read_text().replace(str(folder / "data"), "gone/data")
    (run / "recipe.toml").write_text(recipe)
    page = read_page(write_report(run))
    assert "gone/data is not there" in page.text and "Confused clips" not in page.text
    page = read_page(write_report(run, folder / "data", explained_clips=1, device="cpu"))
    assert "Confused clips" in page.text


def test_the_wrong_archive_and_unfinished_runs_are_refused(folder, tmp_path):
    write_archive(tmp_path / "other", clips()[:20], CLASSES)
    with pytest.raises(RunError, match="lacks 4 of the 12 clips"):
        write_report(folder / "runs" / "seed_0", tmp_path / "other")
    with pytest.raises(RunError, match="not finished"):
        write_report(tmp_path)
    with pytest.raises(RunError, match="expected the folder"):
        write_report(tmp_path / "none")


def test_a_place_that_cannot_be_written_is_told_before_the_work(folder, monkeypatch):
    monkeypatch.setattr("gesta.report.report._gather", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(IsADirectoryError):
        write_report(folder / "runs" / "seed_0", out=folder / "runs")


def test_a_damaged_model_is_told_and_the_rest_is_shown(folder, tmp_path, read_page):
    run = tmp_path / "run"
    shutil.copytree(folder / "runs" / "seed_0", run)
    (run / "model.safetensors").write_bytes(b"damaged")
    page = read_page(write_report(run))
    assert "What mattered is not shown" in page.text and "Confused clips" in page.text


def test_a_group_has_a_row_for_each_run_and_links_to_their_reports(folder, written, read_page):
    page = read_page(write_report(folder / "runs"))
    assert "seed_0/report.html" in page.addresses
    assert "standard deviation" in page.text
    group = Run(folder / "runs")
    names = [row["name"] for row in member_rows(group, group.metrics)["rows"]]
    assert names == ["seed_0", "seed_1", "mean", "standard deviation"]


def test_fused_scores_have_a_report_with_their_weights(folder, read_page):
    page = read_page(write_report(folder / "fused", folder / "data"))
    assert "learnt weights" in page.text and "Confusion" in page.text
    assert "more than one model" in page.text
    assert "1 of the 12 test clips are identical" in page.text


def test_duplicates_are_measured_with_and_without(folder):
    run = Run(folder / "runs" / "seed_0")
    found = duplicates(run, open_archive(folder / "data"), run.scores)
    assert (found["count"], found["of"], found["left"]) == (1, 12, 11)


def test_clips_are_chosen_by_their_rules(folder):
    scores = Run(folder / "runs" / "seed_0").scores
    right, wrong = examples(scores, 2)
    hits = scores.log_probs.argmax(axis=1) == scores.labels
    assert all(hits[row] for row in right) and not any(hits[row] for row in wrong)
    ids = [scores.ids[row] for row in sample(scores, 3)]
    assert ids == ["c14<i>", "c18<i>", "c22<i>"]  # the middles of three parts of c12..c23
    for pair in confusions(scores):
        assert scores.labels[pair.wrong] == pair.true
        assert scores.log_probs[pair.wrong].argmax() == pair.said
        assert pair.right is None or hits[pair.right]


def test_explain_writes_pictures_and_arrays(folder, tmp_path, capsys, read_svg):
    command = ["explain", str(folder / "runs" / "seed_0"), "c13<i>", "--out", str(tmp_path)]
    assert main([*command, "--grid", "--device", "cpu", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["clip"] == "c13<i>" and found["target"] in CLASSES
    with np.load(tmp_path / "c13_i.npz") as stored:
        arrays = dict(stored)
    assert arrays["joints"].shape == (15,) and arrays["frames"].shape == (7,)
    assert arrays["grid"].shape == (7, 15)
    assert dict(zip(LAYOUT.joints, arrays["joints"].tolist(), strict=True)) == found["joints"]
    for name in ("c13_i.svg", "edges.svg"):
        assert read_svg((tmp_path / name).read_text("utf-8")) is not None


def test_explain_names_what_it_does_not_find(folder, tmp_path, capsys):
    run, out = str(folder / "runs" / "seed_0"), ["--out", str(tmp_path / "new")]
    assert main(["explain", run, "c99<i>", *out]) == 1
    assert "no clip of" in capsys.readouterr().err
    assert main(["explain", run, "c13<i>", *out, "--target", "kick"]) == 1
    assert "no class 'kick'" in capsys.readouterr().err
    assert main(["explain", str(folder / "runs"), "c13<i>", *out]) == 1
    assert "no model of its own" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_report_and_view_from_the_command_line(folder, tmp_path, capsys):
    run, page = str(folder / "runs" / "seed_1"), tmp_path / "page.html"
    assert main(["report", run, "--out", str(page), "--explained-clips", "1"]) == 0
    assert str(page) in capsys.readouterr().out and page.is_file()
    shown = tmp_path / "view.html"
    assert main(["view", str(folder / "data"), "--out", str(shown), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["page"] == str(shown)
    assert main(["view", str(folder / "data"), "--out", str(shown), "--ids", "nobody"]) == 1


def test_file_names_are_safe_anywhere():
    assert file_name("../a b/c<d>.txt") == "a_b_c_d_.txt"
    assert file_name("...") == "clip" and len(file_name("x" * 500)) == 120
