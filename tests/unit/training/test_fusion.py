import numpy as np
import pytest

from gesta.errors import RunError
from gesta.evaluation import Scores, fuse, learn_weights
from gesta.training import Recipe, Run, fuse_runs

CLASSES = ("a", "b", "c")


def make_run(path, sharpness, stream="joint", seed=0, final=False, protocol="p", part=0):
    """A finished run without a model: recipe and scores, its clips in an order of its own."""
    loop = {"keep": "last"}
    recipe = Recipe("st_gcn", protocol=protocol, stream=stream, seed=seed)
    if final:
        recipe = recipe.replace(final=True, loop=type(recipe.loop)(**loop))
    run = Run.create(path, recipe)
    rng = np.random.default_rng([seed, len(stream)])
    for name, count in (("validation_scores", 60), ("scores", 90)):
        if final and name != "scores":
            continue
        labels = np.arange(count) % 3
        logits = rng.normal(size=(count, 3))
        logits[np.arange(count), labels] += sharpness
        log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        order = rng.permutation(count)
        ids = tuple(f"{name}{part}-{i}" for i in order)
        provenance = {
            "run": run.name, "model": "st_gcn", "dataset": "d", "protocol": protocol,
            "stream": stream, "seed": seed, "final": final, "part": name,
        }  # fmt: skip
        scores = Scores(ids, labels[order], log[order].astype(np.float32), CLASSES, provenance)
        scores.save(run.path / f"{name}.safetensors")
    return run


def test_runs_are_fused_by_id_with_weights_of_validation(tmp_path):
    joint = make_run(tmp_path / "joint", 2.0)
    bone = make_run(tmp_path / "bone", 1.5, "bone")
    metrics = fuse_runs([joint.path, bone.path], tmp_path / "fused")
    weights = learn_weights([joint.validation_scores, bone.validation_scores])
    assert list(metrics["weights"].values()) == list(weights.shares)
    fused = Run(tmp_path / "fused")
    expected = fuse([joint.scores, bone.scores], weights)
    np.testing.assert_array_equal(fused.scores.log_probs, expected.log_probs)
    assert metrics == fused.metrics
    assert metrics["top1"] > max(one["top1"] for one in metrics["single"].values())
    assert metrics["stream"] == "joint+bone" and metrics["test_clips"] == 90
    assert metrics["validation"]["clips"] == 60


def test_final_runs_take_weights_from_the_runs_they_came_from(tmp_path):
    learners = [make_run(tmp_path / s, 2.0, s) for s in ("joint", "bone")]
    finals = [make_run(tmp_path / f"{s}-final", 2.5, s, final=True) for s in ("joint", "bone")]
    paths = [run.path for run in finals]
    with pytest.raises(RunError, match="--weights-from"):
        fuse_runs(paths, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    own = fuse_runs([run.path for run in learners], tmp_path / "b")
    metrics = fuse_runs(paths, tmp_path / "c", weights_from=[run.path for run in learners])
    assert list(metrics["weights"].values()) == list(own["weights"].values())
    assert metrics["final"] is True
    with pytest.raises(RunError, match="in the same order"):
        fuse_runs(paths, tmp_path / "d", weights_from=[run.path for run in learners[::-1]])
    with pytest.raises(RunError, match="need as many runs"):
        fuse_runs(paths, tmp_path / "d", weights_from=[learners[0].path])


def test_what_all_runs_were_evaluated_on_is_fused_with_the_same_weights(tmp_path):
    runs = [make_run(tmp_path / s, 2.0, s) for s in ("joint", "bone")]
    for run in runs:
        for name in ("clean", run.name):
            part = run.path / "evaluations" / name
            part.mkdir(parents=True)
            some = run.scores.select(sorted(run.scores.ids)[:40])
            some.save(part / "scores.safetensors")
    metrics = fuse_runs([run.path for run in runs], tmp_path / "fused")
    folder = tmp_path / "fused" / "evaluations"
    assert [path.name for path in folder.iterdir()] == ["clean"]  # the others not all runs have
    clean = Run(folder / "clean")
    assert clean.metrics["weights"] == metrics["weights"] and clean.metrics["clips"] == 40
    whole = Run(tmp_path / "fused").scores
    expected = whole.select(clean.scores.ids)
    np.testing.assert_allclose(clean.scores.log_probs, expected.log_probs, atol=1e-6)


def test_groups_are_fused_member_by_member(tmp_path):
    groups = []
    for stream in ("joint", "bone"):
        recipe = Recipe("st_gcn", protocol="folds", stream=stream)
        group = Run.create(tmp_path / stream, recipe, ["fold_1", "fold_2"])
        for part in (1, 2):
            make_run(group.path / f"fold_{part}", 2.0, stream, protocol=f"fold_{part}", part=part)
        groups.append(group.path)
    metrics = fuse_runs(groups, tmp_path / "fused")
    members = [Run(tmp_path / "fused" / f"fold_{part}").metrics for part in (1, 2)]
    assert metrics["top1"] == pytest.approx(np.mean([one["top1"] for one in members]))
    assert (metrics["seed"], metrics["test_clips"]) == (members[0]["seed"], 90)
    assert metrics["pooled"]["clips"] == 180 == len(Run(tmp_path / "fused").scores)
    single = make_run(tmp_path / "single", 2.0)
    with pytest.raises(RunError, match="different members"):
        fuse_runs([groups[0], single.path], tmp_path / "other")


def test_runs_of_other_protocols_and_folders_that_are_there_are_refused(tmp_path):
    runs = [make_run(tmp_path / "a", 1.0), make_run(tmp_path / "b", 1.0, "bone", protocol="q")]
    with pytest.raises(RunError, match="differ in protocol"):
        fuse_runs([run.path for run in runs], tmp_path / "out")
    with pytest.raises(RunError, match="two runs or more"):
        fuse_runs([runs[0].path], tmp_path / "out")
    with pytest.raises(RunError, match="is there already"):
        fuse_runs([run.path for run in runs], tmp_path / "a")
