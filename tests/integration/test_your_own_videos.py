"""The commands of docs/your-own-videos.md, in their order, on a small folder of real videos."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from gesta.errors import RunError
from gesta.training import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "your-own-videos.md"
ACTIONS = ("golf", "pullup", "wave")
QUICK = {
    "extract": ("--size", 128, "--processes", 1),
    "train st_gcn": ("--model.width", 4, "--input.frames", 16, "--loop.epochs", 1),
    "train demo": ("--loop.epochs", 1),
}


def commands():
    """The page's commands, as lists of words without ``gesta``."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert all(line[0] == "gesta" for line in lines)
    return [line[1:] for line in lines]


def test_the_page_goes_the_whole_way():
    verbs = [words[0] for words in commands()]
    assert verbs[:5] == ["extract", "doctor", "view", "train", "evaluate"]
    assert {"compare", "predict"} <= set(verbs)


@pytest.mark.slow
def test_the_commands_of_the_page_run(gesta, test_data, tmp_path):
    for action in ACTIONS:
        clips = sorted((test_data / "jhmdb" / "videos" / action).glob("*.mp4"))[:6]
        (tmp_path / "videos" / action).mkdir(parents=True)
        for clip in clips:
            shutil.copy(clip, tmp_path / "videos" / action)
    shutil.copy(clips[-1], tmp_path / "new.mp4")
    try:
        Run.open("demo")
        shipped = True
    except RunError:
        shipped = False
    for words in commands():
        if "demo" in words and not shipped:
            words = [{"demo": "st_gcn"}.get(word, word) for word in words]
            if words[0] == "predict":
                continue
            words[words.index("--init") + 1] = "runs/own"
        quick = next((more for verb, more in QUICK.items() if " ".join(words).startswith(verb)), ())
        status, text, error = gesta(*words, *quick)
        assert status == 0, f"gesta {shlex.join(words)}: {error}"
        assert text.strip()
    for made in ("archive/archive.json", "clips.html", "runs/own/report.html", "seen.mp4"):
        assert (tmp_path / made).stat().st_size > 100
