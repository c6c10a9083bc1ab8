"""Broken pipes, full disks and Ctrl-C: what is finished stays, and the command goes on."""

import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from scipy.io import savemat


def interrupted(words, cwd, environment, when):
    """Start gesta, press Ctrl-C once ``when`` exists, and give what it said."""
    command = [sys.executable, "-m", "gesta", *map(str, words)]
    running = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, such as CI may be, ignore Ctrl-C and hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for _ in range(6000):
        if when.exists() or running.poll() is not None:
            break
        try:
            running.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
    running.send_signal(signal.SIGINT)
    text, error = running.communicate(timeout=100)
    return running.returncode, text, error


@pytest.mark.parametrize("words", [["--help"], ["datasets", "--json"], ["train", "--help"]])
def test_a_reader_that_goes_away_is_no_failure(words, environment):
    command = [sys.executable, "-m", "gesta", *words]
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=environment, text=True, timeout=100
    )
    os.close(writing)
    assert ran.returncode == 0 and "rror" not in ran.stderr and "Exception" not in ran.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_below_stdout(environment):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "gesta", "datasets", "--json"]
        ran = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=environment, text=True, timeout=100
        )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "gesta: error: No space left on device"


@pytest.mark.slow
def test_a_full_disk_in_the_middle_of_a_training(place, limited, small, everything):
    words = ["train", "st_gcn", "--data", "data", "--protocol", "cross", "--out", "new", *small]
    ran = limited(words, place, RLIMIT_FSIZE=50_000)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "File too large" in ran.stderr.splitlines()[-1] and "new" in ran.stderr
    assert not [path for path in everything(place) if path.suffix in (".tmp", ".part")]
    ran = limited(["train", "--resume", "new"], place)
    assert ran.returncode == 0 and (place / "new" / "metrics.json").is_file()


def test_a_training_that_is_interrupted_goes_on(place, gesta, environment, small):
    words = ["train", "st_gcn", "--data", "data", "--protocol", "cross", "--out", "a run", *small]
    words += ["--loop.epochs", "60"]
    status, _, error = interrupted(words, place, environment, place / "a run" / "checkpoint.pt")
    assert status == 130 and "Traceback" not in error
    assert error.splitlines()[-1] == "gesta: stopped; go on with: gesta train --resume 'a run'"
    assert not (place / "a run" / "metrics.json").exists()
    assert "not finished" in gesta("report", "a run")[2]
    status, text, _ = gesta("train", "--resume", "a run", "--json")
    assert status == 0 and json.loads(text)["epochs"] == 60


def test_a_preparation_that_is_interrupted_goes_on(tmp_path, gesta, environment):
    (tmp_path / "in").mkdir()
    file = io.BytesIO()
    savemat(file, {"d_skel": np.random.default_rng(0).uniform(0.2, 0.9, (20, 3, 50))})
    for number in range(3000):
        (tmp_path / "in" / f"a1_s1_t{number}_skeleton.mat").write_bytes(file.getvalue())
    words = ["prepare", "utd_mhad", "in", "--out", "out", "--processes", "1"]
    status, _, error = interrupted(
        words, tmp_path, environment, tmp_path / "out.partial" / "journal.jsonl"
    )
    assert (status, error.strip()) == (130, "gesta: stopped; the same command goes on where it can")
    assert not (tmp_path / "out").exists() and not list(tmp_path.rglob("*.tmp"))
    status, text, _ = gesta(*words)
    assert status == 0 and "3000 clips" in text
    assert sorted(os.listdir(tmp_path)) == ["in", "out"]
