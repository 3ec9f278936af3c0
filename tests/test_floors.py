"""The floors of the design, read from the source: imports point down, and some things may be done in one place only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "dpm_flower"
FLOORS = {
    "core": 0,
    "nets": 1,
    "metrics": 1,
    "data": 1,
    "payload": 1,
    "training": 2,
    "exchange": 2,
    "methods": 3,
    "attacks": 3,
    "regime": 4,
    "federation": 5,
    "studies": 6,
    "apps": 7,
    "cli": 8,
}
ONLY_IN = {
    "cryptography": {"payload"},
    "securesystemslib": {"payload"},
    "zstandard": {"payload"},
    "grpc": {"exchange"},
    "flwr_datasets": {"data"},
    "datasets": {"data"},
    "flwr": {name for name, floor in FLOORS.items() if floor >= 5},
}
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
LAZY = "cli"  # imports within functions, so that --help is instant, as do the modules of apps that hold its groups of commands
LAZY_SUFFIX = "_cli.py"
LAZY_FILE = "client_process.py"  # Flower gives it 30 s for a first sign of life, and importing torch can take longer

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def violations(source: str, place: str, *, lazy: bool = False) -> list[str]:
    """A module's source and its top-level place in the package ("core", "cli" ...) -> what it does that its floor must not.

    A `lazy` module may import within functions.
    """
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            found.append(f"{node.lineno}: relative import")
        found += [f"{node.lineno}: {wrong}" for name in _imported(node) for wrong in _wrong_import(name, place)]
        if isinstance(node, Function) and place != LAZY and not lazy:
            found += [
                f"{inner.lineno}: import within a function" for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)
            ]
        if isinstance(node, ast.Call):
            found += [f"{node.lineno}: {wrong}" for wrong in _wrong_call(node)]
    return found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _wrong_import(name: str, place: str) -> list[str]:
    top, *rest = name.split(".")
    if top == PACKAGE:
        target = rest[0] if rest else place  # the package itself holds nothing: see the test below
        return [] if target == place or FLOORS.get(target, 99) < FLOORS[place] else [f"{place} imports {name}, which lies no lower"]
    if top == "simulations":
        return [f"{place} imports {name}; simulations import the package, never the other way"]
    if top in PICKLES or name.startswith("torch.load"):
        return [f"{place} imports {name}"]
    if place not in ONLY_IN.get(top, {place}):
        return [f"{place} imports {top}, which only {', '.join(sorted(ONLY_IN[top]))} may"]
    return []


def _wrong_call(call: ast.Call) -> list[str]:
    name = ast.unparse(call.func)
    settings = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name == "torch.load" and settings.get("weights_only") != "True":
        return ["torch.load without weights_only=True"]
    if name in ("np.load", "numpy.load") and settings.get("allow_pickle", "False") != "False":
        return [f"{name} may unpickle"]
    return []


def _place(path: Path) -> str:
    return path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")


def _is_lazy(path: Path) -> bool:
    return _place(path) == "apps" and (path.name.endswith(LAZY_SUFFIX) or path.name == LAZY_FILE)


ROOT_FILE = ROOT / PACKAGE / "__init__.py"
FILES = sorted(path for path in (ROOT / PACKAGE).rglob("*.py") if path != ROOT_FILE)


def test_the_package_has_the_floors_of_the_design_and_no_others():
    assert {_place(path) for path in FILES} == set(FLOORS)


def test_importing_the_package_imports_nothing_else():
    assert [ast.unparse(node) for node in ast.walk(ast.parse(ROOT_FILE.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)] == []


@pytest.mark.parametrize("place", FLOORS)
def test_imports_point_down(place):
    found = {
        str(path.relative_to(ROOT)): violations(path.read_text(), place, lazy=_is_lazy(path)) for path in FILES if _place(path) == place
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("place", "source", "reason"),
    [
        ("core", "from dpm_flower.nets.split import split", "no lower"),
        ("nets", "import dpm_flower.metrics.similarity", "no lower"),
        ("methods", "from dpm_flower.attacks.scoring import disclosure", "no lower"),
        ("attacks", "from dpm_flower.methods import nothing", "no lower"),
        ("training", "from dpm_flower import regime", "no lower"),
        ("regime", "from dpm_flower.unheard_of import anything", "no lower"),
        ("apps", "from dpm_flower.cli import main", "no lower"),
        ("exchange", "from cryptography.x509 import Certificate", "only payload"),
        ("payload", "import grpc", "only exchange"),
        ("regime", "from flwr.app import Message", "only apps, cli, federation, studies"),
        ("studies", "from simulations.demo import STUDY", "never the other way"),
        ("training", "import pickle", "imports pickle"),
        ("core", "from pickle import loads", "imports pickle"),
        ("core", "from torch import load", "imports torch.load"),
        ("core", "from . import errors", "relative"),
        ("core", "from .errors import SettingError", "relative"),
        ("studies", "def late():\n    if True:\n        import json", "within a function"),
        ("studies", "class A:\n    async def late(self):\n        from math import pi", "within a function"),
        ("core", "torch.load(path)", "weights_only"),
        ("core", "torch.load(path, weights_only=False)", "weights_only"),
        ("core", "np.load(path, allow_pickle=True)", "unpickle"),
    ],
)
def test_a_violation_is_found(place, source, reason):
    assert any(reason in wrong for wrong in violations(source, place))


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("regime", "from dpm_flower.attacks.scoring import disclosure\nfrom dpm_flower.regime.task import EntityTask\nimport json"),
        ("payload", "import cryptography"),
        ("exchange", "from grpc import aio"),
        ("studies", "from flwr.serverapp import Grid"),
        ("cli", "def run():\n    from dpm_flower.apps.client import app"),
        ("core", "torch.load(path, weights_only=True)\nnp.load(path, allow_pickle=False)"),
    ],
)
def test_what_the_design_allows_is_no_violation(place, source):
    assert violations(source, place) == []


def test_only_groups_of_commands_and_a_clients_process_are_lazy():
    source = "def run():\n    from dpm_flower.core.errors import DataError"
    assert violations(source, "apps", lazy=True) == []
    assert violations(source, "apps") == ["2: import within a function"]
    assert _is_lazy(ROOT / PACKAGE / "apps" / "some_cli.py")
    assert _is_lazy(ROOT / PACKAGE / "apps" / LAZY_FILE)
    assert not _is_lazy(ROOT / PACKAGE / "apps" / "some_command.py")
    assert not _is_lazy(ROOT / PACKAGE / "payload" / "some_cli.py")
