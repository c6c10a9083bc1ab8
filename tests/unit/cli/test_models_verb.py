import json

import pytest

from gesta.cli import main
from gesta.models import list_models


def document(capsys, *arguments):
    assert main(["models", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_model_is_listed_with_its_size(capsys):
    shown = document(capsys)
    assert [model["name"] for model in shown] == list_models()
    for model in shown:
        assert model.keys() >= {"name", "inputs", "parameters", "flops", "paper"}
        assert model["parameters"] > 0 and model["flops"] > 0


def test_published_sizes(capsys):
    (model,) = document(capsys, "st_gcn", "--frames", "300", "--persons", "2")
    assert round(model["parameters"] / 1e6, 1) == 3.1
    assert round(model["flops"] / 1e9, 1) == 16.2
    assert round(sum(model["flops_by_kind"].values()) / 1e9, 1) == 17.1


def test_layers_add_up(capsys):
    arguments = ("--layers", "--option", "blocks=9", "--frames", "16", "--layout", "openpose_18")
    (model,) = document(capsys, "st_gcn", *arguments, "--classes", "400")
    kinds = ("convolution", "linear")
    total = sum(layer["multiply_adds"].get(k, 0) for layer in model["layers"] for k in kinds)
    assert total == model["flops"] and round(total / 1e9, 2) == 0.59
    assert model["layers"][-1]["output"] == [1, 400]


SAN = ["--option", "width=32", "--option", "layers=2", "--option", "heads=4"]
# Of each model some layers: module name, kernel, output.
ROWS = {
    "san_v1": [
        ("trunk.encoder.time", [3, 1], [1, 32, 32, 50]),
        ("trunk.encoder.joints", [3, 3], [1, 32, 32, 32]),
        ("trunk.block.layers.1.attention", [], [1, 32, 32]),
    ],
    "san_v2": [
        ("trunk.motion.points", [], [2, 32, 25, 64]),
        ("trunk.block.layers.1.attention", [], [2, 32, 64]),
        ("heads.0", [], [1, 60]),
    ],
    "san_v3": [("trunk.motion_block.layers.0.hidden", [], [1, 32, 128]), ("heads.2", [], [1, 60])],
    "csta_cnn": [
        ("position.attention", [], [2, 30, 25, 3]),
        ("motion.transformer", [], [2, 3, 30, 30]),
        ("motion.convolutions.2", [3, 3], [2, 128, 7, 7]),
    ],
}


@pytest.mark.parametrize("name", ROWS)
def test_layers_of_models_of_skeletons(capsys, name):
    (model,) = document(capsys, name, "--layers", *(SAN if name.startswith("san") else []))
    layers = {layer["name"]: layer for layer in model["layers"]}
    for layer, kernel, output in ROWS[name]:
        assert (layers[layer]["kernel"], layers[layer]["output"]) == (kernel, output)
    kinds = {kind for layer in model["layers"] for kind in layer["multiply_adds"]}
    assert {"linear", "convolution"} < kinds == set(model["flops_by_kind"])
    for kind in kinds:
        shown = sum(layer["multiply_adds"].get(kind, 0) for layer in model["layers"])
        assert shown == model["flops_by_kind"][kind] > 0
    # Norms and the embedding of positions multiply nothing by a matrix.
    learnt = {layer["name"]: layer["parameters"] for layer in model["layers"]}
    assert sum(learnt.values()) + model["parameters_elsewhere"] == model["parameters"]
    assert 0 <= model["parameters_elsewhere"] < 0.1 * model["parameters"]


def test_options_may_be_words_or_numbers(capsys):
    (narrow,) = document(capsys, "st_gcn", "--option", "width=8", "--option", "partition=uniform")
    (wide,) = document(capsys, "st_gcn")
    assert narrow["parameters"] < wide["parameters"] / 10


def test_for_people(capsys):
    assert main(["models", "st_gcn", "--layers"]) == 0
    shown = capsys.readouterr().out
    assert "16.23 + 0.86 adjacency" in shown and "multiply-adds of convolutions" in shown
    assert "blocks.9.temporal" in shown and "9x1" in shown and "width: int = 64" in shown
    assert main(["models", "st_gcn", "--bibtex"]) == 0
    assert "@inproceedings{yan2018spatial" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stgcn"], "did you mean 'st_gcn'"),
        (["st_gcn", "--option", "width"], "NAME=VALUE"),
        (["st_gcn", "--option", "blocks=8"], "expected 9 or 10"),
        (["st_gcn", "--layout", "kinect"], "unknown layout"),
        (["st_gcn", "--frames", "0"], "at least 1"),
    ],
)
def test_mistakes(capsys, arguments, message):
    assert main(["models", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_sizes_count_for_models_that_have_their_own(capsys):
    (own,) = document(capsys, "csta_cnn")
    (asked,) = document(capsys, "csta_cnn", "--frames", "16", "--persons", "1")
    assert own["input"].startswith("M=2 T=30") and asked["input"].startswith("M=1 T=16")
    assert asked["flops"] < own["flops"]


def test_models_that_take_video_say_its_size(capsys):
    arguments = ("--layers", "--layout", "openpose_18", "--classes", "400")
    (model,) = document(capsys, "cross_attention", *arguments)
    assert model["input"] == "M=2 T=16 V=18 C=3 video 3x16x112x112"
    assert model["inputs"] == ["poses", "mask", "video", "rgb_mask"]
    assert model["parameters"] == 6_390_185
    first = next(layer for layer in model["layers"] if layer["name"] == "branch.layer0.convolution")
    assert (first["kernel"], first["output"]) == ([7, 7, 7], [1, 64, 16, 56, 56])
    (alone,) = document(capsys, "cross_attention", "--option", "variant=skeleton_only")
    assert alone["inputs"] == ["poses", "mask"] and "video" not in alone["input"]
