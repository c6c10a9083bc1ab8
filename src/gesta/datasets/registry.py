"""The data sets gesta knows, by name."""

from __future__ import annotations

from difflib import get_close_matches

from gesta.datasets.dataset import DataSet
from gesta.errors import GestaError

_DATASETS: dict[str, DataSet] = {}


def register_dataset(dataset: DataSet) -> DataSet:
    """Make a data set known; gives it back, so that a file can keep it under a name.

    Raises:
        ValueError: the name is taken.
    """
    if dataset.name in _DATASETS:
        raise ValueError(f"a data set called {dataset.name!r} is registered already")
    _DATASETS[dataset.name] = dataset
    return dataset


def get_dataset(name: str | DataSet) -> DataSet:
    """A data set by its name, or unchanged if it is one already.

    Raises:
        GestaError: no data set is called that.
    """
    if isinstance(name, DataSet):
        return name
    if name not in _DATASETS:
        near = get_close_matches(name, _DATASETS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise GestaError(f"unknown data set {name!r}; known are {', '.join(_DATASETS)}{hint}")
    return _DATASETS[name]


def list_datasets() -> list[str]:
    """The names of the known data sets, in the order in which they were registered."""
    return list(_DATASETS)
