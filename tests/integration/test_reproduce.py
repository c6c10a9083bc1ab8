"""``gesta reproduce`` as people call it, and the pages that are made of its results."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from gesta.archive import Protocol, write_archive
from gesta.cli import main
from gesta.clip import Clip
from gesta.skeleton import get_layout

ROOT = Path(__file__).parents[2]
OPTIONS = """
[model]
width = 4
joints = 8
hidden = [8, 8]
[input]
frames = 9
[loop]
epochs = 1
batch = 12
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Two classes of resting bodies in two places, filmed by two cameras."""
    rng = np.random.default_rng(0)
    clips = [
        Clip(
            rng.normal(index % 2, 0.1, (1, 9, 15, 3)).astype(np.float32),
            get_layout("sbu_15"),
            id=f"clip{index:02d}",
            label=index % 2,
            subject=str(index // 2 % 4),
        )
        for index in range(24)
    ]
    path = tmp_path_factory.mktemp("data") / "places"
    protocol = Protocol("cross_subject", separates=("subject",), column="subject", test=("3",))
    return write_archive(
        path, clips, ("here", "there"), dataset="places", protocols=[protocol]
    ).path


@pytest.fixture
def words(archive, tmp_path):
    recipe = tmp_path / "own.toml"
    recipe.write_text(OPTIONS)
    more = ["--data", str(archive), "--out", str(tmp_path / "out"), "--recipe", str(recipe)]
    return ["reproduce", "csta/table-3", *more]


@pytest.mark.slow
def test_several_jobs_give_what_one_gives(words, tmp_path, capsys):
    assert main([*words, "--jobs", "2", "--json"]) == 0
    side_by_side = json.loads(capsys.readouterr().out)
    assert main([*words, "--runs", str(tmp_path / "others"), "--json"]) == 0
    one_by_one = json.loads(capsys.readouterr().out)
    for document in (side_by_side, one_by_one):
        for row in document["places"][0]["rows"].values():
            row.pop("seconds")
    assert side_by_side == one_by_one
    assert {path.suffix for path in (tmp_path / "out").iterdir()} >= {".html", ".md", ".json"}


def test_a_table_is_printed(words, capsys):
    assert main([*words, "--budget", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "Without ST" in shown and "places cross_subject" in shown
    assert "csta-table-3.html" in shown


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"csta/table-3": "csta/table-33"}, 2, "did you mean 'csta/table-3'"),
        ({"--recipe": "--seeds"}, 2, "--seeds: expected numbers"),
        ({"--recipe": "--protocol"}, 1, "unknown protocol"),
        ({"--recipe": "--weights", "csta/table-3": "mmff/table-4"}, 1, "refer to their video"),
    ],
)
def test_bad_arguments_are_told(words, change, status, message, capsys):
    words = [change.get(word, word) for word in words]
    try:
        found = main(words)
    except SystemExit as stop:
        found = stop.code
    assert found == status
    assert message in capsys.readouterr().err


def test_jobs_below_one_files_that_are_not_there_and_no_data(words, capsys):
    wrong = {"--jobs": "0", "--weights": "none.pth", "--context": "none.context"}
    for more, message in [
        *(([name, value], name) for name, value in wrong.items()),
        ([], "--data"),
    ]:
        given = [*words, *more] if more else [words[0], words[1], "--out", "x"]
        with pytest.raises(SystemExit) as stop:
            main(given)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def generator():
    path = ROOT / "benchmarks" / "claims_page.py"
    spec = importlib.util.spec_from_file_location("claims_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_made_of_the_results(generator, words, tmp_path):
    assert main([*words, "--budget", "cpu"]) == 0
    text = generator.page("table", tmp_path / "out")
    assert "## CSTA-CNN, table 3" in text and "| Without T | 95.2 |" in text
    assert "table 3" not in generator.page("claims", tmp_path / "out")


@pytest.mark.parametrize("kind", ["claims", "table"])
def test_pages_are_up_to_date(generator, kind):
    if not any(one["kind"] == kind for one in generator.documents()):
        pytest.skip("no results of this kind are in benchmarks/results/reproduce")
    assert generator.PAGES[kind].read_text() == generator.page(kind), "run claims_page.py"
