"""What must start fast does not load torch, whose import alone takes over a second."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

REPORT = "; import sys; sys.exit('torch was imported' if 'torch' in sys.modules else 0)"

SHOW_HELP = """
import sys
from gesta.cli import main
sys.argv = ["gesta", "--help"]
try:
    status = main()
except SystemExit as exit:
    status = exit.code
if status:
    sys.exit(f"gesta --help ended with status {status}")
if "torch" in sys.modules:
    sys.exit("torch was imported")
"""


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_import_gesta_loads_no_torch():
    ended = run_python("import gesta" + REPORT)
    assert ended.returncode == 0, ended.stderr


def test_help_loads_no_torch():
    ended = run_python(SHOW_HELP)
    assert ended.returncode == 0, ended.stderr
    assert "prepare" in ended.stdout and "train" in ended.stdout


@pytest.mark.parametrize("name", ["torch", "torch.nn"])
def test_a_loaded_torch_is_noticed(tmp_path, monkeypatch, name):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    (tmp_path / "torch" / "nn.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ended = run_python(f"import {name}" + REPORT)
    assert ended.returncode == 1 and "torch was imported" in ended.stderr


def test_what_many_verbs_take_is_told_without_torch():
    verbs = ("bench", "context", "datasets", "doctor", "export", "extract", "predict", "prepare")
    imports = ", ".join(f"gesta.cli.{verb}" for verb in (*verbs, "view"))
    ended = run_python(f"import {imports}" + REPORT)
    assert ended.returncode == 0, ended.stderr
