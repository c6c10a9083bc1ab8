"""A model as an ONNX graph of its inputs to logits, checked against what it was made from."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gesta.archive.durable import check_place
from gesta.errors import ModelError
from gesta.models import SkeletonModel
from gesta.nn import fold_batch_norm

_OPSET = 20

# Which axes of an input are as long as others are; the rest has the size of the example.
_POSES = {0: "N", 1: "M", 2: "T"}
_AXES = {
    "poses": _POSES,
    "mask": _POSES,
    "video": {0: "N", 2: "T"},
    "frames": {0: "N"},
    "frame_index": {0: "N"},
    "frame_joints": {0: "N", 2: "M"},
    "moved_joint": {0: "N"},
    "context": {0: "N", 1: "T"},
}
_DRAWN = ("video", "frames", "context")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: the file.
        inputs: the shape of each input; a string is the name of a dimension that is free.
        opset: version of the ONNX operators.
        error: largest difference of a logit from the model's own, as a share of the largest.
    """

    path: Path
    inputs: Mapping[str, tuple[str | int, ...]]
    opset: int
    error: float


def export_onnx(
    model: SkeletonModel,
    path: str | Path,
    *,
    frames: int | None = None,
    persons: int | None = None,
    card: Mapping[str, Any] | None = None,
    tolerance: float = 1e-4,
) -> Exported:
    """Write a model as ONNX and check it with onnxruntime.

    The graph takes ``poses`` (N, M, T, V, C) float32 and ``mask`` (N, M, T) bool, then what the
    model's `example_inputs` has by name, and gives ``logits`` (N, Y). N is free; M and T are free
    unless the model or the caller fixes them. What a model can do without, as ``rgb_mask``, is not
    in the graph. Batch norms are folded. The file appears under its name only when the check has
    passed.

    Args:
        model: stays as it is.
        path: the file to write; its folder is made where it is missing.
        frames: T, to fix it where the model takes any.
        persons: M, to fix it where the model takes any.
        card: what the file shall say about itself (classes, input transforms, metrics, ...); plain
            containers, stored as JSON under the metadata key ``gesta``.
        tolerance: largest `Exported.error` that passes.

    Raises:
        ModelError: the extra ``export`` is not installed, the sizes contradict the model's, or the
            graph computes something else than the model.
        OSError: the file cannot be written; noticed before the graph is made.
    """
    path = Path(path)
    check_place(path)
    graph, fixed = _prepare(model, frames, persons)
    example = _example(model, {"N": 2, "M": 2, "T": 24, **fixed})
    dims = {name: torch.export.Dim(name, min=1) for name in "NMT" if name not in fixed}
    free = [
        {axis: dims[letter] for axis, letter in _AXES[name].items() if letter in dims}
        for name in example
    ]
    with _quiet(), _steps_as_loops():
        program = torch.onnx.export(
            graph,
            tuple(example.values()),
            dynamo=True,
            opset_version=_OPSET,
            input_names=list(example),
            output_names=["logits"],
            dynamic_shapes=(*free[:2], *([tuple(free[2:])] if free[2:] else [])),
            verbose=False,
        )
    if program is None:
        raise ModelError(f"{model.name}: torch gave no ONNX program")
    described = {"model": model.name, "options": model.options, "layout": model.layout.to_dict()}
    program.model.metadata_props["gesta"] = json.dumps({**described, **(card or {})})
    unchecked = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        program.save(unchecked, external_data=False)
        error = _largest_error(graph, unchecked, fixed)
        if not error <= tolerance:
            raise ModelError(
                f"{path}: expected the graph's logits within {tolerance:g} of the model's, found "
                f"{error:.3g}; nothing was written"
            )
        unchecked.replace(path)
    except OSError as refused:
        raise OSError(refused.errno, refused.strerror or str(refused), str(path)) from refused
    finally:
        unchecked.unlink(missing_ok=True)
    shapes = {name: _shape(name, value, fixed) for name, value in example.items()}
    return Exported(path, shapes, _OPSET, error)


class _Graph(nn.Module):
    """What is exported: poses, mask and the named further inputs -> logits."""

    def __init__(self, model: SkeletonModel, more: list[str]) -> None:
        super().__init__()
        self.model, self.more = model, more

    def forward(self, poses: Tensor, mask: Tensor, *more: Tensor) -> Tensor:
        logits: Tensor = self.model(poses, mask, **dict(zip(self.more, more, strict=True)))
        return logits


def _prepare(
    model: SkeletonModel, frames: int | None, persons: int | None
) -> tuple[_Graph, dict[str, int]]:
    """The graph, and the sizes that are fixed."""
    try:
        import onnx  # noqa: F401 - the exporter needs it and would say so in other words
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ModelError("export needs onnx and onnxscript: pip install 'gesta[export]'") from error
    for name, asked, fixed in (
        ("frames", frames, model.frames),
        ("persons", persons, model.persons),
    ):
        if None not in (asked, fixed) and asked != fixed:
            raise ModelError(f"{model.name}: was made for {name}={fixed}, asked for {asked}")
    sizes = {"M": model.persons or persons, "T": model.frames or frames}
    fixed_sizes = {name: size for name, size in sizes.items() if size is not None}
    more = list(model.example_inputs(1, fixed_sizes.get("T", 24), fixed_sizes.get("M", 2)))
    return _Graph(fold_batch_norm(model).float().cpu(), more).eval(), fixed_sizes


def _shape(name: str, value: Tensor, fixed: Mapping[str, int]) -> tuple[str | int, ...]:
    letters = {axis: letter for axis, letter in _AXES[name].items() if letter not in fixed}
    return tuple(letters.get(axis, size) for axis, size in enumerate(value.shape))


def _example(model: SkeletonModel, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Tensor]:
    """Random inputs by name, with a mask in which a person is absent and frames are padded."""
    drawn = np.random.default_rng(seed)
    numbers = [sizes["N"], sizes["M"], sizes["T"], len(model.layout), model.channels]
    poses = torch.from_numpy(drawn.standard_normal(numbers, dtype=np.float32))
    mask = torch.ones(numbers[:3], dtype=torch.bool)
    mask[0, -1, :] = numbers[1] == 1
    mask[-1, 0, numbers[2] // 2 + 1 :] = False
    more = model.example_inputs(sizes["N"], sizes["T"], sizes["M"])
    for name in _DRAWN:
        if name in more:
            shape = tuple(more[name].shape)
            more[name] = torch.from_numpy(drawn.standard_normal(shape, dtype=np.float32))
    return {"poses": poses, "mask": mask, **more}


def _largest_error(graph: _Graph, path: Path, fixed: Mapping[str, int]) -> float:
    """Compare on other sizes than those that were traced, so that none is baked in."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    errors = []
    for sizes in ({"N": 3, "M": 3, "T": 17}, {"N": 1, "M": 1, "T": 40}):
        given = _example(graph.model, {**sizes, **fixed}, seed=1)
        with torch.no_grad():
            own = graph(*given.values()).double()
        (result,) = session.run(None, {name: value.numpy() for name, value in given.items()})
        difference = (torch.from_numpy(result).double() - own).abs().max()
        errors.append(float(difference / own.abs().max().clamp(min=1e-6)))
    return max(errors)


@contextmanager
def _steps_as_loops() -> Iterator[None]:
    """Torch's exporter writes recurrent layers as loops over any number of frames.

    It swaps their operators' implementations for that, but an operator that has run in this
    process remembers its old one, and so the number of frames would be baked in; afterwards it
    would remember the loop (torch 2.13).
    """
    operators = (torch.ops.aten.lstm.input, torch.ops.aten.gru.input)
    for operator in operators:
        operator._dispatch_cache.clear()
    try:
        yield
    finally:
        for operator in operators:
            operator._dispatch_cache.clear()


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch's exporter warns about its own insides; what matters is checked afterwards."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
