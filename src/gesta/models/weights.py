"""Weights from files: gesta's own names and those of published code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors.torch import load_file
from torch import Tensor, nn

from gesta.errors import ModelError, first_of
from gesta.models.image_network import ImageNetwork
from gesta.models.model import StateDict, is_within
from gesta.models.registry import model_entry
from gesta.nn import MaskedBatchNorm

_logger = logging.getLogger("gesta.models")
_SHOWN = 4  # weights that a message names


def load_weights(
    model: nn.Module,
    weights: str | Path | Mapping[str, Tensor | ArrayLike],
    *,
    replace_head: bool = False,
) -> list[str]:
    """Fill a model with weights, all or nothing.

    Args:
        model: made by `create_model`; changed in place.
        weights: a ``.safetensors``, ``.pt`` / ``.pth`` (read with ``weights_only=True``) or
            ``.npz`` file (only the keys with the prefix ``weight/``, where there are some), or a
            mapping; with gesta's names, or those of the model's published code.
        replace_head: leave the layers that are specific to the classes as they were initialised,
            whatever the file has for them: the start of fine-tuning on other classes.

    Returns:
        The names of the parameters that stay newly initialised: those of a replaced head.

    Raises:
        ModelError: the file cannot be read, or names or shapes do not fit, all of which it lists.
    """
    source = str(weights) if isinstance(weights, str | Path) else "weights"
    if any(isinstance(part, MaskedBatchNorm) and part.folded for part in model.modules()):
        raise ModelError(f"{source}: the model's norms are folded; load first, then fold")
    given = read_weights(weights) if isinstance(weights, str | Path) else _tensors(source, weights)
    given = _in_own_names(model, given)
    own = model.state_dict()
    head: tuple[str, ...] = getattr(model, "head_names", ())
    fresh = [name for name in own if replace_head and is_within(name, head)]
    given = {n: v for n, v in given.items() if not (replace_head and is_within(n, head))}
    problems = _mismatches({n: v for n, v in own.items() if n not in fresh}, given)
    if problems:
        raise ModelError(f"{source}: does not fit the model: " + "; ".join(problems))
    with torch.no_grad():
        for name, value in given.items():
            own[name].copy_(value)
    return fresh


def load_stream(
    model: nn.Module, stream: str, weights: str | Path | Mapping[str, Tensor | ArrayLike]
) -> list[str]:
    """Fill one stream of a model with weights of its own, all or nothing.

    Args:
        model: made by `create_model`; changed in place.
        stream: a submodule, as ``rgb`` or ``skeleton``; where it is a list of modules, each of
            them is filled.
        weights: as for `load_weights`: those of the stream itself (a published network of images,
            a skeleton model), or of a model that has a stream of that name. A classifier that the
            stream has not is left out, and one that does not fit stays as it is.

    Returns:
        The names of the parameters that stay newly initialised.

    Raises:
        ModelError: there is no such stream, or names or shapes do not fit, all of which it lists.
    """
    source = str(weights) if isinstance(weights, str | Path) else "weights"
    given = read_weights(weights) if isinstance(weights, str | Path) else _tensors(source, weights)
    parts = _parts_of(model, stream)
    filled: list[tuple[Tensor, Tensor]] = []
    fresh: list[str] = []
    for i, (place, part) in enumerate(parts.items()):
        values = _of_stream(given, (f"{stream}.{i}.", f"{stream}.0.", f"{stream}."))
        values = _in_own_names(part, values)
        own, head = part.state_dict(), getattr(part, "head_names", ())
        new = [name for name in own if is_within(name, head) and not _fits(name, own, values)]
        values = {
            n: v for n, v in values.items() if not is_within(n, head) or _fits(n, own, values)
        }
        problems = _mismatches({n: v for n, v in own.items() if n not in new}, values)
        if problems:
            raise ModelError(f"{source}: does not fit {place}: " + "; ".join(problems))
        filled += [(own[name], value) for name, value in values.items()]
        fresh += [f"{place}.{name}" for name in new]
    with torch.no_grad():
        for into, value in filled:
            into.copy_(value)
    return fresh


def _parts_of(model: nn.Module, stream: str) -> dict[str, nn.Module]:
    try:
        found = model.get_submodule(stream)
    except AttributeError as error:
        known = getattr(model, "stream_names", ())
        advice = f"it has {', '.join(known)}" if known else "it has none"
        raise ModelError(
            f"{getattr(model, 'name', 'the model')} has no stream {stream!r}; {advice}"
        ) from error
    if isinstance(found, nn.ModuleList):
        return {f"{stream}.{i}": part for i, part in enumerate(found)}
    return {stream: found}


def _of_stream(given: StateDict, prefixes: tuple[str, ...]) -> StateDict:
    """The weights behind the first prefix that there is; all where there is none."""
    for prefix in prefixes:
        found = {n.removeprefix(prefix): v for n, v in given.items() if n.startswith(prefix)}
        if found:
            return found
    return given


def _fits(name: str, own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> bool:
    return name in own and name in given and own[name].shape == given[name].shape


def read_weights(path: str | Path) -> StateDict:
    """The tensors of a weights file by the names in it.

    Raises:
        ModelError: the file is missing, of an unknown kind, damaged, or holds no tensors.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], Mapping[str, Any]]] = {
        ".safetensors": load_file,
        ".pt": _read_pt,
        ".pth": _read_pt,
        ".npz": _read_npz,
    }
    if path.suffix not in readers:
        raise ModelError(f"{path}: expected one of {', '.join(readers)}, found {path.suffix!r}")
    try:
        read = readers[path.suffix](path)
    except ModelError:
        raise
    except Exception as error:  # zip, pickle and safetensors have many; none is worth a traceback
        raise ModelError(f"{path}: cannot be read: {type(error).__name__}: {error}") from error
    return _tensors(str(path), read)


def _read_pt(path: Path) -> Mapping[str, Any]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: expected a mapping of tensors, found {type(content).__name__}")
    # What was saved from inside DataParallel carries its prefix.
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _read_npz(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        prefixed = [name for name in arrays.files if name.startswith("weight/")]
        names = prefixed or arrays.files
        return {name.removeprefix("weight/"): arrays[name] for name in names}


def _tensors(source: str, values: Mapping[str, Any]) -> StateDict:
    tensors = {}
    for name, value in values.items():
        try:
            tensors[name] = value.detach() if isinstance(value, Tensor) else torch.tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            kind = type(value).__name__
            raise ModelError(f"{source}: {name}: expected a tensor, found {kind}") from error
    if not tensors:
        raise ModelError(f"{source}: holds no tensors")
    return tensors


def _in_own_names(model: nn.Module, given: StateDict) -> StateDict:
    if isinstance(model, ImageNetwork):
        return model.own_names(given)
    name = str(getattr(model, "name", ""))
    convert = model_entry(name).convert if name else None
    converted = convert(given) if convert is not None else None
    if converted is None:
        return given
    _warn_of_another_graph(model, given)
    return converted


def _warn_of_another_graph(model: nn.Module, given: StateDict) -> None:
    """The published adjacency is not loaded, but where it differs the weights mean little."""
    own = next((b for n, b in model.named_buffers() if n.endswith("graph.adjacency")), None)
    theirs = given.get("A")
    if own is None or theirs is None:
        return
    if own.shape != theirs.shape or not torch.allclose(
        own.float().cpu(), theirs.float(), atol=1e-3
    ):
        _logger.warning(
            "the weights were trained on another graph than the model has; published ST-GCN "
            "weights need partition='spatial_official'"
        )


def _mismatches(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    problems = []
    missing, unknown = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    if missing:
        problems.append(f"missing: {first_of(missing, _SHOWN)}")
    if unknown:
        problems.append(f"not of this model: {first_of(unknown, _SHOWN)}")
    shapes = [
        f"{name}: expected {tuple(own[name].shape)}, found {tuple(given[name].shape)}"
        for name in own
        if name in given and own[name].shape != given[name].shape
    ]
    if shapes:
        problems.append(f"other shapes: {first_of(shapes, _SHOWN)}")
    return problems
