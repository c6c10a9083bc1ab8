"""Training with a compiled model."""

import shutil

import numpy as np
import pytest

from gesta.archive import write_archive
from gesta.clip import Clip
from gesta.errors import RecipeError
from gesta.skeleton import get_layout
from gesta.training import find_recipe, train


def make_archive(path):
    layout = get_layout("sbu_15")
    rng = np.random.default_rng(0)
    clips = [
        Clip(
            rng.normal(size=(1, 8, len(layout), 3)).astype(np.float32),
            layout,
            id=f"c{index}",
            label=index % 2,
        )
        for index in range(20)
    ]
    write_archive(path, clips, ("a", "b"), dataset="noise")


NARROW = {
    "st_gcn": {"width": 4, "blocks": 9, "temporal_kernel": 3, "dropout": 0.0},
    "csta_cnn": {"width": 4, "joints": 8, "hidden": [8], "dropout": 0.0},
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


def test_without_a_compiler_it_says_so(tmp_path, monkeypatch):
    make_archive(tmp_path / "data")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RecipeError, match=r"loop\.compile needs a C\+\+ compiler"):
        train(make_recipe(tmp_path / "data", True), tmp_path / "run")
