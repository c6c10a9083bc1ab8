"""Every verb, one after the other, on real data: what people see, and what programs are given."""

import json
import re
import shutil
import tarfile
from dataclasses import replace

import pytest

from gesta.cli import VERBS, main

CLASSES, SUBJECTS = (1, 5, 9, 14), (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def source(test_data, tmp_path_factory):
    """A folder with four actions of five subjects of UTD-MHAD."""
    folder = tmp_path_factory.mktemp("source")
    wanted = {f"a{a}_s{s}_t{t}_skeleton.mat" for a in CLASSES for s in SUBJECTS for t in (1, 2)}
    with tarfile.open(test_data / "utd_mhad" / "Skeleton.tar.xz") as archive:
        for entry in archive:
            name = entry.name.rpartition("/")[2]
            if entry.isfile() and name in wanted:
                (folder / name).write_bytes(archive.extractfile(entry).read())
    assert len(list(folder.iterdir())) == len(wanted)
    return folder


@pytest.fixture(scope="module")
def trained(source, tmp_path_factory):
    """A folder with an archive, and runs of two streams on it."""
    home = tmp_path_factory.mktemp("trained")
    assert main(["prepare", "utd_mhad", str(source), "--out", str(home / "data")]) == 0
    for stream in ("joint", "bone"):
        words = ["--data", str(home / "data"), "--protocol", "cross_subject", "--stream", stream]
        assert main(["train", "st_gcn", *words, "--out", str(home / stream), *TINY]) == 0
    return home


TINY = [
    *("--model.width", "4", "--model.blocks", "9", "--model.temporal-kernel", "3"),
    *("--input.frames", "8", "--loop.epochs", "1", "--loop.batch", "16", "--loop.bf16", "false"),
]


@pytest.fixture
def home(trained, tmp_path, monkeypatch):
    """A copy of it as the current folder."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def both(capsys):
    """A function that runs a verb with --json and gives its document and what people read."""

    def call(*words, status=0):
        assert main([*map(str, words), "--json"]) == status
        captured = capsys.readouterr()
        # Exactly one document: json.loads takes nothing before or after it, and no NaN.
        return json.loads(captured.out, parse_constant=pytest.fail), captured.err

    return call


@pytest.fixture
def said(capsys):
    """A function that runs a verb and gives what it prints; nothing goes to stderr."""

    def call(*words, status=0):
        assert main([*map(str, words)]) == status
        captured = capsys.readouterr()
        assert not captured.err
        return captured.out

    return call


def test_prepare_from_a_folder_and_from_a_tar_is_the_same(source, both, tmp_path):
    with tarfile.open(tmp_path / "x.tar.xz", "w:xz", preset=0) as archive:
        for path in sorted(source.iterdir()):
            archive.add(path, f"Skeleton/{path.name}")
    found = []
    for name, given in (("folder", source), ("tar", tmp_path / "x.tar.xz")):
        document, text = both("prepare", "utd_mhad", given, "--out", tmp_path / name)
        assert document["clips"] == 40 and document["layout"] == "kinect_v1_20"
        assert "40 clips of 27 classes" in text and "cross_subject, random" in text
        found.append((tmp_path / name / "shard-00000.safetensors").read_bytes())
    assert found[0] == found[1]


def test_doctor_and_view(home, both, said):
    document, text = both("doctor", "data", status=1)
    kinds = {finding["kind"] for finding in document["errors"]}
    assert not document["healthy"] and "classes" in kinds, "23 classes have no clip"
    assert "error" in text and text == said("doctor", "data", status=1)
    document, _ = both("view", "data", "--clips-per-class", "1", "--out", "all.html")
    assert document == {"page": "all.html", "bytes": (home / "all.html").stat().st_size}
    page = (home / "all.html").read_text("utf-8")
    assert "swipe_left" in page and "http://" not in page.replace("http://www.w3.org", "")


def test_train_resume_final(home, both, said):
    dry, _ = both(
        "train", "st_gcn", "--data", "data", "--protocol", "cross_subject", "--dry-run", *TINY
    )
    assert dry["poses"][1:] == [1, 8, 20, 3] and dry["clips"]["test"] == 16
    before = (home / "joint" / "model.safetensors").read_bytes()
    resumed, _ = both("train", "--resume", "joint")
    assert (
        resumed["run"] == "joint" and (home / "joint" / "model.safetensors").read_bytes() == before
    )
    final, text = both("train", "--final", "joint")
    assert final["train_clips"] == 24 and final["validation_clips"] == 0 and "top-1" in text
    assert "is finished" in said("train", "--resume", "joint-final")


def test_evaluate_compare_fuse_report(home, both, said):
    own = json.loads((home / "joint" / "metrics.json").read_text())
    scored, text = both("evaluate", "joint")
    assert scored["top1"] == own["top1"] and f"top-1 {own['top1']:.2f}" in text
    assert scored["seen_in_training"] == 0 and "learnt from" not in text
    assert both("evaluate", "joint", "--protocol", "random")[0]["protocol"] == "random"
    scored, text = both("evaluate", "joint", "--protocol", "random", "--part", "train")
    assert scored["seen_in_training"] == 16
    assert f"learnt from {scored['seen_in_training']} of these {scored['clips']} clips" in text
    fused, text = both("fuse", "joint", "bone", "--out", "fused")
    assert set(fused["weights"]) == {"joint", "bone"} and "equal weights" in text
    compared, text = both("compare", "joint", "fused", "--resamples", "200")
    assert compared["clips"] == 16 and "95 % interval" in text
    for name in ("joint", "fused"):
        document, _ = both("report", name, "--explained-clips", "1")
        page = (home / name / "report.html").read_text("utf-8")
        assert document["bytes"] == len(page.encode()) and "<svg" in page
    for run in ("joint", "bone"):
        said("train", "--final", run)
    words = ["--weights-from", "joint", "bone", "--out", "fused-final"]
    final, _ = both("fuse", "joint-final", "bone-final", *words)
    assert list(final["weights"].values()) == pytest.approx(list(fused["weights"].values()))


def test_predict_and_explain(home, source, both, said):
    paths = [source / f"a{action}_s1_t1_skeleton.mat" for action in CLASSES]
    predicted, _ = both("predict", "joint", *paths)
    assert [entry["input"] for entry in predicted] == [str(path) for path in paths]
    for entry in predicted:
        (person,) = entry["persons"]
        (segment,) = person["segments"]
        assert segment["start"] == 0 and segment["end"] > 40 and len(segment["top5"]) == 5
        assert segment["label"] == segment["top5"][0][0]
    assert str(paths[0]) in said("predict", "joint", paths[0])
    (by_file,), _ = both("explain", "joint", paths[0], "--out", "file", "--windows", "4")
    (by_id,), _ = both("explain", "joint", "a1_s1_t1", "--out", "id", "--windows", "4")
    assert by_file["joints"] == pytest.approx(by_id["joints"], abs=1e-6)
    assert all((home / name).is_file() for name in by_id["files"])
    (true,), _ = both("explain", "joint", "a1_s1_t1", "--out", "id", "--target", "label")
    assert true["target"] == "swipe_left"


@pytest.mark.slow
def test_export(home, both):
    pytest.importorskip("onnxscript")
    exported, text = both("export", "joint", "--out", "model.onnx")
    assert exported["error"] < 1e-4 and "agrees with the model" in text
    assert exported["inputs"]["poses"] == ["N", 1, 8, 20, 3]


@pytest.mark.slow
def test_folds_of_sbu(test_data, both, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = test_data / "sbu_kinect" / "SBU_skeleton_pos_txt.tar.xz"
    assert both("prepare", "sbu", source, "--out", "sbu", "--processes", "1")[0]["clips"] == 282
    for stream in ("joint", "bone"):
        words = ["--data", "sbu", "--protocol", "folds", "--stream", stream, "--out", stream]
        group, _ = both("train", "st_gcn", *words, *TINY)
        assert group["members"] == [f"fold_{n}" for n in range(1, 6)]
        assert group["pooled"]["clips"] == 282
    fused, _ = both("fuse", "joint", "bone", "--out", "fused")
    assert fused["pooled"]["clips"] == 282
    assert both("compare", "joint", "fused", "--resamples", "200")[0]["clips"] == 282
    assert len(both("evaluate", "joint")[0]["members"]) == 5
    assert both("report", "joint")[0]["page"] == "joint/report.html"


def test_models_datasets_bench(both, said):
    (model,), text = both("models", "st_gcn", "--layers", "--bibtex", "--frames", "16")
    assert model["bibtex"].startswith("@inproceedings") and model["parameters"] == 3_098_832
    assert sum(layer["parameters"] for layer in model["layers"]) <= model["parameters"]
    assert text.startswith("@inproceedings") and "layer" in said("models", "st_gcn", "--layers")
    datasets, text = both("datasets")
    assert {"utd_mhad", "arrays"} <= {entry["name"] for entry in datasets} and "utd_mhad" in text
    timings, _ = both("bench", "st_gcn", "--frames", "4", "--persons", "1", "--layout", "sbu_15")
    assert {"eager", "folded", "bf16"} == {timing["mode"] for timing in timings}
    assert {"model", "device", "mode", "latency_ms", "throughput", "ratio"} <= set(timings[0])


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    captured = capsys.readouterr()
    assert stop.value.code == 0 and not captured.err
    assert f"gesta {verb} " in captured.out.partition("\n")[2], "no example beside the usage"
    boxes = captured.out.split("╭─ ")
    named = [line for box in boxes if box.startswith("positional") for line in box.splitlines()[1:]]
    assert not [line for line in named if re.match(r"│ \W*(STR|PATH|INT)\b", line)], "no word"


def test_the_demo_goes_the_whole_way(both, tmp_path, monkeypatch):
    """The whole way of `gesta demo`, one epoch of a narrow network; it needs no other data."""
    from gesta.cli import demo

    def narrow(*words):
        recipe = demo_recipe(*words)
        options = {**recipe.options, "width": 4, "temporal_kernel": 3}
        return recipe.replace(options=options, input=replace(recipe.input, frames=8))

    demo_recipe = demo.demo_recipe
    monkeypatch.setattr(demo, "demo_recipe", narrow)
    monkeypatch.chdir(tmp_path)
    document, text = both("demo", "--epochs", "1")
    metrics = json.loads((tmp_path / "runs" / "demo" / "run" / "metrics.json").read_text())
    assert document["top1"] == metrics["top1"] and metrics["test_clips"] == 268
    *_, measures, report = text.splitlines()
    assert measures.startswith("top-1 ") and " top-5 " in measures and " chance 4.76" in measures
    assert report == f"report {document['report']}" and (tmp_path / document["report"]).is_file()
