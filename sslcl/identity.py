"""The identity of a trial: its configuration, its data and the code that trains it."""

import ast
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.objectives import OBJECTIVES
from sslcl.similarities import SIMILARITIES

_ROOT = "sslcl.training"
_REFERENCES = {"source", "published", "differs"}
"""Class attributes that say where a component comes from and compute nothing."""
_LOADING = "sslcl.data"
"""Not training code: what loading gives has a fingerprint of its own."""


def trial_identity(config: TrialConfig, data_fingerprint: str) -> str:
    """SHA-256 over configuration, data and training code, 64 hexadecimal digits.

    Two trials with the same identity compute the same thing, so one of them need not be run.
    """
    parts = (config.digest(), data_fingerprint, code_fingerprint(config))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def code_fingerprint(config: TrialConfig) -> str:
    """SHA-256 of the code that trains ``config``.

    Covers the modules of this package that the trainer imports, and those of the chosen backbone,
    similarity and objective, without comments, docstrings and layout: a new component, or a
    reworded comment, does not make old results stale; a changed formula does. The loading of data
    is not covered, because the data has a fingerprint of its own.
    """
    modules = {
        _ROOT,
        BACKBONES.get(config.backbone).__module__,
        OBJECTIVES.get(config.objective).__module__,
    }
    if "similarity" in config.canonical():
        modules.add(SIMILARITIES.get(config.similarity).__module__)
    return _fingerprint(frozenset(modules))


@cache
def _fingerprint(roots: frozenset[str]) -> str:
    digest = hashlib.sha256()
    for module in sorted(_closure(roots)):
        digest.update(f"{module}\n{_essence(module)}\n".encode())
    return digest.hexdigest()


def _closure(roots: frozenset[str]) -> set[str]:
    """The modules of this package that ``roots`` import, directly or not, and themselves."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(module))
    return found


@cache
def _imports(module: str) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module)
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    names.discard(_LOADING)
    return frozenset(name for name in names if name.startswith("sslcl.") and _path(name))


def _absolute(node: ast.ImportFrom, module: str) -> str:
    path = _path(module)
    package = module if path and path.name == "__init__.py" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


@cache
def _essence(module: str) -> str:
    tree = ast.parse(_source(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Strings that stand alone are documentation, and so are a class's own references.
            node.body = [child for child in body if not _is_documentation(child)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_documentation(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return names <= _REFERENCES and bool(names)
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _source(module: str) -> str:
    path = _path(module)
    return path.read_text(encoding="utf-8") if path else ""


@cache
def _path(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
