"""Finding components by name: in the files of their package, and in plugins."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from sslcl.errors import InputError, unknown
from sslcl.registry.plugins import outside_components, remembered

T = TypeVar("T")


class Registry(Generic[T]):
    """The named subclasses of one base class in the modules of a package and its subpackages.

    Plugin files and the entry points of installed packages add to them: the group of entry points
    is ``sslcl.`` and the last part of the package's name.

    A class takes part when it defines its own ``name``; modules whose name begins with an
    underscore, and classes without a name, are helpers.

    Args:
        kind: what the components are, as error messages call them, e.g. ``backbone``.
        package: dotted name of the package that holds one module per component.
        base: the class whose named subclasses are collected.
    """

    def __init__(self, kind: str, package: str, base: type[T]) -> None:
        self.kind = kind
        self.package = package
        self.base = base
        self._collected: dict[tuple[Path, ...], dict[str, type[T]]] = {}

    @property
    def _classes(self) -> dict[str, type[T]]:
        files = remembered()
        if files not in self._collected:
            self._collected[files] = self._with_plugins(self._shipped())
        return self._collected[files]

    def _with_plugins(self, shipped: dict[str, type[T]]) -> dict[str, type[T]]:
        classes: dict[str, type[Any]] = dict(shipped)
        for cls in outside_components(f"sslcl.{self.package.rpartition('.')[2]}"):
            other = classes.setdefault(cls.name, cls)
            if other is not cls:
                raise InputError(
                    f"{self.kind} '{cls.name}' of {cls.__module__}: the name is taken by "
                    f"{other.__module__}.{other.__qualname__}"
                )
        return dict(sorted(classes.items()))

    def _shipped(self) -> dict[str, type[T]]:
        path = importlib.import_module(self.package).__path__
        found: dict[str, type[T]] = {}
        prefix = f"{self.package}."
        for module in sorted(info.name for info in pkgutil.walk_packages(path, prefix)):
            if "._" not in module:
                importlib.import_module(module)
        for cls in _subclasses(self.base):
            name: Any = cls.__dict__.get("name")
            module = cls.__module__.removeprefix(prefix)
            ours = module != cls.__module__ and not module.startswith("_")
            if isinstance(name, str) and ours:
                if name in found and found[name] is not cls:
                    raise TypeError(f"two {self.kind} classes are named '{name}'")
                found[name] = cls
        return found

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(self._classes)

    def get(self, name: str, where: str = "") -> type[T]:
        """The class called ``name``.

        Raises:
            InputError: naming the nearest valid name, when there is no such component.
        """
        if name not in self._classes:
            raise unknown(self.kind, name, self._classes, where)
        return self._classes[name]


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)
