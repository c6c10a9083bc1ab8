import json

import pytest
import torch

from gesta.errors import ModelError
from gesta.export import export_onnx, onnx
from gesta.models import SkeletonModel
from gesta.skeleton import get_layout


class Mean(SkeletonModel):
    """The smallest model that minds its mask."""

    name, inputs, options = "mean", ("poses", "mask"), {"depth": 1}

    def __init__(self, frames=None, persons=None):
        super().__init__(get_layout("sbu_15"), 4, 2, frames, persons)
        self.head = torch.nn.Linear(30, 4)

    def forward(self, poses, mask=None):
        self.check_inputs(poses, mask)
        there = mask.to(poses.dtype)[..., None]
        mean = (poses.flatten(3) * there).sum((1, 2)) / there.sum((1, 2)).clamp(min=1)
        return self.head(mean)


def test_the_file_says_what_it_is(tmp_path):
    graph = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    exported = export_onnx(Mean(), tmp_path / "mean.onnx", card={"classes": ["a", "b"]})
    assert exported.inputs == {"poses": ("N", "M", "T", 15, 2), "mask": ("N", "M", "T")}
    assert exported.error < 1e-5 and exported.path == tmp_path / "mean.onnx"
    assert list(tmp_path.iterdir()) == [exported.path]
    proto = graph.load(exported.path)
    dims = [d.dim_param or d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["N", "M", "T", 15, 2]
    assert [i.name for i in proto.graph.input] == ["poses", "mask"]
    assert [o.name for o in proto.graph.output] == ["logits"]
    card = json.loads({entry.key: entry.value for entry in proto.metadata_props}["gesta"])
    assert card["classes"] == ["a", "b"] and card["model"] == "mean"
    assert card["layout"]["name"] == "sbu_15" and card["options"] == {"depth": 1}


@pytest.mark.parametrize(
    ("made_for", "asked", "expected"),
    [
        ({"frames": 8}, {}, ("N", "M", 8)),
        ({"persons": 1}, {}, ("N", 1, "T")),
        ({}, {"frames": 6, "persons": 2}, ("N", 2, 6)),
    ],
)
def test_fixed_sizes(tmp_path, made_for, asked, expected):
    pytest.importorskip("onnxscript")
    exported = export_onnx(Mean(**made_for), tmp_path / "mean.onnx", **asked)
    assert exported.inputs["mask"] == expected


def test_sizes_that_contradict_the_model(tmp_path):
    pytest.importorskip("onnxscript")
    with pytest.raises(ModelError, match="frames=8, asked for 9"):
        export_onnx(Mean(frames=8), tmp_path / "mean.onnx", frames=9)


def test_a_graph_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(onnx, "_largest_error", lambda *_: float("nan"))
    with pytest.raises(ModelError, match="nothing was written"):
        export_onnx(Mean(), tmp_path / "mean.onnx")
    assert not list(tmp_path.iterdir())


class MeanInContext(Mean):
    """One that takes more than poses, and can do without a part of it."""

    inputs = ("poses", "mask", "context", "rgb_mask")

    def forward(self, poses, mask=None, *, context=None, rgb_mask=None):
        assert rgb_mask is None
        return super().forward(poses, mask) * context.mean((1, 2, 3))[:, None]

    def example_inputs(self, clips, frames, persons):
        return {"context": torch.zeros(clips, frames, 1, 5)}


@pytest.mark.parametrize("frames", [None, 8])
def test_models_with_other_inputs(tmp_path, frames):
    graph = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    exported = export_onnx(MeanInContext(frames), tmp_path / "mean.onnx")
    assert exported.inputs["context"] == ("N", frames or "T", 1, 5) and exported.error < 1e-5
    proto = graph.load(exported.path)
    assert [i.name for i in proto.graph.input] == ["poses", "mask", "context"]


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ModelError, match=r"gesta\[export\]"):
        export_onnx(Mean(), tmp_path / "mean.onnx")


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "_prepare", lambda *_: pytest.fail("the work was begun"))
    (tmp_path / "file").touch()
    with pytest.raises(IsADirectoryError):
        export_onnx(Mean(), tmp_path)
    with pytest.raises(NotADirectoryError):
        export_onnx(Mean(), tmp_path / "file" / "mean.onnx")


def test_a_missing_folder_is_made(tmp_path):
    pytest.importorskip("onnxscript")
    assert export_onnx(Mean(), tmp_path / "new" / "mean.onnx").path.is_file()
