"""gesta recognises what people do from how they move.

Names are loaded when they are first used, so that ``import gesta`` stays light: torch is only
imported by what needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gesta.version import __version__

_HOMES = {
    "gesta.archive": ("Archive", "Protocol", "open_archive", "write_archive"),
    "gesta.clip": ("Clip", "VideoReference"),
    "gesta.datasets": ("extract", "list_datasets", "plan_videos", "prepare"),
    "gesta.evaluation": ("Scores", "compare", "fuse"),
    "gesta.export": ("export_onnx",),
    "gesta.formats": ("read_clip", "read_clips"),
    "gesta.inference": ("Recognizer",),
    "gesta.models": ("create_model", "list_models", "load_weights", "register_model"),
    "gesta.report": ("view", "write_report"),
    "gesta.skeleton": ("Layout", "get_layout", "list_layouts"),
    "gesta.training": ("Recipe", "Run", "evaluate", "train"),
}
# Rooms are there without an import of their own: gesta.explain.record(model).
_ROOMS = ("datasets", "evaluation", "explain", "export", "formats", "models", "nn", "report",
          "skeleton", "training", "transforms")  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [
    "__version__",
    "Archive",
    "Clip",
    "Layout",
    "Protocol",
    "Recipe",
    "Recognizer",
    "Run",
    "Scores",
    "VideoReference",
    "compare",
    "create_model",
    "evaluate",
    "export_onnx",
    "extract",
    "fuse",
    "get_layout",
    "list_datasets",
    "list_layouts",
    "list_models",
    "load_weights",
    "open_archive",
    "plan_videos",
    "prepare",
    "read_clip",
    "read_clips",
    "register_model",
    "train",
    "view",
    "write_archive",
    "write_report",
]

if TYPE_CHECKING:
    from gesta.archive import Archive, Protocol, open_archive, write_archive
    from gesta.clip import Clip, VideoReference
    from gesta.datasets import extract, list_datasets, plan_videos, prepare
    from gesta.evaluation import Scores, compare, fuse
    from gesta.export import export_onnx
    from gesta.formats import read_clip, read_clips
    from gesta.inference import Recognizer
    from gesta.models import create_model, list_models, load_weights, register_model
    from gesta.report import view, write_report
    from gesta.skeleton import Layout, get_layout, list_layouts
    from gesta.training import Recipe, Run, evaluate, train


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public object
    """Import a public name from its room, or a room, when it is first asked for."""
    if name in _ROOMS:
        return import_module(f"gesta.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'gesta' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*__all__, *_ROOMS])
