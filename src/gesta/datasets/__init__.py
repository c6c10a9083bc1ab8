"""Where each data set's clips, labels, subjects and protocols are; `prepare` archives them."""

from gesta.datasets.dataset import (
    DataSet,
    ParseOptions,
    Recorded,
    no_protocols,
    no_side,
    numbered_classes,
)
from gesta.datasets.registry import get_dataset, list_datasets, register_dataset
from gesta.datasets.source import Source

__all__ = [
    "DataSet",
    "ParseOptions",
    "Recorded",
    "Source",
    "get_dataset",
    "list_datasets",
    "no_protocols",
    "no_side",
    "numbered_classes",
    "register_dataset",
]
