"""Every objective keeps the contract; a new one is tested as soon as its file exists."""

import pytest

from sslcl.objectives import OBJECTIVES
from sslcl.testing.objective_cases import configure
from sslcl.testing.objectives import ObjectiveContract

pytestmark = pytest.mark.medium

for _name in OBJECTIVES.names():
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (ObjectiveContract,), {"name": _name})


def test_cross_entropy_can_be_added_to_all_but_itself() -> None:
    unread = {
        name
        for name in OBJECTIVES.names()
        if "cross_entropy_weight" in OBJECTIVES.get(name).unread_fields(configure())
    }
    assert unread == {"cross_entropy"}
