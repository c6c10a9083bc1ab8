"""The verbs train, evaluate, fuse, compare and predict, one after the other, as people use them."""

import json

import numpy as np
import pytest

from gesta.archive import Protocol, write_archive
from gesta.cli import main
from gesta.clip import Clip
from gesta.formats import write_pyskl
from gesta.skeleton import get_layout

SMALL = [
    *("--model.width", "4", "--model.blocks", "9", "--model.temporal-kernel", "3"),
    *("--input.frames", "8", "--input.persons", "none", "--loop.epochs", "2"),
    *("--loop.batch", "8", "--loop.bf16", "false"),
]


def make_clips(count=24):
    layout, clips = get_layout("coco_17"), []
    for index in range(count):
        rng = np.random.default_rng(index)
        coords = rng.normal(size=(1, 9, len(layout), 2)).astype(np.float32) * 100
        coords[..., 9, 0] += 300 * (index % 2)
        clips.append(
            Clip(
                coords,
                layout,
                channels=("x", "y"),
                space="pixels",
                frame_size=(640, 480),
                id=f"c{index}",
                label=index % 2,
                subject=str(index % 6),
            )
        )
    return clips


@pytest.fixture
def archive(tmp_path):
    protocols = [
        Protocol("cross", separates=("subject",), column="subject", test=("0",)),
        Protocol("fold_1", column="subject", test=("0",)),
        Protocol("fold_2", column="subject", test=("1",)),
    ]
    classes, path = ("still", "far"), tmp_path / "data"
    write_archive(path, make_clips(), classes, dataset="moves", protocols=protocols)
    return str(tmp_path / "data")


@pytest.fixture
def gesta(capsys, tmp_path, monkeypatch):
    """A function that runs a verb with --json and gives its document."""
    monkeypatch.chdir(tmp_path)

    def call(*words, status=0):
        assert main([*map(str, words), "--json"]) == status
        captured = capsys.readouterr()
        return json.loads(captured.out)

    return call


def test_from_training_to_prediction(gesta, archive, tmp_path):
    common = ["--data", archive, "--protocol", "cross", *SMALL]
    joint = gesta("train", "st_gcn", *common)
    assert joint["run"] == "runs/moves-cross-st_gcn-joint-0" and joint["test_clips"] == 4
    gesta("train", "st_gcn", *common, "--stream", "bone", "--out", "bone", "--seed", "3")
    scored = gesta("evaluate", "bone")
    metrics = json.loads((tmp_path / "bone" / "metrics.json").read_text())
    assert scored["top1"] == metrics["top1"] and metrics["seed"] == 3
    fused = gesta("fuse", joint["run"], "bone", "--out", "fused")
    assert sum(fused["weights"].values()) == pytest.approx(1)
    compared = gesta("compare", joint["run"], "fused")
    assert compared["clips"] == 4
    assert compared["top1"]["value"] == pytest.approx(fused["top1"] - joint["top1"])
    final = gesta("train", "--final", "bone")
    assert final["final"] is True and final["run"] == "bone-final"
    again = gesta("train", "bone", "--out", "again", "--loop.epochs", "1")
    assert again["stream"] == "bone" and again["epochs"] == 1

    write_pyskl(tmp_path / "new.pkl", make_clips(2))
    predicted = gesta("predict", "bone", "new.pkl")
    assert [one["input"] for one in predicted] == ["new.pkl:c0", "new.pkl:c1"]
    labels = [one["persons"][0]["segments"][0]["label"] for one in predicted]
    assert set(labels) <= {"still", "far"}


def test_folds_seeds_and_dry_runs(gesta, archive, tmp_path):
    dry = gesta("train", "st_gcn", "--data", archive, "--protocol", "folds", *SMALL, "--dry-run")
    assert dry["poses"][1:] == [1, 8, 17, 2] and not (tmp_path / "runs").exists()
    words = ["--data", archive, "--protocol", "folds", *SMALL, "--seed", "0,1", "--out", "group"]
    group = gesta("train", "st_gcn", *words)
    assert group["members"] == ["seed_0", "seed_1"] and "std" in group
    fold = json.loads((tmp_path / "group" / "seed_1" / "fold_2" / "metrics.json").read_text())
    assert (fold["seed"], fold["protocol"]) == (1, "fold_2")
    assert gesta("train", "--resume", "group")["top1"] == group["top1"]
    members = gesta("evaluate", "group/seed_0")["members"]
    assert [row["protocol"] for row in members] == ["fold_1", "fold_2"]
    again = gesta("train", "group", "--out", "again", "--loop.epochs", "1", "--no-report")
    assert again["seed"] == [0, 1] and again["members"] == ["seed_0", "seed_1"]
    nested = gesta("evaluate", "group")["members"]
    assert [row["run"] for row in nested][::2] == ["group/seed_0/fold_1", "group/seed_1/fold_1"]
    error = gesta("predict", "group/seed_0", "new.pkl", status=1)["error"]
    assert "is a group" in error and "group/seed_0/fold_2" in error
    error = gesta("compare", "group", "group/seed_0", status=1)["error"]
    assert "same clips" in error and "group/seed_1" in error


def test_a_recipe_file_of_ones_own(gesta, archive, tmp_path):
    (tmp_path / "my.toml").write_text(
        f'data = "{archive}"\nprotocol = "cross"\n[model]\nname = "st_gcn"\nwidth = 4\nblocks = 9\n'
        "[input]\nframes = 8\n[loop]\nepochs = 3\n[dataset.moves.loop]\nepochs = 2\nbatch = 8\n"
    )
    run = gesta("train", "my.toml", "--loop.epochs", "1", "--out", "run")
    recipe = (tmp_path / "run" / "recipe.toml").read_text()
    assert run["epochs"] == 1 and "batch = 8" in recipe and "width = 4" in recipe


def refused(capsys, *words):
    try:
        status = main([*map(str, words)])
    except SystemExit as stop:
        status = stop.code
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["st_gcm"], "did you mean 'st_gcn'"),
        (["st_gcn", "--loop.epoch", "3"], "--loop.epochs"),
        (["st_gcn", "--loop.epochs", "many"], "--loop.epochs"),
        (["st_gcn", "--loop.epochs", "0"], "loop.epochs"),
        (["st_gcn"], "--data ARCHIVE --protocol NAME"),
        (["st_gcn", "--seed", "x"], "--seed"),
        ([], "MODEL"),
        (["--resume", "a", "--final", "b"], "give it alone"),
    ],
)
def test_bad_arguments_end_with_2_and_say_what_is_wrong(capsys, words, message):
    status, error = refused(capsys, "train", *words)
    assert status == 2 and message in error


def test_what_is_not_there_ends_with_1(capsys, tmp_path):
    missing = tmp_path / "none"
    for words in (
        ["train", "st_gcn", "--data", missing, "--protocol", "p"],
        ["train", "--resume", missing],
        ["evaluate", missing],
        ["compare", missing, missing],
        ["fuse", missing, missing, "--out", tmp_path / "o"],
        ["predict", missing, "x.json"],
    ):
        status, error = refused(capsys, *words)
        assert status == 1 and "gesta: error:" in error and str(missing) in error


def test_help_lists_the_options_of_the_model(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "st_gcn", "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    for option in ("--model.partition", "--loop.epochs", "--augment.crop", "--schedule.warmup"):
        assert option in text
    assert "gesta train st_gcn" in text


def test_stopping_says_how_to_go_on(capsys, archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from gesta.cli.train import ConsoleObserver

    def stop(self, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleObserver, "batch", stop)
    status = main(["train", "st_gcn", "--data", archive, "--protocol", "cross", *SMALL])
    assert status == 130
    assert "gesta train --resume runs/moves-cross-st_gcn-joint-0" in capsys.readouterr().err
