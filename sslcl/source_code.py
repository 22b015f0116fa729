"""What a module's results follow from: the code that it imports, directly or not."""

import ast
import hashlib
import importlib.util
from collections.abc import Collection
from functools import cache
from pathlib import Path

_REFERENCES = {"source", "published", "differs"}
"""Class attributes that say where a component comes from and compute nothing."""


@cache
def code_digest(
    roots: frozenset[str], packages: frozenset[str], without: frozenset[str] = frozenset()
) -> str:
    """SHA-256 of the modules that ``roots`` import, less comments, docstrings and layout.

    Args:
        roots: dotted names of modules.
        packages: dotted names; only modules inside these are followed.
        without: modules that are not followed.
    """
    digest = hashlib.sha256()
    for module in sorted(closure(roots, packages, without)):
        digest.update(f"{module}\n{essence(module)}\n".encode())
    return digest.hexdigest()


def files_digest(packages: Collection[str]) -> str:
    """SHA-256 of every Python file of ``packages`` as it is here, byte for byte.

    Tells whether two machines have the same version of them, however it was installed.

    Args:
        packages: names of packages that can be imported.
    """
    digest = hashlib.sha256()
    for package in sorted(packages):
        folder = package_folder(package)
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{file.relative_to(folder).as_posix()}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def package_folder(package: str) -> Path:
    """Where the files of a package are.

    Raises:
        ModuleNotFoundError: there is no such package.
    """
    path = _path(package)
    if path is None:
        raise ModuleNotFoundError(f"no package named '{package}'")
    return path.parent


def closure(
    roots: Collection[str], packages: Collection[str], without: Collection[str] = ()
) -> set[str]:
    """``roots`` and the modules inside ``packages`` that they import, directly or not."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [
                name
                for name in imports(module)
                if name not in without
                and any(f"{name}.".startswith(f"{package}.") for package in packages)
                and _path(name)
            ]
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """What ``module`` names in import statements, wherever they stand: modules and their names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module)
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return frozenset(names)


@cache
def essence(module: str) -> str:
    """The syntax tree of a module as text, without what documents it."""
    tree = ast.parse(_source(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Strings that stand alone are documentation, and so are a class's own references.
            node.body = [child for child in body if not _is_documentation(child)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _absolute(node: ast.ImportFrom, module: str) -> str:
    path = _path(module)
    package = module if path and path.name == "__init__.py" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


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
    except (ModuleNotFoundError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
