"""Which seeds are trained as one program: the study file alone decides."""

from typing import Any

import pytest

from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.errors import InputError
from study.design.cell import Cell
from study.design.fresh_seeds import seed_groups
from tracking.records import Phase

FUSIBLE: dict[str, Any] = {"objective": "cross_entropy", "backbone": "utterance"}


def study(resources: dict[str, Any], **base: Any) -> Study:
    return parse_study(
        {
            "study": "s",
            "base": {**FUSIBLE, **base},
            "factors": {"hidden_size": [8, 16]},
            "ablate": {"factors": ["hidden_size"], "seeds": 5, "reference": {}},
            "resources": resources,
        },
        "s.yaml",
    )


def groups(study: Study) -> set[tuple[int, ...]]:
    return set(seed_groups(study, Phase.ABLATE, Cell("reference", {}), 5).values())


def test_groups_are_consecutive_and_of_like_sizes() -> None:
    assert groups(study({"fuse": 8})) == {(2001, 2002, 2003, 2004, 2005)}
    assert groups(study({"fuse": 4})) == {(2001, 2002), (2003, 2004, 2005)}


def test_no_group_goes_across_the_end_of_a_look() -> None:
    seeds = {"at_least": 3, "at_most": 9, "until": "verdict"}
    looks = study({"fuse": 8}).ablate
    assert looks is not None
    ablate = looks.model_copy(
        update={"seeds": type(looks).model_validate({**looks.model_dump(), "seeds": seeds}).seeds}
    )
    grown = study({"fuse": 8}).model_copy(update={"ablate": ablate})
    cell = Cell("reference", {})
    first = seed_groups(grown, Phase.ABLATE, cell, ablate.seed_looks[0])
    every = seed_groups(grown, Phase.ABLATE, cell, ablate.seed_looks[-1])
    assert first.items() <= every.items()
    assert {len(group) for group in first.values()} == {ablate.seed_looks[0]}


@pytest.mark.parametrize(
    ("resources", "base"),
    [
        ({}, {}),
        ({"fuse": 8, "gpus_per_trial": 1}, {}),
        ({"fuse": 8}, {"backbone": "m3net"}),
    ],
)
def test_trials_that_are_trained_alone(resources: dict[str, Any], base: dict[str, Any]) -> None:
    assert groups(study(resources, **base)) == {()}


def test_exclusive_trials_are_never_fused() -> None:
    with pytest.raises(InputError, match="fuse is 2 and exclusive is true"):
        study({"fuse": 2, "exclusive": True})


def test_a_group_is_part_of_the_configuration() -> None:
    single = study({}).base_config(1)
    fused = single.replace(fused_seeds=(0, 1))
    assert fused.digest() not in {single.digest(), single.replace(fused_seeds=(1, 0)).digest()}
    with pytest.raises(InputError, match="fused_seeds is 0, 2: expected seed 1 among them"):
        single.replace(fused_seeds=(0, 2))
