"""Skeletons: which joints there are, which bones join them, and what follows from that."""

from gesta.skeleton.graph import NORMALISATIONS, PARTITIONS, adjacency, hop_distance, partition
from gesta.skeleton.layout import Layout, read_layout
from gesta.skeleton.layouts import get_layout, list_layouts
from gesta.skeleton.mapping import JointMap, joint_map, locate

__all__ = [
    "NORMALISATIONS",
    "PARTITIONS",
    "JointMap",
    "Layout",
    "adjacency",
    "get_layout",
    "hop_distance",
    "joint_map",
    "list_layouts",
    "locate",
    "partition",
    "read_layout",
]
