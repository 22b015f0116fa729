"""One file in a package is all it takes to add a component."""

import importlib
import itertools
from pathlib import Path
from typing import Any

import pytest

from sslcl.backbones import BACKBONES
from sslcl.data import CATALOG
from sslcl.data.published.corpora import RECORDS
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES
from sslcl.registry import Registry
from sslcl.similarities import SIMILARITIES

numbers = itertools.count()


COMPONENT = "from {here} import Base\nclass {cls}(Base):\n    name = '{name}'\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package that can be imported, under a name no other test uses."""
    folder = tmp_path / f"components_{next(numbers)}"
    folder.mkdir()
    (folder / "__init__.py").write_text("class Base: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def add(package: Path, module: str, cls: str, name: str) -> None:
    text = COMPONENT.format(here=package.name, cls=cls, name=name)
    (package / f"{module}.py").write_text(text)


def registry(package: Path) -> Registry[Any]:
    return Registry("part", package.name, importlib.import_module(package.name).Base)


def test_a_new_file_is_found(package: Path) -> None:
    add(package, "wheel", "Wheel", "wheel")
    assert registry(package).names() == ("wheel",)
    add(package, "axle", "Axle", "axle")
    assert registry(package).names() == ("axle", "wheel")
    assert registry(package).get("axle").__name__ == "Axle"


def test_an_unknown_name_is_refused_with_the_nearest_one(package: Path) -> None:
    add(package, "wheel", "Wheel", "wheel")
    with pytest.raises(InputError) as caught:
        registry(package).get("weel", "study 'mine'")
    assert str(caught.value) == (
        "unknown part 'weel' in study 'mine': did you mean 'wheel'? (valid: wheel)"
    )


def test_two_components_of_one_name_are_refused(package: Path) -> None:
    add(package, "wheel", "Wheel", "wheel")
    add(package, "other", "OtherWheel", "wheel")
    with pytest.raises(TypeError, match="two part classes are named 'wheel'"):
        registry(package).names()


def test_helpers_are_no_components(package: Path) -> None:
    add(package, "wheel", "Wheel", "wheel")
    (package / "_broken.py").write_text("raise RuntimeError('never imported')\n")
    add(package, "_parts", "Half", "half")
    (package / "plain.py").write_text(
        f"from {package.name}.wheel import Wheel\n"
        f"from {package.name}._parts import Half\nclass Bigger(Wheel): ...\n"
    )
    assert registry(package).names() == ("wheel",)


def test_a_component_may_be_a_folder(package: Path) -> None:
    (package / "big").mkdir()
    (package / "big" / "__init__.py").write_text(f"from {package.name}.big._model import Big\n")
    add(package, "big/_model", "Big", "big")
    assert registry(package).names() == ("big",)


def test_a_class_from_elsewhere_is_no_component(package: Path) -> None:
    add(package, "wheel", "Wheel", "wheel")
    found = registry(package)
    type("Foreign", (found.base,), {"name": "foreign"})
    assert found.names() == ("wheel",)


@pytest.mark.parametrize("shipped", [BACKBONES, OBJECTIVES, SIMILARITIES])
def test_what_ships_is_found_under_the_name_of_its_file(shipped: Registry[Any]) -> None:
    assert shipped.names()
    for name in shipped.names():
        assert shipped.get(name).__module__ == f"{shipped.package}.{name}"


def test_a_dataset_has_a_module_or_a_record_of_its_name() -> None:
    named = f"{CATALOG.package}.named"
    for name in CATALOG.names():
        expected = named if name in RECORDS and not RECORDS[name].own_reader else None
        assert CATALOG.get(name).__module__ == (expected or f"{CATALOG.package}.{name}")
    assert set(RECORDS) <= set(CATALOG.names())
