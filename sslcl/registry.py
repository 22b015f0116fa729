"""Finding components by name: one file in the component's package is all it takes to add one."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Generic, TypeVar

from sslcl.errors import unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """The named subclasses of one base class in the modules of a package and its subpackages.

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

    @cached_property
    def _classes(self) -> dict[str, type[T]]:
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
        return dict(sorted(found.items()))

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
