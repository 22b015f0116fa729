"""Imports between the packages run one way, and their files stay short."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("search_spaces", "sslcl", "study", "tracking")
MAY_IMPORT = {
    "study": ("search_spaces", "tracking", "sslcl"),
    "search_spaces": ("sslcl",),
    "tracking": ("sslcl.config", "sslcl.errors"),
    "sslcl": (),
}
NOT_IN_SSLCL = ("ray", "optuna", "mlflow", "sqlalchemy")
LONGEST = 400
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(source: str, package: str) -> Iterator[str]:
    """Dotted names of all that a module in ``package`` imports, wherever it does so."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def forbidden(source: str, package: str) -> list[str]:
    """The imports of a module in ``package`` that the order of the packages does not allow."""
    top = package.partition(".")[0]
    allowed = (top, *MAY_IMPORT[top])
    names = list(imported(source, package))
    wrong = [name for name in names if within(name, PACKAGES) and not within(name, allowed)]
    if top == "sslcl":
        wrong += [name for name in names if within(name, NOT_IN_SSLCL)]
    return wrong


def test_there_is_something_to_check():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)


def test_imports_run_one_way():
    found = {}
    for path in FILES:
        package = ".".join(path.relative_to(ROOT).parent.parts)
        if wrong := forbidden(path.read_text(encoding="utf-8"), package):
            found[str(path.relative_to(ROOT))] = wrong
    assert found == {}


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("import study", "sslcl"),
        ("import ray.tune as tune", "sslcl.data"),
        ("def f():\n    from optuna import create_study", "sslcl"),
        ("from tracking.ledger import Ledger", "sslcl"),
        ("from ..training import Trainer\nimport study", "sslcl.data"),
        ("from sslcl.training import Trainer", "tracking"),
        ("from sslcl import training", "tracking"),
        ("import search_spaces.loader", "tracking"),
        ("from study.plan import plan", "search_spaces"),
        ("import tracking", "search_spaces"),
    ],
)
def test_the_check_itself_finds_what_is_forbidden(source, package):
    assert forbidden(source, package)


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("from sslcl.config import TrialConfig", "tracking"),
        ("from sslcl import errors", "tracking"),
        ("from sslcl.data import CATALOG", "search_spaces"),
        ("import torch, numpy", "sslcl"),
        ("from . import _parts", "sslcl.backbones"),
        ("import ray, tracking.ledger, search_spaces, sslcl.training", "study"),
    ],
)
def test_the_check_itself_leaves_the_rest_alone(source, package):
    assert forbidden(source, package) == []


def test_the_library_loads_none_of_the_platform():
    script = (
        "import sys, sslcl.identity, sslcl.diagnostics;"
        f"print([m for m in {NOT_IN_SSLCL + PACKAGES!r} if m in sys.modules and m != 'sslcl'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_no_file_is_longer_than_can_be_read_at_one_sitting():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}
