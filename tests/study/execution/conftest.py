"""Worlds of simulated trials, for the tests of searches and campaigns."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from tracking.ledger import Ledger

from .mortal import open_ledger
from .simulated import SimulatedData, make_study
from .simulator import MakeWorld, World
from .tuned import TUNED


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path_factory.mktemp("ledger"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def make_world(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> MakeWorld:
    """New worlds that share a ledger and nothing in it."""
    folder, numbers = tmp_path_factory.mktemp("worlds"), count()

    def make(content: dict[str, Any] = TUNED, **values: Any) -> World:
        name = f"world{next(numbers)}"
        study = make_study(**content, study=name)
        given = {"data": SimulatedData(name)} | values
        return World(folder / name, ledger, study, **given)

    return make


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return load_dataset("synthetic", {"conversations": 7})
