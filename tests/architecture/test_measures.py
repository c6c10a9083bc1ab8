"""The measures of CONTRIBUTING.md that read the source; the linter and the type checker hold more.

Sizes and the ways to go wrong in Python are looked at in all of the project's code; types, printing
and randomness in the package alone.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "benchmarks", "docs", "examples")

FUNCTION_LINES = 80
FILE_LINES = 400

Function = ast.FunctionDef | ast.AsyncFunctionDef
Problem = tuple[int, str]  # line, what is wrong there
Rule = Callable[[ast.Module], Iterator[Problem]]

MUTABLE_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter"}

# Names that make a generator, rather than draw from the one that the whole process shares.
RANDOM_OBJECTS = {"Random", "SystemRandom"}
NUMPY_RANDOM_OBJECTS = {
    "default_rng", "Generator", "BitGenerator", "SeedSequence",
    "PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937",
}  # fmt: skip
TORCH_SEEDS = {
    f"torch.{module}{function}"
    for module in ("", "random.", "cuda.", "cuda.random.", "mps.", "xpu.")
    for function in ("seed", "seed_all", "manual_seed", "manual_seed_all")
}
TORCH_DRAWS = {
    f"torch.{function}"
    for function in ("bernoulli", "multinomial", "normal", "rand", "randint", "randn", "randperm")
}


def long_functions(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines, over {FUNCTION_LINES}"


def bare_excepts(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "except: without an exception"


def star_imports(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield node.lineno, "import *"


def mutable_defaults(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.Lambda):
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if _is_mutable(default):
                    yield default.lineno, "a default that calls would share and change"


def _is_mutable(default: ast.expr | None) -> bool:
    if isinstance(default, ast.Call):
        name = getattr(default.func, "attr", getattr(default.func, "id", None))
        return name in MUTABLE_CALLS
    return isinstance(default, MUTABLE_LITERALS)


def untyped_functions(tree: ast.Module) -> Iterator[Problem]:
    """Functions and methods that can be reached from outside and lack a type."""

    def visit(parent: ast.AST, in_class: bool) -> Iterator[Problem]:
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.ClassDef) and _is_public(node.name):
                yield from visit(node, in_class=True)
            elif isinstance(node, Function) and _is_public(node.name):
                missing = _untyped_parts(node, in_class)
                if missing:
                    yield node.lineno, f"{node.name} has no type for {', '.join(missing)}"
            elif isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With):
                yield from visit(node, in_class)

    return visit(tree, in_class=False)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name.endswith("__")


def _untyped_parts(node: Function, in_class: bool) -> list[str]:
    arguments = [*node.args.posonlyargs, *node.args.args]
    static = any(getattr(mark, "id", None) == "staticmethod" for mark in node.decorator_list)
    if in_class and not static:
        arguments = arguments[1:]
    arguments += [*node.args.kwonlyargs, *filter(None, [node.args.vararg, node.args.kwarg])]
    missing = [argument.arg for argument in arguments if argument.annotation is None]
    return missing + (["what it returns"] if node.returns is None else [])


def prints(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print":
            yield node.lineno, "print outside the command line"


def global_randomness(tree: ast.Module) -> Iterator[Problem]:
    """Anything that draws from, or seeds, a generator that the whole process shares."""
    imported = _imported_names(tree)
    for node in ast.walk(tree):
        name = _full_name(node, imported)
        if name and _is_global_random(name):
            yield node.lineno, f"{name} uses the random state of the whole process"
        if isinstance(node, ast.Call) and _full_name(node.func, imported) in TORCH_DRAWS:
            if all(keyword.arg != "generator" for keyword in node.keywords):
                yield node.lineno, f"{_full_name(node.func, imported)} without a generator"


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """The full name behind each imported one: `np` is `numpy`, `shuffle` is `random.shuffle`."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _full_name(node: ast.AST, imported: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return imported.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _full_name(node.value, imported)
        return base and f"{base}.{node.attr}"
    return None


def _is_global_random(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if module == "random":
        return last not in RANDOM_OBJECTS
    if module == "numpy.random":
        return last not in NUMPY_RANDOM_OBJECTS
    return name in TORCH_SEEDS


EVERYWHERE: list[Rule] = [long_functions, bare_excepts, star_imports, mutable_defaults]
IN_THE_PACKAGE: list[Rule] = [untyped_functions, global_randomness]
BELOW_THE_COMMAND_LINE: list[Rule] = [prints]


def rules_for(inside: Path) -> list[Rule]:
    """The rules for a file, given its path in the project."""
    rules = [*EVERYWHERE]
    if inside.parts[0] == "src":
        rules += IN_THE_PACKAGE
        if inside.parts[:3] != ("src", "gesta", "cli"):
            rules += BELOW_THE_COMMAND_LINE
    return rules


def problems(project: Path) -> list[str]:
    """What breaks a measure in the project at `project`, one line each."""
    found = []
    for path in sorted(path for folder in FOLDERS for path in (project / folder).rglob("*.py")):
        inside = path.relative_to(project)
        source = path.read_text("utf-8")
        lines = len(source.splitlines())
        if lines > FILE_LINES:
            found.append(f"{inside}: {lines} lines, over {FILE_LINES}")
        tree = ast.parse(source)
        for rule in rules_for(inside):
            found += [f"{inside}:{line}: {problem}" for line, problem in rule(tree)]
    return found


def test_the_project_keeps_its_measures():
    assert (PROJECT / "src" / "gesta" / "axes.py").is_file(), f"no package in {PROJECT}"
    found = problems(PROJECT)
    assert not found, "\n" + "\n".join(found)


GOOD = '''
import random
import numpy as np
import torch
from . import random as drawing

class Shape:
    """Typed."""

    def __init__(self, size: int = 3, names: tuple[str, ...] = ()) -> None: ...
    @staticmethod
    def of(size: int, *more: int, **named: int) -> "Shape": ...
    @classmethod
    def default(cls) -> "Shape": ...
    def _private(self, anything): ...

def draw(generator: torch.Generator, rng: np.random.Generator, own: random.Random) -> None:
    def inner(x): ...
    torch.rand(3, generator=generator)
    np.random.default_rng(np.random.SeedSequence(1)).random()
    random.Random(1).shuffle([])
    try:
        rng.random()
    except (ValueError, TypeError):
        own.random()
'''

ROOM = "src/gesta/clip/a.py"
BAD = {
    "long function": (ROOM, "def f() -> None:\n" + "    x = 1\n" * 80, "81 lines"),
    "long method": ("tests/a.py", "class A:\n def f(self):\n" + "  x = 1\n" * 80, "81 lines"),
    "long file": (ROOM, "x = 1\n" * 401, "401 lines"),
    "bare except": (ROOM, "try:\n    x = 1\nexcept:\n    x = 2", ":3: except:"),
    "bare except in a test": ("tests/a.py", "try:\n    x = 1\nexcept:\n    x = 2", "except:"),
    "star import": (ROOM, "from os import *", "import *"),
    "mutable default": (ROOM, "def f(x: list = []) -> None: ...", "default"),
    "mutable default, keyword": (ROOM, "def f(*, x: dict = dict()) -> None: ...", "default"),
    "mutable default, lambda": ("benchmarks/a.py", "f = lambda x={1}: x", "default"),
    "untyped argument": (ROOM, "def f(x, y: int) -> None: ...", "no type for x"),
    "untyped result": (ROOM, "async def f(x: int): ...", "what it returns"),
    "untyped star": (ROOM, "def f(*x, **y) -> None: ...", "no type for x, y"),
    "untyped method": (ROOM, "class A:\n    def f(self, x) -> None: ...", "no type for x"),
    "untyped first argument": (
        ROOM,
        "class A:\n    @staticmethod\n    def f(x) -> None: ...",
        "no type for x",
    ),
    "untyped constructor": (ROOM, "class A:\n    def __init__(self, x) -> None: ...", "for x"),
    "untyped, conditional": (ROOM, "if True:\n    pass\nelse:\n    def f(x) -> int: ...", "for x"),
    "untyped, fallback": (
        ROOM,
        "try:\n    import x\nexcept ImportError:\n    def f(x) -> int: ...",
        "no type for x",
    ),
    "untyped in the command line": ("src/gesta/cli/a.py", "def f(x) -> None: ...", "for x"),
    "print": (ROOM, "print(1)", "print outside"),
    "random": (ROOM, "import random\nrandom.shuffle([])", "random.shuffle"),
    "random, renamed": (ROOM, "from random import choice as c\nc([1])", "random.choice"),
    "numpy": (ROOM, "import numpy as np\nnp.random.seed(1)", "numpy.random.seed"),
    "numpy, module": (ROOM, "from numpy import random as r\nr.rand(3)", "numpy.random.rand"),
    "numpy, function": (ROOM, "from numpy.random import rand\nrand(3)", "numpy.random.rand"),
    "numpy, state": (ROOM, "import numpy\nx = numpy.random.RandomState(1)", "RandomState"),
    "torch seed": (ROOM, "import torch\ntorch.manual_seed(1)", "torch.manual_seed"),
    "torch seed, function": (ROOM, "from torch import manual_seed as s\ns(1)", "manual_seed"),
    "torch seed, device": (ROOM, "import torch\ntorch.cuda.manual_seed_all(1)", "manual_seed_all"),
    "torch draw": (ROOM, "import torch\ntorch.randperm(3)", "randperm without a generator"),
    "random in the command line": ("src/gesta/cli/a.py", "import random\nrandom.seed(1)", "seed"),
}


def write_project(folder: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


def test_nothing_is_found_in_a_good_project(tmp_path):
    files = {
        ROOM: GOOD,
        "src/gesta/cli/a.py": "print(1)",
        "tests/a.py": "import random\ndef f(x): print(random.random())",
        "src/gesta/clip/long.py": "def f() -> None:\n" + "    x = 1\n" * 79 + "x = 1\n" * 320,
    }
    assert problems(write_project(tmp_path, files)) == []


@pytest.mark.parametrize(("name", "source", "expected"), BAD.values(), ids=BAD)
def test_each_breach_is_found(tmp_path, name, source, expected):
    found = problems(write_project(tmp_path, {name: source}))
    assert len(found) == 1 and name in found[0] and expected in found[0]
