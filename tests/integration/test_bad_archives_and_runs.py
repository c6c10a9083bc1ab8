"""Damaged archives and runs, and what cannot be: one line that says so, and no debris."""

import io
import json
import os

import numpy as np
import pytest
from scipy.io import savemat

from gesta.archive import write_archive


@pytest.fixture
def mat():
    """The bytes of a file of UTD-MHAD."""
    file = io.BytesIO()
    savemat(file, {"d_skel": np.random.default_rng(0).uniform(0.2, 0.9, (20, 3, 4))})
    return file.getvalue()


DAMAGES = {
    "shard cut off": lambda data: (data / "shard-00000.safetensors").write_bytes(
        b"\x08" + bytes(99)
    ),
    "shard missing": lambda data: (data / "shard-00000.safetensors").unlink(),
    "manifest cut off": lambda data: (data / "archive.json").write_text('{"format": "gesta-ar'),
    "manifest of binary": lambda data: (data / "archive.json").write_bytes(bytes(range(256))),
    "manifest of a list": lambda data: (data / "archive.json").write_text("[]"),
    "manifest missing": lambda data: (data / "archive.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_archives(place, refused, damage, everything):
    DAMAGES[damage](place / "data")
    before = everything(place)
    for words in (
        ["doctor", "data"],
        ["view", "data"],
        ["train", "st_gcn", "--data", "data", "--protocol", "cross", "--out", "new"],
        ["evaluate", "run", "--data", "data"],
        ["report", "run", "--data", "data"],
        ["explain", "run", "c0", "--data", "data", "--out", "why"],
    ):
        assert "data" in refused(*words)
    assert everything(place) == before


def test_a_flipped_bit_is_found_by_all_who_read_it(place, gesta, refused, everything, small):
    shard = place / "data" / "shard-00000.safetensors"
    content = bytearray(shard.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    table = json.loads(content[8:start])
    content[start + table["coords"]["data_offsets"][0] + 1] ^= 0x40
    shard.write_bytes(content)
    status, text, _ = gesta("doctor", "data")
    assert status == 1 and "c0" in text
    before = everything(place)
    new = ["train", "st_gcn", "--data", "data", "--protocol", "cross", "--out", "new", *small]
    assert "sha256" in refused(*new)
    assert "sha256" in refused("evaluate", "run", "--data", "data")
    assert "c0" in refused("explain", "run", "c0", "--data", "data", "--out", "why")
    assert "c0" in refused("view", "data", "--ids", "c0")
    assert everything(place) == before


@pytest.mark.parametrize("name", ["recipe.toml", "model.safetensors", "scores.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"\x08\0\0\0\0\0\0\0{}      ", bytes(range(256))])
def test_damaged_runs(place, refused, name, content, everything, mat):
    path = place / "run" / name
    path.unlink() if content is None else path.write_bytes(content)
    clip = place / "a1_s1_t1_skeleton.mat"
    clip.write_bytes(mat)
    verbs = {
        "recipe.toml": (["evaluate", "run"], ["train", "--final", "run"]),
        "model.safetensors": (["evaluate", "run"], ["predict", "run", clip], ["export", "run"]),
        "scores.safetensors": (
            ["compare", "run", "other"],
            ["fuse", "run", "other", "--out", "fused"],
            ["report", "run"],
        ),
    }
    before = everything(place)
    for words in verbs[name]:
        assert "run" in refused(*words)
    assert everything(place) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_damaged_metrics_and_checkpoints(place, refused, content):
    (place / "run" / "metrics.json").write_bytes(content)
    assert "metrics.json" in refused("report", "run")
    (place / "run" / "metrics.json").unlink()
    (place / "run" / "checkpoint.pt").write_bytes(content)
    assert "checkpoint.pt" in refused("train", "--resume", "run")


def test_runs_that_do_not_fit_each_other(place, refused, everything):
    before = everything(place)
    assert "protocol" in refused("fuse", "run", "other", "--out", "fused")
    assert "protocol" in refused("compare", "run", "other")
    assert "once" in refused("fuse", "run", "run", "--out", "fused")
    assert "two runs" in refused("fuse", "run", "--out", "fused")
    assert "as many" in refused("fuse", "run", "other", "--out", "fused", "--weights-from", "run")
    assert "already" in refused("fuse", "run", "other", "--out", "data")
    assert everything(place) == before


def test_a_clip_that_shows_nobody(place, gesta):
    status, text, _ = gesta("explain", "run", "nobody", "--out", "why", "--json")
    (row,) = json.loads(text)
    assert status == 0 and all(np.isfinite(list(row["joints"].values())))
    assert gesta("view", "data", "--ids", "nobody", "--out", "v.html")[0] == 0


def test_clips_of_another_kind_than_the_model_learnt(place, refused, make_clips):
    np.savez(place / "flat.npz", coords=np.ones((1, 4, 17, 2), np.float32))
    for words in (["predict", "run", "flat.npz"], ["explain", "run", "flat.npz", "--out", "why"]):
        assert "flat" in refused(*words)
    assert not (place / "why").exists()
    write_archive(place / "flat", make_clips(8, "coco_17", 2), ("still", "far"))
    assert "flat" in refused("evaluate", "run", "--data", "flat", "--protocol", "random")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prepare", "utd_mhda", "data", "--out", "new"], "utd_mhad"),
        (["prepare", "utd_mhad", "nowhere", "--out", "new"], "nowhere"),
        (["prepare", "utd_mhad", "data", "--out", "new"], "no file there is called so"),
        (["prepare", "utd_mhad", "data", "--out", "run"], "already"),
        (["prepare", "utd_mhad", "data", "--out", "run/recipe.toml/x"], "Not a directory"),
        (["prepare", "utd_mhad", "data", "--out", "x" * 300], "too long"),
        (
            ["prepare", "arrays", "data", "--out", "new", "--layout", "coco_71"],
            "did you mean coco_17",
        ),
        (["prepare", "ntu60", "data", "--out", "new", "--bodies", "x"], "first_two"),
        (["doctor", "."], "archive.json"),
        (["doctor", "nowhere"], "archive.json"),
        (["doctor", "data", "--protocol", "crss"], "did you mean 'cross'"),
        (["view", "nowhere"], "nowhere"),
        (["view", ""], "archive.json"),
        (["view", "data", "--ids", "c99"], "c99"),
        (["view", "data", "--out", "run"], "run"),
        (["view", "data", "--layout", "coco_17"], "expected kinect_v1_20"),
        (["view", "data/archive.json", "--layout", "coco_71"], "did you mean coco_17"),
        (["train", "st_gcn", "--data", "data", "--protocol", "x", "--out", "new"], "cross, random"),
        (["train", "st_gcn", "--data", "data", "--protocol", "cross", "--out", "run"], "already"),
        (["evaluate", "run", "--protocol", "crss"], "did you mean 'cross'"),
        (["evaluate", "run", "--device", "tpu"], "tpu"),
        (["report", "run", "--explained-clips", "0"], "--explained-clips"),
        (["report", "run", "--out", "run/recipe.toml/x.html"], "run/recipe.toml: Not a directory"),
        (["export", "run", "--out", "data"], "data: Is a directory"),
        (["compare", "run", "run", "--resamples", "0"], "resamples"),
        (["compare", "run", "run", "--seed", "-1"], "seed"),
        (["compare", "run", "run", "--classes", "-1"], "--classes"),
        (["explain", "run", "c99", "--out", "why"], "did you mean"),
        (["explain", "run", "c0", "--out", "run/recipe.toml"], "run/recipe.toml: Not a directory"),
        (["explain", "run", "c0", "--out", "why", "--target", "stil"], "did you mean 'still'"),
        (["explain", "run", "c0", "--out", "why", "--windows", "0"], "window"),
        (["explain", "run", "c0", "--out", "why", "--query", "2"], "no frame attends"),
        (["evaluate", "run", "--device", "meta"], "expected auto, cpu or cuda"),
        (["bench", "st_gcn", "--device", "meta"], "device 'meta' is not here"),
        (["predict", "run", "nowhere.mat"], "nowhere.mat"),
        (["predict", "run", "data"], "data"),
        (["models", "st_gcm"], "st_gcn"),
        (["models", "--layout", "coco_71"], "did you mean coco_17"),
        (["models", "st_gcn", "--option", "blocks=3"], "9 or 10"),
        (["bench", "st_gcm"], "st_gcn"),
        (["bench", "st_gcn", "--device", "tpu"], "tpu"),
        (["bench", "st_gcn", "--batch", "0"], "batch"),
    ],
)
def test_what_is_asked_for_and_cannot_be(place, refused, words, said, everything):
    before = everything(place)
    assert said in refused(*words)
    assert everything(place) == before


@pytest.fixture
def command(small):
    """What trains a run into the folder "new"."""
    return ["train", "st_gcn", "--data", "data", "--protocol", "cross", "--out", "new", *small]


@pytest.mark.parametrize(
    "change",
    [
        ["--model.dropout", "2"],
        ["--model.temporal-kernel", "4"],
        ["--init", "nowhere"],
        ["--init", "data"],
        ["--loop.device", "cuda:99"],
        ["--optimizer.lr", "1e30", "--optimizer.name", "sgd", "--loop.batch", "1"],
    ],
)
def test_a_training_that_cannot_begin_leaves_no_folder(
    place, refused, gesta, everything, command, change
):
    before = everything(place)
    refused(*command, *change)
    assert everything(place) == before
    assert gesta(*command)[0] == 0  # the same command, mended, is not refused


@pytest.mark.parametrize(
    "words",
    [
        ["doctor"],
        ["doctor", "data", "--protocl", "x"],
        ["prepare", "utd_mhad"],
        ["predict", "run"],
        ["export", "run", "--format", "tflite"],
        ["evaluate", "run", "--part", "tst"],
        ["train", "st_gcn", "--stream", "bon"],
        ["train", "san_v9"],
        ["no_such_verb"],
    ],
)
def test_bad_arguments_end_with_2(gesta, words):
    status, text, error = gesta(*words)
    assert status == 2 and error and "Traceback" not in error and not text


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is permitted to root")
def test_without_permission(place, refused):
    (place / "locked").mkdir(mode=0o500)
    assert "locked" in refused("prepare", "utd_mhad", "data", "--out", "locked/new")
    assert "Permission denied" in refused("view", "data", "--out", "locked/v.html")
    (place / "data" / "archive.json").chmod(0)
    assert "Permission denied" in refused("doctor", "data")
