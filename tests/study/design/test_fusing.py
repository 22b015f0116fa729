"""Which seeds are trained as one program: the study file alone decides."""

from typing import Any

import pytest

from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.errors import InputError
from study.design.fusing import seed_groups

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
    return set(seed_groups(study, study.base_config(0), range(5)).values())


def test_groups_are_consecutive_and_of_like_sizes() -> None:
    assert groups(study({"fuse": 8})) == {(0, 1, 2, 3, 4)}
    assert groups(study({"fuse": 4})) == {(0, 1), (2, 3, 4)}


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
