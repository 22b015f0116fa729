"""Which trials are trained as one program: the study file and its cells alone decide."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.errors import InputError
from sslcl.fusion.compatibility import group_of, place_in_group, why_not_fusible
from study.design.ablation import ablation_cells
from study.design.cell import Cell
from study.design.data_facts import DataFacts
from study.design.fresh_seeds import (
    AUTO_PRODUCTS,
    Key,
    auto_members,
    grouped,
    seed_by_seed,
    step_products,
)
from study.design.plan import ablation_trials
from tracking.records import Phase

FUSIBLE: dict[str, Any] = {"objective": "cross_entropy", "backbone": "utterance"}
DATA = DataFacts("f" * 64, ("text", "audio"), widths=(32, 16), utterances=10.0)
RATES: dict[str, Any] = {"learning_rate": [1e-3, 3e-3], "weight_decay": [1e-4, 1e-2]}
WIDTHS: dict[str, Any] = {"hidden_size": [8, 16]}
LOOKS = {"at_least": 3, "at_most": 9, "until": "verdict"}


def study(resources: dict[str, Any], **base: Any) -> Study:
    return of_factors(resources, WIDTHS, base)


def of_factors(
    resources: dict[str, Any],
    factors: Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
    seeds: Any = 5,
) -> Study:
    return parse_study(
        {
            "study": "s",
            "base": {**FUSIBLE, **(base or {})},
            "factors": dict(factors),
            "ablate": {"factors": list(factors), "seeds": seeds, "reference": {}},
            "resources": resources,
        },
        "s.yaml",
    )


def groups(study: Study) -> set[tuple[int, ...]]:
    configs = of_cells(study, [Cell("reference", {})], 5)
    return {config.fused_seeds for config in configs.values()}


def of_cells(study: Study, cells: Sequence[Cell], seeds: int) -> dict[Key, TrialConfig]:
    """The configurations of so many seeds of each cell, with their groups."""
    given = seed_by_seed(Phase.ABLATE, cells, {cell.name: seeds for cell in cells})
    alone = {(cell.name, seed): cell.config(study, seed) for cell, seed in given}
    return grouped(study, Phase.ABLATE, alone, DATA)


def cells_of(study: Study) -> Sequence[Cell]:
    assert study.ablate is not None
    return ablation_cells(study, study.ablate, {}, DATA).cells


def programs(study: Study, seeds: int = 5) -> list[set[Key]]:
    """The cells and seeds of each program."""
    configs = of_cells(study, cells_of(study), seeds)
    together: dict[tuple[str, ...], set[Key]] = {}
    for key, config in configs.items():
        digests = tuple(member.digest() for member in group_of(config))
        together.setdefault(digests, set()).add(key)
    return list(together.values())


def test_groups_are_consecutive_and_of_like_sizes() -> None:
    assert groups(study({"fuse": 8})) == {(2001, 2002, 2003, 2004, 2005)}
    assert groups(study({"fuse": 4})) == {(2001, 2002), (2003, 2004, 2005)}


def test_cells_that_differ_in_numbers_only_share_a_program() -> None:
    several = {**RATES, "hidden_size": [64, 16]}
    sizes = [
        sorted(len({name for name, _ in program}) for program in programs(fused))
        for fused in (of_factors({"fuse": n}, several) for n in (5, 9, 10, 15, 64))
    ]
    # The reference and two rows of rates; the narrow model is always by itself.
    assert sizes == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 2], [1, 3], [1, 3]]
    together = programs(of_factors({"fuse": 15}, several))
    assert sorted(map(len, together)) == [5, 15]


def test_a_row_added_last_leaves_full_groups_as_they_are() -> None:
    few, more = (
        of_factors({"fuse": 10}, {"learning_rate": rates})
        for rates in ([1e-3, 2e-3, 3e-3], [1e-3, 2e-3, 3e-3, 4e-3])
    )
    before, after = ({t.id for t in trials_of(one)} for one in (few, more))
    assert len(before & after) == 10


def trials_of(study: Study) -> list[Any]:
    assert study.ablate is not None
    return ablation_trials(study, study.ablate, cells_of(study), DATA)


def test_every_member_names_the_whole_group_and_its_place() -> None:
    trials = trials_of(of_factors({"fuse": 15}, RATES))
    assert len({trial.group for trial in trials}) == 1
    assert len({trial.identity for trial in trials}) == len({trial.id for trial in trials}) == 15
    members = group_of(trials[0].config)
    assert why_not_fusible(members) is None
    assert [group_of(trial.config) for trial in trials] == [members] * 15
    assert sorted(place_in_group(trial.config) for trial in trials) == list(range(15))
    alone = {trial.config.replace(fused_seeds=(), fused_numbers={}).digest() for trial in trials}
    single = trials_of(of_factors({}, RATES))
    assert alone == {trial.config.digest() for trial in single}


def test_only_the_first_look_is_shared_by_cells() -> None:
    grown = of_factors({"fuse": 64}, RATES, seeds=LOOKS)
    assert grown.ablate is not None
    first, second, *_ = grown.ablate.seed_looks
    shared, *others = programs(grown, second)
    assert len(shared) == 3 * first
    assert [len({name for name, _ in program}) for program in others] == [1, 1, 1]
    assert programs(grown, first) == [shared]


def test_trials_that_differ_in_name_only_are_one_member() -> None:
    twins = [Cell("one", {}), Cell("two", {}), Cell("other", {"learning_rate": 3e-3})]
    configs = of_cells(of_factors({"fuse": 8}, RATES), twins, 2)
    assert {len(config.fused_seeds) for config in configs.values()} == {4}
    assert configs["one", 2001] == configs["two", 2001] != configs["other", 2001]


def test_no_group_goes_across_the_end_of_a_look() -> None:
    grown = of_factors({"fuse": 8}, WIDTHS, seeds=LOOKS)
    assert grown.ablate is not None
    looks = grown.ablate.seed_looks
    first, every = (of_cells(grown, [Cell("reference", {})], n) for n in looks[:2])
    assert first.items() <= every.items()
    assert {len(config.fused_seeds) for config in first.values()} == {looks[0]}


@pytest.mark.parametrize(
    ("resources", "base"),
    [
        ({}, {}),
        ({"fuse": 8, "gpus_per_trial": 1}, {}),
        ({"fuse": 8, "gpus_per_trial": "auto"}, {}),
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
    numbers = {"learning_rate": (1e-3, 1e-2)}
    assert single.replace(fused_seeds=(1, 1), fused_numbers=numbers).digest() != fused.digest()


@pytest.mark.parametrize(
    ("seeds", "numbers", "message"),
    [
        ((0, 2), {}, "fused_seeds is 0, 2: expected seed 1 among them and each once"),
        ((1, 1), {}, "fused_seeds is 1, 1: expected seed 1 among them and each once"),
        ((1, 1), {"learning_rate": (0.5, 0.1)}, "expected seed 1 with learning_rate 0.001 among"),
        ((0, 1), {"learning_rate": (0.5,)}, "fused_numbers.learning_rate has 1 numbers: expected"),
        ((0, 1), {"hidden_size": (8, 16)}, "fused_numbers: hidden_size is no field that holds"),
        ((0, 1), {"rate": (8, 16)}, "fused_numbers: rate is no field that holds a number"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(
    seeds: tuple[int, ...], numbers: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        TrialConfig(**FUSIBLE, seed=1).replace(fused_seeds=seeds, fused_numbers=numbers)


@pytest.mark.parametrize("fuse", [0, -1, 1.5, True, "many"])
def test_a_size_that_makes_no_sense_is_refused(fuse: object) -> None:
    reason = f"s.yaml: resources.fuse: {fuse!r} is neither a whole number greater than 0 nor auto"
    with pytest.raises(InputError, match=reason):
        study({"fuse": fuse})


@pytest.mark.parametrize(
    ("base", "products"),
    [
        # Utterances a step, width, views times width and widths of the features.
        ({"batch_size": 8, "hidden_size": 32}, 80 * 32 * (32 + 48)),
        ({"batch_size": 8, "hidden_size": 32, "modalities": ["audio"]}, 80 * 32 * (32 + 16)),
        ({"batch_size": 16, "objective": "sslcl"}, 160 * 64 * (2 * 64 + 48)),
        ({"batch_size": 64, "objective": "sslcl", "augmentation": "none"}, 640 * 64 * (64 + 48)),
        ({"batch_size": 16, "hidden_size": 512}, 160 * 512 * (512 + 48)),
        ({"batch_size": 64, "objective": "sslcl", "hidden_size": 256}, 640 * 256 * (512 + 48)),
    ],
)
def test_auto_makes_groups_where_steps_are_small(base: dict[str, Any], products: float) -> None:
    config = TrialConfig.parse({**FUSIBLE, **base})
    assert step_products(config, DATA) == products
    configs = {("reference", s): config.replace(seed=s) for s in range(2001, 2006)}
    decided = grouped(study({"fuse": "auto"}), Phase.CONFIRM, configs, DATA)
    sizes = {len(own.fused_seeds) for own in decided.values()}
    together = AUTO_PRODUCTS / products
    assert auto_members(config, DATA) == (min(int(together), 8) if together >= 5 else 1)
    assert sizes == ({5} if together >= 5 else {0})


def test_auto_leaves_what_has_no_fused_form_alone() -> None:
    assert groups(study({"fuse": "auto"}, backbone="m3net")) == {()}
    assert groups(study({"fuse": "auto", "gpus_per_trial": 0.5})) == {()}
    with pytest.raises(InputError, match="fuse is auto and exclusive is true"):
        study({"fuse": "auto", "exclusive": True})
