"""How many seeds a study file asks for."""

import pytest

from search_spaces.schema import Ablate, SeedLooks
from search_spaces.seeds import doubled


@pytest.mark.parametrize(
    ("at_least", "at_most", "looks"),
    [(5, 30, (5, 10, 20, 30)), (5, 20, (5, 10, 20)), (4, 5, (4, 5)), (3, 13, (3, 6, 12, 13))],
)
def test_looks_double_up_to_the_most(at_least: int, at_most: int, looks: tuple[int, ...]) -> None:
    assert doubled(at_least, at_most) == looks
    seeds = {"at_least": at_least, "at_most": at_most, "until": "verdict"}
    ablate = Ablate.model_validate({"seeds": seeds})
    assert isinstance(ablate.seeds, SeedLooks)
    assert ablate.seed_looks == looks
    assert Ablate.model_validate(ablate.model_dump(mode="json")) == ablate


def test_a_number_is_a_single_look() -> None:
    assert Ablate.model_validate({"seeds": 7}).seed_looks == (7,)


def test_looks_may_be_named() -> None:
    seeds = {"at_least": 6, "at_most": 15, "looks": [6, 9, 15]}
    assert Ablate.model_validate({"seeds": seeds}).seed_looks == (6, 9, 15)
