"""Components from outside this package: installed packages' entry points, and single files."""

import hashlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from sslcl.errors import InputError

PLUGINS_VARIABLE = "SSLCL_PLUGINS"
"""Environment variable that holds the plugin files, so that child processes load the same."""
CONTRACTS = {
    "sslcl.backbones": ("sslcl.backbones", "Backbone"),
    "sslcl.objectives": ("sslcl.objectives", "Objective"),
    "sslcl.similarities": ("sslcl.similarities", "Similarity"),
    "sslcl.formats": ("sslcl.data.formats", "Format"),
    "sslcl.datasets": ("sslcl.data.datasets", "DatasetSource"),
}
"""Group of entry points to the module and name of the class that its components derive from."""


def load(paths: Sequence[Path]) -> None:
    """Import plugin files, beside those already loaded, for this process and its children.

    Args:
        paths: Python files, each with at least one named component.

    Raises:
        InputError: when a file is missing, cannot be imported, has no component, or has the name
            of another plugin file. A component whose name is taken is refused by its registry.
    """
    files = list(dict.fromkeys([*remembered(), *(path.absolute() for path in paths)]))
    names: dict[str, Path] = {}
    for file in files:
        other = names.setdefault(module_name(file), file)
        if other != file:
            raise InputError(f"plugin {file} has the same name as plugin {other}: rename one")
        _module(file)
    if files:
        os.environ[PLUGINS_VARIABLE] = os.pathsep.join(map(str, files))


def remembered() -> tuple[Path, ...]:
    """The plugin files that the environment variable names."""
    value = os.environ.get(PLUGINS_VARIABLE, "")
    return tuple(Path(part).absolute() for part in value.split(os.pathsep) if part)


def module_name(path: Path) -> str:
    """The name under which a plugin file is imported, the same in every process."""
    return f"sslcl_plugin_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}"


def outside_components(group: str) -> list[type[Any]]:
    """The named classes that plugin files and entry points add to a group.

    Args:
        group: a group of entry points; one that is not in :data:`CONTRACTS` has none.

    Raises:
        InputError: one line naming the plugin file or the package that is broken.
    """
    if group not in CONTRACTS:
        return []
    classes: list[type[Any]] = []
    for file in remembered():
        classes += _components(_module(file), group)
    for entry in _entries(group):
        classes += _loaded(entry)
    return list(dict.fromkeys(classes))


def outside_content(groups: Sequence[str]) -> str:
    """SHA-256 of the files that define the outside components of ``groups``."""
    digest = hashlib.sha256()
    modules = {cls.__module__ for group in groups for cls in outside_components(group)}
    for name in sorted(modules):
        file = sys.modules[name].__file__
        digest.update(name.encode() + b"\0" + (Path(file).read_bytes() if file else b""))
    return digest.hexdigest()


def _module(path: Path) -> ModuleType:
    name = module_name(path)
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    if not os.path.isfile(path):  # pathlib raises for a name that is too long.
        raise InputError(f"no plugin file at {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path}: expected a Python file, its name ending in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"plugin {path}{_line(error, path)}: {_told(error)}") from error
    if not any(_components(module, group) for group in CONTRACTS):
        del sys.modules[name]
        kinds = ", ".join(contract for _, contract in CONTRACTS.values())
        raise InputError(
            f"plugin {path} has no component: expected a class with a name, derived from one of "
            f"{kinds}"
        )
    return module


def _line(error: Exception, path: Path) -> str:
    """``:N`` for the last line of the file that the error went through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _told(error: Exception) -> str:
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(f"{type(error).__name__}: {message}".split())


def _components(module: ModuleType, group: str) -> list[type[Any]]:
    """The group's named classes that the module itself defines."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and _is_component(value, group)
    ]


def _is_component(cls: type[Any], group: str) -> bool:
    contracts = [(parent.__module__, parent.__qualname__) for parent in cls.__mro__[1:]]
    return isinstance(cls.__dict__.get("name"), str) and CONTRACTS[group] in contracts


@cache
def _entries(group: str) -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)))


def _loaded(entry: EntryPoint) -> list[type[Any]]:
    """The class that an entry point names, or those in the module that it names."""
    package = entry.dist.name if entry.dist else "unknown"
    where = f"package '{package}', entry point '{entry.name}' of {entry.group}"
    try:
        target = entry.load()
    except Exception as error:
        raise InputError(f"{where}: cannot load {entry.value}: {_told(error)}") from error
    if isinstance(target, ModuleType):
        classes = _components(target, entry.group)
    else:
        fits = isinstance(target, type) and _is_component(target, entry.group)
        classes = [target] if fits else []
    if not classes:
        contract = CONTRACTS[entry.group][1]
        raise InputError(f"{where}: {entry.value} is no {contract} with a name, and holds none")
    return classes
