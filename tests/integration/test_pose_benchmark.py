"""What benchmarks/pose_pck.py counts as right, on poses whose answer is known."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark():
    path = ROOT / "benchmarks" / "pose_pck.py"
    spec = importlib.util.spec_from_file_location("pose_pck", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["pose_pck"] = module  # a dataclass looks its own module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["pose_pck"]


@pytest.fixture
def body(benchmark):
    """(20, 12, 2): a body that moves a little, in a scale of its own."""
    rng = np.random.default_rng(0)
    names = benchmark.JOINTS
    side = np.array([0.1 if name.startswith("left") else -0.1 for name in names])
    heights = {"shoulder": 0.0, "elbow": 0.15, "wrist": 0.3, "hip": 0.3, "knee": 0.55, "ankle": 0.8}
    down = np.array([heights[name.split("_")[1]] for name in names])
    return np.stack([side, down], axis=-1) + rng.normal(0, 0.01, (20, 12, 2))


def seen_by(body, scale=150.0, shift=(160, 60)):
    return np.concatenate([body * scale + shift, np.ones((20, 12, 1))], axis=-1)


def test_a_similarity_is_undone(benchmark, body):
    near, inside = benchmark.compare(body, seen_by(body))
    assert near.all() and inside.all()
    near, inside = benchmark.compare(body, seen_by(body, shift=(160, 150)))
    assert near.all() and 0.2 < inside.mean() < 0.9


def test_bad_frames_are_wrong_and_spoil_no_others(benchmark, body):
    estimate = seen_by(body)
    estimate[:6, :, :2] = 300 - estimate[:6, :, :2]
    estimate[6] = np.nan
    near, _ = benchmark.compare(body, estimate)
    assert near[7:].all() and not near[6].any() and near[:6].mean() < 0.3


def test_joints_without_confidence_do_not_move_the_fit(benchmark, body):
    estimate = seen_by(body)
    legs = [i for i, name in enumerate(benchmark.JOINTS) if "knee" in name or "ankle" in name]
    estimate[:, legs, :2], estimate[:, legs, 2] = (160, 120), 0.01
    near, _ = benchmark.compare(body, estimate)
    others = [i for i in range(12) if i not in legs]
    assert near[:, others].all() and near[:, legs].mean() < 0.5


def test_a_joint_is_right_up_to_a_fifth_of_the_torso(benchmark, body):
    steady = np.repeat(body[:1], 20, axis=0)
    wrist = benchmark.JOINTS.index("left_wrist")
    torso = np.hypot(0.2, 0.3) * 150
    for part, right in ((0.15, True), (0.25, False)):
        estimate = seen_by(steady)
        estimate[:, wrist, 0] += part * torso
        near, _ = benchmark.compare(steady, estimate)
        assert near[:, wrist].all() == right and np.delete(near, wrist, axis=1).all()


def test_nobody_is_all_wrong(benchmark, body):
    near, _ = benchmark.compare(body, np.full((20, 12, 3), np.nan))
    assert not near.any()
