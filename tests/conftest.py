"""Fixtures and settings that every test shares."""

import os
import sys
from pathlib import Path

import hypothesis
import pytest

# Before anything imports torch or BLAS, for this process and for those that tests start: the
# tests run one process a core, and each would otherwise start a thread for every core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A loaded machine is no reason to fail, and in CI the same commit draws the same examples.
hypothesis.settings.register_profile("gesta", deadline=None)
hypothesis.settings.register_profile("gesta-ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("gesta-ci" if os.environ.get("CI") else "gesta")

DATA_FIXTURES = {"test_data", "parity_data"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for real data, so that `-m "not data"` leaves it out."""
    for item in items:
        if DATA_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.data)


def pytest_runtest_setup() -> None:
    """Hold torch to one thread where a test has imported it; never import it here."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets; the test skips where there is none."""
    folder = _folder_from("GESTA_TEST_DATA")
    if folder is None:
        pytest.skip("needs real data sets: set GESTA_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def parity_data() -> Path:
    """The folder of inputs and outputs of published code; the test skips where there is none."""
    folder = _folder_from("GESTA_PARITY_DATA")
    if folder is not None:
        return folder
    data = _folder_from("GESTA_TEST_DATA")
    if data is not None and (data.parent / "parity").is_dir():
        return data.parent / "parity"
    pytest.skip("needs reference outputs: set GESTA_PARITY_DATA to their folder")


def _folder_from(variable: str) -> Path | None:
    """The folder that an environment variable names, None where it is not set.

    A name that is set but leads nowhere fails: skipping would hide the mistake.
    """
    value = os.environ.get(variable)
    if not value:
        return None
    folder = Path(value).resolve()
    if not folder.is_dir():
        pytest.fail(f"{variable} is {value!r}, which is not a folder")
    return folder
