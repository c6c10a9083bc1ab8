"""The verb export: from a run to a file that onnxruntime runs."""

import json

import numpy as np
import pytest
import torch

from gesta.archive import write_archive
from gesta.cli import main
from gesta.clip import Clip
from gesta.export.onnx import Exported
from gesta.skeleton import get_layout
from gesta.training import Run

SMALL = [
    *("--model.width", "4", "--model.blocks", "9", "--model.temporal-kernel", "3"),
    *("--input.frames", "8", "--loop.epochs", "1", "--loop.batch", "8", "--loop.bf16", "false"),
]


def clips(count=20):
    drawn = np.random.default_rng(0)
    for index in range(count):
        coords = drawn.normal(size=(1, 9, 15, 3)).astype(np.float32)
        yield Clip(coords, get_layout("sbu_15"), id=f"c{index}", label=index % 2)


def test_a_run_becomes_a_file(tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    data, run, out = (str(tmp_path / name) for name in ("data", "run", "model.onnx"))
    write_archive(data, clips(), ("one", "two"), dataset="noise")
    common = ["--data", data, "--protocol", "random", "--out", run]
    assert main(["train", "st_gcn", *common, *SMALL, "--json"]) == 0
    capsys.readouterr()

    assert main(["export", run, "--format", "onnx", "--out", out, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == out and document["error"] < 1e-5
    assert document["inputs"]["mask"] == ["N", 2, 8]

    session = onnxruntime.InferenceSession(out)
    card = json.loads(session.get_modelmeta().custom_metadata_map["gesta"])
    assert card["classes"] == ["one", "two"] and card["input"]["frames"] == 8
    poses = np.random.default_rng(1).normal(size=(3, 2, 8, 15, 3)).astype(np.float32)
    mask = np.ones((3, 2, 8), dtype=bool)
    mask[:, 1] = False
    (logits,) = session.run(None, {"poses": poses, "mask": mask})
    with torch.no_grad():
        expected = Run.open(run).load_model()(torch.from_numpy(poses), torch.from_numpy(mask))
    np.testing.assert_allclose(logits, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_the_model_that_ships_is_not_exported_into_the_package(tmp_path, monkeypatch, capsys):
    def export(model, path, **_):
        return Exported(path, {}, 20, 0.0)

    monkeypatch.setattr("gesta.export.export_onnx", export)
    monkeypatch.chdir(tmp_path)
    assert main(["export", "demo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == "runs/demo/model.onnx"


def test_what_is_no_run(tmp_path, capsys):
    assert main(["export", str(tmp_path / "nothing")]) == 1
    assert "gesta: error" in capsys.readouterr().err
