"""Estimators by name; extras behind the same interface, here with modules that stand in for them.

The packages themselves are not installed with the tests. The stand-ins have what of rtmlib 0.0.16
and mediapipe 1.2 is called; both were tried once in their real form.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from gesta.errors import PoseError
from gesta.pose import create_estimator, list_estimators

IMAGE = np.zeros((240, 320, 3), np.uint8)
IMAGE[..., 0] = 200  # red


class FakeBody:
    """`rtmlib.Body`: a detector and a pose model that take BGR images."""

    boxes = np.array([[10, 20, 60, 200], [100, 20, 160, 200]], np.float64)

    def __init__(self, mode, backend, device):
        sys.stdout.write(f"load {mode} with {backend} backend\n")
        if device == "cuda":
            raise OSError("no network")
        assert backend == "onnxruntime" and mode == "balanced"

    def det_model(self, image):
        assert image[0, 0].tolist() == [0, 0, 200] and image.flags["C_CONTIGUOUS"]
        return self.boxes

    def pose_model(self, image, bboxes):
        joints = np.repeat(bboxes[:, None, :2], 17, axis=1)
        return joints, np.array([[1.2] * 17, [0.1] * 17])


@pytest.fixture
def rtmlib(monkeypatch):
    module = ModuleType("rtmlib")
    module.Body = FakeBody
    monkeypatch.setitem(sys.modules, "rtmlib", module)


@pytest.fixture
def mediapipe(monkeypatch):
    """MediaPipe's Tasks interface; its landmarker finds one person per value of its buffer."""
    module = ModuleType("mediapipe")
    module.ImageFormat = SimpleNamespace(SRGB=1)
    module.Image = lambda image_format, data: SimpleNamespace(format=image_format, data=data)

    def create(options):
        if options.base_options.model_asset_buffer == b"damaged":
            raise ValueError("Unable to open zip archive.")
        person = [SimpleNamespace(x=0.5, y=0.25 + v / 100, visibility=0.9) for v in range(33)]
        persons = [person] * min(len(options.base_options.model_asset_buffer), options.num_poses)

        def detect(image):
            assert image.format == 1 and image.data[0, 0].tolist() == [200, 0, 0]
            return SimpleNamespace(pose_landmarks=persons)

        return SimpleNamespace(detect=detect)

    module.tasks = SimpleNamespace(
        BaseOptions=lambda **options: SimpleNamespace(**options),
        vision=SimpleNamespace(
            PoseLandmarkerOptions=lambda **options: SimpleNamespace(**options),
            PoseLandmarker=SimpleNamespace(create_from_options=create),
        ),
    )
    monkeypatch.setitem(sys.modules, "mediapipe", module)


def test_every_estimator_is_listed_and_the_default_comes_first():
    assert list_estimators() == ["movenet", "rtmlib", "mediapipe"]
    estimator = create_estimator(long_side=128)
    assert estimator.name == "movenet" and estimator.layout.name == "coco_17"
    assert estimator.input_size((320, 240)) == (128, 96)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("movnet", {}, "did you mean 'movenet'"),
        ("openpose", {}, "movenet, rtmlib, mediapipe"),
        ("movenet", {"size": 256}, "no option 'size'; it has long_side"),
        ("rtmlib", {"mode": "fast"}, "lightweight, balanced"),
        ("rtmlib", {"min_score": -1}, "min_score"),
        ("mediapipe", {"max_persons": 0}, "max_persons"),
    ],
)
def test_a_wrong_request_is_answered(name, options, message):
    with pytest.raises(PoseError, match=message):
        create_estimator(name, **options)


@pytest.mark.parametrize("name", ["rtmlib", "mediapipe"])
def test_a_missing_package_names_its_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PoseError, match=rf"pip install 'gesta\[{name}\]'"):
        create_estimator(name)


def test_rtmlib_gives_its_persons_and_leaves_out_the_unsure(rtmlib, capsys):
    estimator = create_estimator("rtmlib", mode="balanced")
    assert capsys.readouterr().out == ""
    found = estimator(IMAGE)
    assert estimator.layout.name == "coco_17" and estimator.input_size((320, 240)) is None
    assert found.boxes.tolist() == [[10, 20, 60, 200]] and found.scores.tolist() == [1]
    assert found.joints.shape == (1, 17, 2) and found.joints[0, 16].tolist() == [10, 20]


def test_rtmlib_finds_nobody_where_its_detector_finds_nobody(rtmlib, monkeypatch):
    monkeypatch.setattr(FakeBody, "boxes", [])
    found = create_estimator("rtmlib", mode="balanced")(IMAGE)
    assert len(found) == 0 and found.joints.shape == (0, 17, 2)


def test_rtmlib_without_its_models_says_so(rtmlib):
    with pytest.raises(PoseError, match="no network.*movenet"):
        create_estimator("rtmlib", device="cuda")


def test_mediapipe_gives_its_persons_in_pixels(mediapipe, tmp_path):
    (tmp_path / "pose.task").write_bytes(b"12")
    estimator = create_estimator("mediapipe", model=tmp_path / "pose.task")
    found = estimator(IMAGE)
    assert estimator.layout.name == "mediapipe_33" and len(found) == 2
    np.testing.assert_allclose(found.joints[0, 10], [160, 84], rtol=1e-5)
    np.testing.assert_allclose(found.boxes[1], [160, 60, 160, 136.8], rtol=1e-5)
    np.testing.assert_allclose(found.scores, 0.9, rtol=1e-5)
    one = create_estimator("mediapipe", model=tmp_path / "pose.task", max_persons=1)
    assert len(one(IMAGE)) == 1


def test_mediapipe_finds_nobody(mediapipe, tmp_path):
    (tmp_path / "pose.task").write_bytes(b"")
    found = create_estimator("mediapipe", model=tmp_path / "pose.task")(IMAGE)
    assert len(found) == 0 and found.joints.shape == (0, 33, 2)


def test_mediapipe_without_a_model_says_where_to_get_one(mediapipe, tmp_path):
    for model, found in ((None, "no model"), (tmp_path / "absent.task", "absent.task")):
        with pytest.raises(PoseError, match=f"{found}.*https://"):
            create_estimator("mediapipe", model=model)
    (tmp_path / "damaged.task").write_bytes(b"damaged")
    with pytest.raises(PoseError, match="damaged.task.*zip archive"):
        create_estimator("mediapipe", model=tmp_path / "damaged.task")
