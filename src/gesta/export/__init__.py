"""Models for other programs to run."""

from gesta.export.onnx import Exported, export_onnx

__all__ = ["Exported", "export_onnx"]
