"""docs/results.md is what its generator makes of the results that are in the repository."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator():
    path = ROOT / "benchmarks" / "results_page.py"
    spec = importlib.util.spec_from_file_location("results_page", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
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


def test_poses_have_a_joint_a_row_and_an_estimator_a_column(generator):
    scores = {
        "pck": 60.0,
        "pck_inside": 70.0,
        "pck_sure_clips": 61.0,
        "pck_sure_clips_inside": 71.0,
    }
    scores |= {"frames_with_person": 90.0, "joints": {"left_hip": 50.0}}
    scores |= {"joints_inside": {"left_hip": 55.04}}
    ours = {
        "speed": {"alone_per_processor_second": 76.0, "whole_per_processor_second": 65.0},
        "choices": {
            "clips_where_another_track_is_10_better": 0.2,
            "smoothed": {"0.02": 60.2},
            "filled_below": {
                "0.1": {"unsure": 9.0, "right_as_estimated": 8.0, "right_if_filled": 11.0}
            },
        },
    }
    measured = {
        "estimators": {"MoveNet 256": scores | ours, "BlazePose": scores}, "clips": 3, "frames": 9,
        "sure_clips": 2, "threshold": 0.2, "machine": {"cores": 2}, "load": 1.0, "beside": "",
        "command": "python x",
    }  # fmt: skip
    text = generator.poses_section(measured)
    assert "| joint | MoveNet 256 | BlazePose |" in text
    assert "| left hip | 50.0 / 55.0 | 50.0 / 55.0 |" in text
    assert "| from file to tracks, frames a second | 65.0 |  |" in text
    assert "confidence 0.1 (9.0 %), 8.0 % are right" in text and "60.2 by 0.02 s" in text


def test_rows_with_rgb_stand_in_order_with_their_splits(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import fusion_page

    monkeypatch.setattr(fusion_page, "RESULTS", tmp_path)
    assert fusion_page.fusion_section() == ""
    measures = {"top5": 80.0, "mean_class_accuracy": 49.0}
    names = {"jhmdb/st_gcn-joint-final": 50.0, "jhmdb_pretrained/fused-joint+rgb_only": 70.0}
    for name, top1 in names.items():
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for split in (1, 2):
            text = json.dumps({"top1": top1 + split})
            (folder / f"split_{split}.json").write_text(text)
        whole = measures | {"top1": top1 + 1.5, "members": ["split_1", "split_2"]}
        text = json.dumps(whole | {"std": {"top1": 0.71}})
        folder.with_name(f"{folder.name}.json").write_text(text)
    pair = {"first": "joint", "second": "joint+rgb_only", "value": 20.0, "low": 15.04, "high": 25.0}
    (tmp_path / "fusion_differences.json").write_text(json.dumps([pair]))
    controlled = tmp_path / "jhmdb_pretrained/concat-final"
    whole = measures | {"top1": 61.5, "members": ["split_1", "split_2"], "std": {"top1": 0.7}}
    controlled.mkdir()
    controlled.with_name("concat-final.json").write_text(json.dumps(whole))
    for split in (1, 2):
        (controlled / f"split_{split}.json").write_text(json.dumps({"top1": 60.0 + split}))
        folder = controlled / f"split_{split}/evaluations"
        folder.mkdir(parents=True)
        (folder / "x-test-shuffled_0.json").write_text(json.dumps({"top1": 5.0 + split}))
    parts = dict.fromkeys(fusion_page.COSTS, 0.5)
    cost = {"clips": 2, "frames": 60, "seconds_a_clip": parts, "shares_of_poses": parts}
    cost |= {"machine": {"cores": 2}, "command": "python x"}
    (tmp_path / "rgb_cost.json").write_text(json.dumps(cost))
    text = fusion_page.fusion_section()
    alone = "| poses | ST-GCN, joints | 51.0 | 52.0 | 51.5 ± 0.7 | 80.0 | 49.0 |"
    both = "| both | joints and people, scores fused | 71.0 | 72.0 | 71.5 ± 0.7 | 80.0 | 49.0 |"
    side = "| both | one network, features side by side | 61.0 | 62.0 | 61.5 ± 0.7 | 80.0 | 49.0 |"
    assert f"{alone}\n{side}\n{both}\n" in text
    assert "people, scores fused | +20.0 | +15.0 to +25.0 |" in text
    assert "\n- one network, features side by side: 6.5 for 61.5\n" in text
    assert "a clip of 30 frames" in text
    assert "| poses, by MoveNet | 0.5000 | 50.0 % |" in text
