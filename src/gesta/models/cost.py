"""What a model costs: parameters and multiply-adds, by hooks on its layers' shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gesta.models.model import SkeletonModel

COUNTED = "multiply-adds of convolutions and linear layers for one clip, every person there"


@dataclass(frozen=True)
class LayerCost:
    """One layer: its module name, kind, kernel, output size and multiply-adds by kind."""

    name: str
    kind: str
    kernel: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int
    multiply_adds: Mapping[str, int]


@dataclass(frozen=True)
class Cost:
    """What a model costs for one clip.

    Args:
        parameters: learnt numbers.
        layers: in the order in which they ran.
    """

    parameters: int
    layers: tuple[LayerCost, ...]

    @property
    def elsewhere(self) -> int:
        """How many numbers no layer learns: those of normalisation, positions and the like."""
        return self.parameters - sum({one.name: one.parameters for one in self.layers}.values())

    def total(self, *kinds: str) -> int:
        """The multiply-adds of some kinds (``convolution``, ``linear``, ``adjacency``, ...)."""
        return sum(layer.multiply_adds.get(kind, 0) for layer in self.layers for kind in kinds)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of convolutions and linear layers."""
        return self.total("convolution", "linear")

    @property
    def by_kind(self) -> dict[str, int]:
        """Multiply-adds of every kind that there is."""
        kinds = {kind: None for layer in self.layers for kind in layer.multiply_adds}
        return {kind: self.total(kind) for kind in kinds}


def count(
    model: SkeletonModel,
    frames: int = 64,
    persons: int = 2,
) -> Cost:
    """Count parameters and multiply-adds of one clip, without computing anything.

    Convolutions and linear layers are counted from their shapes. A layer that multiplies in
    another way says so itself by a method ``multiply_adds(output) -> {kind: number}``.

    Args:
        model: any model of the registry; stays as it is.
        frames: T where the model takes any.
        persons: M where the model takes any.
    """
    sizes = (model.persons or persons, model.frames or frames, len(model.layout))
    twin = copy.deepcopy(model).to("meta").eval()
    layers: list[LayerCost] = []
    listed = {
        name: part
        for name, part in twin.named_modules()
        if hasattr(part, "multiply_adds") or isinstance(part, _Layer)
    }
    hooks = [
        part.register_forward_hook(_hook(name, _own(name, listed), layers))
        for name, part in listed.items()
    ]
    try:
        dtype = next(model.parameters()).dtype
        poses = torch.empty((1, *sizes, model.channels), device="meta", dtype=dtype)
        more = model.example_inputs(1, sizes[1], sizes[0])
        with torch.no_grad():
            twin(poses, **{name: value.to("meta") for name, value in more.items()})
    finally:
        for hook in hooks:
            hook.remove()
    parameters = sum(p.numel() for p in model.parameters())
    return Cost(parameters, tuple(layers))


def _own(name: str, listed: Mapping[str, nn.Module]) -> int:
    """How many numbers a listed layer learns, without those of listed layers in it."""
    inner = [part for other, part in listed.items() if other.startswith(f"{name}.")]
    others = {id(parameter) for part in inner for parameter in part.parameters()}
    return sum(p.numel() for p in listed[name].parameters() if id(p) not in others)


_Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
_Layer = _Convolution | nn.Linear | nn.MaxPool2d | nn.MaxPool3d


# A layer that gives several, as a recurrent one does, is shown by the size of the first.
_Output = Tensor | tuple[Tensor, ...]


def _hook(
    name: str, parameters: int, layers: list[LayerCost]
) -> Callable[[nn.Module, Any, _Output], None]:
    def record(part: nn.Module, _: Any, output: _Output) -> None:  # noqa: ANN401 - torch's hook
        kernel: int | tuple[int, ...] = getattr(part, "kernel_size", ())
        shown = output if isinstance(output, Tensor) else output[0]
        layers.append(
            LayerCost(
                name,
                type(part).__name__,
                kernel if isinstance(kernel, tuple) else (kernel,) * (shown.ndim - 2),
                tuple(shown.shape),
                parameters,
                _multiply_adds(part, output),
            )
        )

    return record


def _multiply_adds(part: nn.Module, output: _Output) -> Mapping[str, int]:
    own = getattr(part, "multiply_adds", None)
    if callable(own):
        result: dict[str, int] = own(output)
        return result
    if not isinstance(output, Tensor):
        return {}
    if isinstance(part, nn.Linear):
        return {"linear": output.numel() * part.in_features}
    if isinstance(part, _Convolution):
        weights = part.weight.numel() // part.out_channels
        return {"convolution": output.numel() * weights}
    return {}
