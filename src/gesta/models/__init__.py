"""The registry of models, and one file for each paper."""

from gesta.models import cross_attention as cross_attention  # each import registers its file's
from gesta.models import csta_cnn as csta_cnn
from gesta.models import recurrent as recurrent
from gesta.models import san as san
from gesta.models import st_gcn as st_gcn
from gesta.models.cost import Cost, LayerCost, count
from gesta.models.model import SkeletonModel
from gesta.models.options import Option
from gesta.models.registry import (
    ModelEntry,
    Paper,
    Stated,
    create_model,
    list_models,
    model_entry,
    register_model,
)
from gesta.models.weights import load_weights

__all__ = [
    "Cost",
    "LayerCost",
    "ModelEntry",
    "Option",
    "Paper",
    "SkeletonModel",
    "Stated",
    "count",
    "create_model",
    "list_models",
    "load_weights",
    "model_entry",
    "register_model",
]
