"""Where each data set's clips, labels, subjects and protocols are; `prepare` archives them."""

from gesta.datasets import (  # noqa: F401 - each registers itself
    arrays,
    jhmdb,
    kinetics,
    ntu,
    nw_ucla,
    pyskl,
    sbu,
    sysu,
    uestc,
    utd_mhad,
)
from gesta.datasets.dataset import (
    DataSet,
    ParseOptions,
    Recorded,
    empty_ids,
    no_protocols,
    no_side,
    numbered_classes,
)
from gesta.datasets.prepare import prepare
from gesta.datasets.registry import get_dataset, list_datasets, register_dataset
from gesta.datasets.source import Source

__all__ = [
    "DataSet",
    "ParseOptions",
    "Recorded",
    "Source",
    "empty_ids",
    "get_dataset",
    "list_datasets",
    "no_protocols",
    "no_side",
    "numbered_classes",
    "prepare",
    "register_dataset",
]
