"""Training with a compiled model, and in bfloat16."""

import shutil

import numpy as np
import pytest

from gesta.archive import open_archive, write_archive
from gesta.clip import Clip
from gesta.errors import RecipeError
from gesta.evaluation import score_clips
from gesta.skeleton import get_layout
from gesta.training import evaluate, find_recipe, load_model, train
from gesta.transforms import ResidentClips


def make_archive(path, clips=20):
    """Bodies of noise, every other one of which moves the other way."""
    layout = get_layout("sbu_15")
    rng = np.random.default_rng(0)
    way = np.linspace(-1, 1, 8)[:, None]

    def moving(index):
        coords = rng.normal(scale=0.3, size=(1, 8, len(layout), 3))
        coords[..., 0] += way if index % 2 else -way
        return Clip(coords.astype(np.float32), layout, id=f"c{index}", label=index % 2)

    write_archive(path, list(map(moving, range(clips))), ("a", "b"), dataset="moving")


SAN = {"width": 32, "layers": 1, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0}
NARROW = {
    "st_gcn": {"width": 4, "blocks": 9, "temporal_kernel": 3, "dropout": 0.0},
    "csta_cnn": {"width": 4, "joints": 8, "hidden": [8], "dropout": 0.0},
    "san_v2": SAN,
}


def make_recipe(path, compiled, model="st_gcn"):
    table = {
        "data": str(path),
        "protocol": "random",
        "model": NARROW[model],
        "input": {"frames": 8, "persons": 1},
        "schedule": {"warmup": 0},
        "loop": {"epochs": 2, "batch": 20, "compile": compiled},
    }
    return find_recipe(model, None, table)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="compiling needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
@pytest.mark.parametrize("model", NARROW)
def test_a_compiled_model_trains_like_a_plain_one(model, tmp_path):
    make_archive(tmp_path / "data")
    plain = train(make_recipe(tmp_path / "data", False, model), tmp_path / "plain")
    compiled = train(make_recipe(tmp_path / "data", True, model), tmp_path / "compiled")
    for one, other in zip(plain.history, compiled.history, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-3)
    np.testing.assert_allclose(compiled.scores.log_probs, plain.scores.log_probs, atol=1e-2)
    again = evaluate(compiled, compiled=True)
    np.testing.assert_allclose(again.log_probs, compiled.scores.log_probs, atol=1e-4)


@pytest.mark.parametrize("model", ["san_v1", "san_v2", "san_v3", "csta_cnn"])
def test_bfloat16_recognises_as_much(model, tmp_path):
    make_archive(tmp_path / "data", 64)
    csta = {"width": 8, "joints": 8, "hidden": [16], "dropout": 0.0}
    table = {
        "data": str(tmp_path / "data"),
        "protocol": "random",
        "model": csta if model == "csta_cnn" else SAN,
        "optimizer": {"lr": 2e-3},
        "input": {"frames": 8, "persons": 1},
        "augment": {"crop": [1.0, 1.0]},
        "loop": {"epochs": 10, "batch": 8, "device": "cpu"},
    }
    plain, narrow = (
        train(
            find_recipe(model, None, table | {"loop": table["loop"] | {"bf16": bf16}}),
            tmp_path / f"bf16 {bf16}",
        )
        for bf16 in (False, True)
    )
    assert plain.metrics["top1"] == narrow.metrics["top1"] == 100
    # Not because both were computed in the same way.
    assert narrow.history[-1].train_loss != plain.history[-1].train_loss

    archive = open_archive(tmp_path / "data")
    network, card = load_model(plain.model_path)
    clips = ResidentClips.from_archive(archive, archive.split("random")["test"], persons=1)
    scores = score_clips(network, card.pipeline(), clips, card.classes, bf16=True)
    assert not np.array_equal(scores.log_probs, plain.scores.log_probs)
    assert np.array_equal(scores.log_probs.argmax(1), plain.scores.log_probs.argmax(1))


def test_without_a_compiler_it_says_so(tmp_path, monkeypatch):
    make_archive(tmp_path / "data")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RecipeError, match=r"loop\.compile\) needs a C\+\+ compiler"):
        train(make_recipe(tmp_path / "data", True), tmp_path / "run")
    run = train(make_recipe(tmp_path / "data", False), tmp_path / "plain")
    with pytest.raises(RecipeError, match=r"--compile, .* needs a C\+\+ compiler"):
        evaluate(run, compiled=True)
