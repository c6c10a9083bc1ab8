"""What a trained model looks at: recorded attention, occlusion, learned edges, deletion."""

from gesta.explain.attention import Attention, attentions, frame_scores, joint_scores
from gesta.explain.attention_deletion import attention_deletion
from gesta.explain.deletion import DeletionCurve, deletion_curves
from gesta.explain.edges import EdgeImportance, edge_importance
from gesta.explain.occlusion import FILLS, Fill, Importance, occlusion
from gesta.explain.record import Recorded, record
from gesta.explain.scene import Look, Scene, Window, scenes

__all__ = [
    "FILLS",
    "Attention",
    "DeletionCurve",
    "EdgeImportance",
    "Fill",
    "Importance",
    "Look",
    "Recorded",
    "Scene",
    "Window",
    "attention_deletion",
    "attentions",
    "deletion_curves",
    "edge_importance",
    "frame_scores",
    "joint_scores",
    "occlusion",
    "record",
    "scenes",
]
