"""Layers that at least two models use, and the hooks that look inside them."""

from gesta.nn.dropout import Dropout
from gesta.nn.fold import fold_batch_norm
from gesta.nn.frames import Frames, any_in_stride, exporting
from gesta.nn.graph import GraphConvolution
from gesta.nn.norm import MaskedBatchNorm
from gesta.nn.observed import Observed, observed

__all__ = [
    "Dropout",
    "Frames",
    "GraphConvolution",
    "MaskedBatchNorm",
    "Observed",
    "any_in_stride",
    "exporting",
    "fold_batch_norm",
    "observed",
]
