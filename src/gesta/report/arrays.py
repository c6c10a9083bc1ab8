"""Arrays as npz files that nobody meets half of."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gesta.archive.durable import write_durably


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, compressed."""
    data = io.BytesIO()
    np.savez_compressed(data, **dict(arrays))  # type: ignore[arg-type]
    write_durably(path, data.getvalue())
