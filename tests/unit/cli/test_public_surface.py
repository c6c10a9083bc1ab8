"""``import gesta`` offers its public names and rooms, and says what it does not have."""

import subprocess
import sys

import pytest

import gesta


@pytest.mark.parametrize("name", [n for n in dir(gesta) if not n.startswith("_")])
def test_every_public_name_is_there(name):
    assert getattr(gesta, name) is not None


def test_rooms_need_no_import_of_their_own():
    code = "import gesta; gesta.explain.record; gesta.transforms.InputOptions"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'recognise'"):
        gesta.recognise  # noqa: B018
