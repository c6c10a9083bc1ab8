"""Layers that at least two models use, and the hooks that look inside them."""

from gesta.nn.coupled_attention import CoupledAttention, attend_poses
from gesta.nn.cross_attention import CrossAttention, SelfAttention
from gesta.nn.dropout import Dropout
from gesta.nn.fold import fold_batch_norm
from gesta.nn.frames import Frames, any_in_stride, exporting
from gesta.nn.graph import GraphConvolution
from gesta.nn.norm import MaskedBatchNorm
from gesta.nn.observed import Observed, observed
from gesta.nn.persons import PersonRows, merge_persons, motion, person_rows
from gesta.nn.self_attention import DotProductAttention, SelfAttentionBlock, SelfAttentionLayer
from gesta.nn.start import start_for_relu

__all__ = [
    "CoupledAttention",
    "CrossAttention",
    "DotProductAttention",
    "Dropout",
    "Frames",
    "GraphConvolution",
    "MaskedBatchNorm",
    "Observed",
    "PersonRows",
    "SelfAttention",
    "SelfAttentionBlock",
    "SelfAttentionLayer",
    "any_in_stride",
    "attend_poses",
    "exporting",
    "fold_batch_norm",
    "merge_persons",
    "motion",
    "observed",
    "person_rows",
    "start_for_relu",
]
