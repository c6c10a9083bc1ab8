"""docs/results.md is what its generator makes of the results that are in the repository."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator():
    path = ROOT / "benchmarks" / "results_page.py"
    spec = importlib.util.spec_from_file_location("results_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(generator):
    assert generator.PAGE.read_text() == generator.page(), "run benchmarks/results_page.py"


def test_rows_show_spread_and_other_protocols(generator, tmp_path):
    one = {"top1": 90.0, "top5": 99.0, "mean_class_accuracy": 89.0}
    metrics = one | {
        "model": "st_gcn", "stream": "joint", "protocol": "p", "seed": [0, 1], "epochs": 3,
        "test_clips": 10, "seconds": 120.0, "std": {"top1": 1.5, "top5": 0.0},
    }  # fmt: skip
    for seed, top1 in enumerate((80.0, 82.0)):
        folder = tmp_path / f"run-final/seed_{seed}/evaluations"
        folder.mkdir(parents=True)
        text = generator.json.dumps(one | {"top1": top1, "protocol": "q", "clips": 5})
        (folder / "x-q-test.json").write_text(text)
    first, second = generator.table_rows(tmp_path / "run-final.json", metrics)
    assert first == "| st_gcn | joint | p | 0, 1 | 90.00 ± 1.50 | 99.00 | 89.00 | 10 | 3 | 2 |"
    assert second == "| st_gcn | joint | q | 0, 1 | 81.00 ± 1.41 | 99.00 | 89.00 | 5 |  |  |"
