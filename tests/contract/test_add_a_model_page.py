"""The page docs/add-a-model.md: its code runs, and its model keeps the contract."""

import importlib.util
import inspect
import re
import sys
import tomllib
from pathlib import Path

import pytest

from gesta.models import model_entry
from gesta.models import registry as registry_module
from gesta.training import recipe_from_table

HERE = Path(__file__).resolve()
PAGE = HERE.parents[2] / "docs" / "add-a-model.md"


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page(monkeypatch, tmp_path):
    """The page's blocks by language, its model registered for the length of a test."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    code = {kind: [text for k, text in blocks if k == kind] for kind in ("python", "toml")}
    monkeypatch.setattr(registry_module, "_MODELS", dict(registry_module._MODELS))
    monkeypatch.setitem(sys.modules, "gesta.models.joint_mlp", None)
    file = tmp_path / "joint_mlp.py"
    file.write_text(code["python"][0], "utf-8")
    load("gesta.models.joint_mlp", file)
    return code


def test_the_code_of_the_page_runs(page, capsys):
    assert len(page["python"]) == 2
    exec(compile(page["python"][1], str(PAGE), "exec"), {})
    assert int(capsys.readouterr().out) == 60 * (34 * 64 + 64 * 64) + 64 * 21


def test_the_recipe_of_the_page_is_one(page):
    (text,) = page["toml"]
    recipe = recipe_from_table(tomllib.loads(text))
    assert recipe.model == "joint_mlp" and recipe.options == {"width": 256}


def test_the_model_of_the_page_keeps_the_contract(page, tmp_path):
    contract = load("contract_for_the_page", HERE.with_name("test_every_model.py"))
    given = {"name": "joint_mlp", "layout": "sbu_15", "tmp_path": tmp_path}
    given |= {"padding": 3, "channels": 2, "stated": model_entry("joint_mlp").stated[0]}
    ran = []
    for name, test in inspect.getmembers(contract, inspect.isfunction):
        wanted = inspect.signature(test).parameters.keys()
        if name.startswith("test_") and "compil" not in name and wanted <= given.keys():
            test(**{key: given[key] for key in wanted})
            ran.append(name)
    assert len(ran) > 18
