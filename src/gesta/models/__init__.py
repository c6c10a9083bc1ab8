"""The registry of models, and one file for each paper."""

from gesta.models import cross_attention as cross_attention  # each import registers its file's
from gesta.models import csta_cnn as csta_cnn
from gesta.models import efficientnet_lite as efficientnet_lite
from gesta.models import mmff as mmff
from gesta.models import recurrent as recurrent
from gesta.models import san as san
from gesta.models import st_gcn as st_gcn
from gesta.models import xception as xception
from gesta.models.cost import Cost, LayerCost, count
from gesta.models.image_network import (
    ImageNetwork,
    create_image_network,
    image_network_entry,
    list_image_networks,
)
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
from gesta.models.weights import load_stream, load_weights

__all__ = [
    "Cost",
    "ImageNetwork",
    "LayerCost",
    "ModelEntry",
    "Option",
    "Paper",
    "SkeletonModel",
    "Stated",
    "count",
    "create_image_network",
    "create_model",
    "image_network_entry",
    "list_image_networks",
    "list_models",
    "load_stream",
    "load_weights",
    "model_entry",
    "register_model",
]
