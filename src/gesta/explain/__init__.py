"""What a trained model looks at: recorded attention, occlusion, learned edges, deletion."""

from gesta.explain.deletion import DeletionCurve, deletion_curves
from gesta.explain.edges import EdgeImportance, edge_importance
from gesta.explain.occlusion import FILLS, Fill, Importance, occlusion
from gesta.explain.record import Recorded, record

__all__ = [
    "FILLS",
    "DeletionCurve",
    "EdgeImportance",
    "Fill",
    "Importance",
    "Recorded",
    "deletion_curves",
    "edge_importance",
    "occlusion",
    "record",
]
