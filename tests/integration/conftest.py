"""The command line at work in an empty folder, in this process or in one of its own."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gesta as package
from gesta.archive import Protocol, write_archive
from gesta.cli import main
from gesta.clip import Clip
from gesta.skeleton import get_layout

SMALL = [
    *("--model.width", "4", "--model.blocks", "9", "--model.temporal-kernel", "3"),
    *("--input.frames", "8", "--loop.epochs", "1", "--loop.batch", "8", "--loop.bf16", "false"),
]


# Processes of their own find the gesta that this one has.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])}


@pytest.fixture
def gesta(capsys, tmp_path, monkeypatch):
    """A function that runs a verb in an empty folder: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        try:
            status = main([*map(str, words)])
        except SystemExit as stop:
            status = stop.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def refused(gesta):
    """A function that runs a verb, expects one line of error and exit status 1, and gives it."""

    def call(*words):
        status, _, error = gesta(*words)
        lines = [line for line in error.splitlines() if line.startswith("gesta: error: ")]
        assert status == 1 and len(lines) == 1 and lines[0] == error.splitlines()[-1], error
        assert "Traceback" not in error
        return lines[0]

    return call


@pytest.fixture
def limited():
    """A function that runs gesta in a process of its own whose resources are limited."""

    def call(words, cwd, **limits):
        def limit():
            for name, value in limits.items():
                resource.setrlimit(getattr(resource, name), (value, value))

        return subprocess.run(
            [sys.executable, "-m", "gesta", *map(str, words)],
            cwd=cwd,
            env=ENVIRONMENT,
            preexec_fn=limit,
            capture_output=True,
            text=True,
            timeout=100,
        )

    return call


@pytest.fixture
def environment():
    """Variables with which processes of their own find the gesta that this one has."""
    return ENVIRONMENT


@pytest.fixture
def small():
    """Options of a model and training that take no time."""
    return SMALL


def _clips(count=24, layout="kinect_v1_20", channels=3):
    joints, clips = get_layout(layout), []
    for index in range(count):
        random = np.random.default_rng(index)
        coords = random.uniform(0.2, 0.9, (1, 9, len(joints), channels)).astype(np.float32)
        coords[..., 9, 0] += index % 2
        clips.append(
            Clip(
                coords,
                joints,
                channels=("x", "y", "z")[:channels],
                space="camera_metres" if channels == 3 else "pixels",
                id=f"c{index}",
                label=index % 2,
                subject=str(index % 6),
            )
        )
    return clips


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with an archive and two trained runs."""
    folder = tmp_path_factory.mktemp("home")
    nobody = Clip(np.empty((0, 4, 20, 3), np.float32), get_layout("kinect_v1_20"), id="nobody")
    nobody = nobody.replace(label=0, subject="1")
    protocol = Protocol("cross", separates=("subject",), column="subject", test=("0", "3"))
    clips = [*_clips(), nobody]
    write_archive(folder / "data", clips, ("still", "far"), dataset="moves", protocols=[protocol])
    for name, protocol_name in (("run", "cross"), ("other", "random")):
        common = ["--data", str(folder / "data"), "--protocol", protocol_name, *SMALL]
        assert main(["train", "st_gcn", *common, "--out", str(folder / name)]) == 0
    return folder


@pytest.fixture
def place(home, tmp_path):
    """A copy of the folder, which the test may damage; the current folder."""
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def make_clips():
    """A function that makes clips of two classes."""
    return _clips


@pytest.fixture
def everything():
    """A function that lists all that is in a folder."""

    def call(folder):
        return sorted(path.relative_to(folder) for path in folder.rglob("*"))

    return call
