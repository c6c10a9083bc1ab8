"""A model as an ONNX graph of (poses, mask) -> logits, checked against what it was made from."""

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

from gesta.errors import ModelError
from gesta.models import SkeletonModel
from gesta.nn import fold_batch_norm

_OPSET = 20


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

    The graph takes ``poses`` (N, M, T, V, C) float32 and ``mask`` (N, M, T) bool and gives
    ``logits`` (N, Y). N is free; M and T are free unless the model or the caller fixes them.
    Batch norms are folded. The file appears under its name only when the check has passed.

    Args:
        model: stays as it is.
        path: the file to write.
        frames: T, to fix it where the model takes any.
        persons: M, to fix it where the model takes any.
        card: what the file shall say about itself (classes, input transforms, metrics, ...); plain
            containers, stored as JSON under the metadata key ``gesta``.
        tolerance: largest `Exported.error` that passes.

    Raises:
        ModelError: the extra ``export`` is not installed, the model takes other inputs, the sizes
            contradict the model's, or the graph computes something else than the model.
    """
    graph, sizes = _prepare(model, frames, persons)
    names = ("N", "M", "T")
    shape = (*(sizes[name] or name for name in names), len(model.layout), model.channels)
    example = _example(shape, {"N": 2, "M": 2, "T": 24})
    free = {i: torch.export.Dim(name, min=1) for i, name in enumerate(names) if sizes[name] is None}
    with _quiet(), _steps_as_loops():
        program = torch.onnx.export(
            graph,
            example,
            dynamo=True,
            opset_version=_OPSET,
            input_names=["poses", "mask"],
            output_names=["logits"],
            dynamic_shapes=(free, free),
            verbose=False,
        )
    if program is None:
        raise ModelError(f"{model.name}: torch gave no ONNX program")
    described = {"model": model.name, "options": model.options, "layout": model.layout.to_dict()}
    program.model.metadata_props["gesta"] = json.dumps({**described, **(card or {})})
    path = Path(path)
    unchecked = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        program.save(unchecked, external_data=False)
        error = _largest_error(graph, unchecked, shape)
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
    return Exported(path, {"poses": shape, "mask": shape[:3]}, _OPSET, error)


class _Graph(nn.Module):
    """What is exported: exactly (poses, mask) -> logits."""

    def __init__(self, model: SkeletonModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self.model(poses, mask)
        return logits


def _prepare(
    model: SkeletonModel, frames: int | None, persons: int | None
) -> tuple[_Graph, dict[str, int | None]]:
    try:
        import onnx  # noqa: F401 - the exporter needs it and would say so in other words
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ModelError("export needs onnx and onnxscript: pip install 'gesta[export]'") from error
    others = set(model.inputs) - {"poses", "mask"}
    if others:
        raise ModelError(f"{model.name}: takes {', '.join(sorted(others))} as well as poses")
    for name, asked, fixed in (
        ("frames", frames, model.frames),
        ("persons", persons, model.persons),
    ):
        if None not in (asked, fixed) and asked != fixed:
            raise ModelError(f"{model.name}: was made for {name}={fixed}, asked for {asked}")
    sizes = {"N": None, "M": model.persons or persons, "T": model.frames or frames}
    return _Graph(fold_batch_norm(model).float().cpu()).eval(), sizes


def _example(
    shape: tuple[str | int, ...], sizes: Mapping[str, int], seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Random poses and a mask in which a person is absent and frames are padded."""
    drawn = np.random.default_rng(seed)
    numbers = [sizes[size] if isinstance(size, str) else size for size in shape]
    poses = torch.from_numpy(drawn.standard_normal(numbers, dtype=np.float32))
    mask = torch.ones(numbers[:3], dtype=torch.bool)
    mask[0, -1, :] = numbers[1] == 1
    mask[-1, 0, numbers[2] // 2 + 1 :] = False
    return poses, mask


def _largest_error(graph: _Graph, path: Path, shape: tuple[str | int, ...]) -> float:
    """Compare on other sizes than those that were traced, so that none is baked in."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    errors = []
    for sizes in ({"N": 3, "M": 3, "T": 17}, {"N": 1, "M": 1, "T": 40}):
        poses, mask = _example(shape, sizes, seed=1)
        with torch.no_grad():
            own = graph(poses, mask).double()
        (result,) = session.run(None, {"poses": poses.numpy(), "mask": mask.numpy()})
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
