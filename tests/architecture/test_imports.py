"""The rooms of the package: imports go down only, and the lower half does not know torch.

Imports inside functions count; those under `if TYPE_CHECKING` do not run and do not count, except
where torch is forbidden altogether.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "gesta"

ORDER = """
    cli > reproduce > report > bench, export, explain > inference > training > evaluation
    > models, transforms > nn > datasets > archive > pose > media > formats > clip > skeleton
    > axes > errors, version
"""
LEVELS = [[room.strip() for room in level.split(",")] for level in ORDER.split(">")]
DEPTH = {room: depth for depth, level in enumerate(LEVELS) for room in level}

NUMPY_ONLY = {
    "axes", "errors", "version", "skeleton", "clip", "formats", "archive", "media", "pose",
    "datasets",
}  # fmt: skip
TORCH = ("torch", "safetensors.torch")
ROOT_MODULES = {"__init__.py", "__main__.py"}  # the public surface: may import any room
NAMELESS = {"utils", "common", "core", "misc", "helpers", "tools"}


@dataclass(frozen=True)
class Import:
    """One imported name, in full: `from gesta.clip import Clip` is `gesta.clip.Clip`."""

    line: int
    target: str
    for_types_only: bool


def imports_of(tree: ast.AST, package: list[str]) -> Iterator[Import]:
    """Every import in a module that lies in `package`, wherever it stands."""

    def visit(node: ast.AST, for_types_only: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            for child in node.body:
                yield from visit(child, True)
            for child in node.orelse:
                yield from visit(child, for_types_only)
            return
        for target in _targets(node, package):
            yield Import(node.lineno, target, for_types_only)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, for_types_only)

    return visit(tree, False)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _targets(node: ast.AST, package: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args:
        called = getattr(node.func, "attr", getattr(node.func, "id", None))
        name = node.args[0]
        if called in {"import_module", "__import__"} and isinstance(name, ast.Constant):
            return [_absolute(str(name.value), package)]
    return []


def _absolute(name: str, package: list[str]) -> str:
    level = len(name) - len(name.lstrip("."))
    above = package[: len(package) - level + 1] if level else []
    return ".".join([*above, name[level:]])


def violations(package: Path) -> list[str]:
    """What breaks the order of the rooms in the package at `package`, one line each."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        found += [f"{inside}: {problem}" for problem in _violations_of_file(path, inside)]
    return found


def _violations_of_file(path: Path, inside: Path) -> Iterator[str]:
    names = [part.removesuffix(".py").strip("_") for part in inside.parts]
    for name in NAMELESS.intersection(names):
        yield f"nothing is called {name}; what is in it belongs to the room that uses it"
    if str(inside) in ROOT_MODULES:
        return
    room = inside.parts[0].removesuffix(".py")
    if room not in DEPTH:
        yield f"{room} is not a room for code; the rooms are {', '.join(DEPTH)}"
        return
    for found in imports_of(ast.parse(path.read_text("utf-8")), ["gesta", *inside.parts[:-1]]):
        problem = _problem(room, found)
        if problem:
            yield f"line {found.line}: {problem}"


def _problem(room: str, found: Import) -> str | None:
    if room in NUMPY_ONLY and any(_within(found.target, module) for module in TORCH):
        return f"{room} does without torch, and imports {found.target}"
    if found.for_types_only or not _within(found.target, "gesta"):
        return None
    other = found.target.partition(".")[2].partition(".")[0]
    if other == room:
        return None
    if other not in DEPTH:
        return f"rooms import rooms, and {found.target} is in none"
    if DEPTH[other] == DEPTH[room]:
        return f"{room} and {other} stand side by side and do not import each other"
    if DEPTH[other] < DEPTH[room]:
        return f"{room} is below {other} and does not import it ({found.target})"
    return None


def _within(target: str, module: str) -> bool:
    return target == module or target.startswith(f"{module}.")


def test_rooms_import_downwards_only():
    assert (PACKAGE / "axes.py").is_file(), f"no package at {PACKAGE}"
    found = violations(PACKAGE)
    assert not found, "\n" + "\n".join(found)


ALLOWED = {
    "__init__.py": "def __getattr__(name):\n    from gesta.cli import main",
    "__main__.py": "from gesta.cli import main",
    "cli/__init__.py": "from ..training import loop\nfrom . import demo\nimport gesta.axes",
    "cli/demo.py": "import torch\nfrom .train import x",
    "archive/reader.py": "from gesta import clip, errors\nfrom ..clip import Clip\nimport numpy",
    "models/st_gcn.py": "import torch\nfrom gesta.nn.graph import Block",
    "nn/block.py": "if TYPE_CHECKING:\n    from gesta.cli import x",
    "clip/clip.py": "import torchless\nfrom gestalt import utils",
}

FORBIDDEN = {
    "upwards": ("clip/a.py", "from gesta.archive import Archive", "below archive"),
    "upwards, plain": ("nn/a.py", "import gesta.models.st_gcn", "below models"),
    "upwards, relative": ("clip/a.py", "from ..formats import ntu", "below formats"),
    "upwards, relative package": ("clip/a.py", "from .. import formats", "below formats"),
    "upwards, deep": ("media/b/a.py", "from ...pose import x", "below pose"),
    "upwards, from a package": ("clip/__init__.py", "from ..cli import x", "below cli"),
    "upwards, one of two": ("nn/a.py", "from gesta import clip, cli", "below cli"),
    "in a function": ("nn/a.py", "def f():\n    from gesta.cli import x", "line 2"),
    "in an else": (
        "nn/a.py",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import gesta.cli",
        "line 4: nn is below cli",
    ),
    "by name": ("nn/a.py", "import_module('gesta.cli.train')", "below cli"),
    "by relative name": ("nn/a.py", "import_module('..cli', __package__)", "below cli"),
    "side by side": ("models/a.py", "from gesta.transforms import x", "side by side"),
    "side by side, three": ("export/a.py", "from ..explain import x", "side by side"),
    "upwards, modules": ("errors.py", "from .axes import check_shape", "below axes"),
    "package root": ("clip/a.py", "from gesta import read_clip", "is in none"),
    "package root, plain": ("clip/a.py", "import gesta", "is in none"),
    "package root, relative": ("clip/a.py", "from .. import read_clip", "is in none"),
    "data is no code": ("training/a.py", "from gesta.data import x", "is in none"),
    "code in recipes": ("recipes/a.py", "", "not a room"),
    "unknown room": ("things/a.py", "", "not a room"),
    "unknown module": ("things.py", "", "not a room"),
    "torch": ("clip/a.py", "import torch", "without torch"),
    "torch, part": ("datasets/a.py", "from torch.utils import data", "without torch"),
    "torch in a function": ("axes.py", "def f():\n    import torch.nn as n", "without torch"),
    "torch for types": ("pose/a.py", "if typing.TYPE_CHECKING:\n    import torch", "without torch"),
    "torch by safetensors": ("archive/a.py", "from safetensors.torch import x", "without torch"),
    "nameless room": ("utils/a.py", "", "nothing is called utils"),
    "nameless folder": ("clip/helpers/a.py", "", "nothing is called helpers"),
    "nameless file": ("nn/_common.py", "", "nothing is called common"),
}


def write_package(folder: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = folder / "gesta" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder / "gesta"


def test_nothing_is_found_in_a_good_package(tmp_path):
    assert violations(write_package(tmp_path, ALLOWED)) == []


@pytest.mark.parametrize(("name", "source", "expected"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_each_breach_is_found(tmp_path, name, source, expected):
    found = violations(write_package(tmp_path, {**ALLOWED, name: source}))
    assert found and all(name in problem for problem in found)
    assert any(expected in problem for problem in found)
