"""Plans: which trials, how many, and which of them are the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import FIRST_FRESH_SEED, Categorical, Study
from search_spaces.schema import Ablate, Confirm, Search
from sslcl.config import TrialConfig, component_defaults
from study.design.ablation import Cells, ablation_cells
from study.design.data_facts import DataFacts
from study.design.fresh_seeds import fresh_seeds
from study.design.plan import (
    Winners,
    ablation_trials,
    confirm_trials,
    elapsed,
    plan,
    summarize,
)
from study.design.tuning import search_of
from tracking.records import Phase, PlannedTrial

few = settings(max_examples=30, deadline=None)

LEVELS: dict[str, tuple[Any, ...]] = {
    "backbone": ("recurrent", "transformer", "dialogue_gcn"),
    "objective": ("sslcl", "cross_entropy"),
    "similarity": ("soft_hgr", "soft_hgr_textbook", "dot", "cosine"),
    "label_embedding_depth": (0, 1, 2, 3, 4),
    "augmentation": ("none", "text", "text_plus_one", "all_subsets"),
    "batch_size": (4, 8, 16),
}
ONLY_SSLCL = ("similarity", "label_embedding_depth", "augmentation")


MODALITIES = ("text", "audio", "video")
DESIGNS = ("one_factor", "grid", "fractional", "leave_one_out")
"""Those with cells of their own."""


@dataclass(frozen=True)
class Data(DataFacts):
    """Data on which configurations are their own identities."""

    def identify(self, config: TrialConfig) -> str:
        return config.digest()


DATA = Data("data", MODALITIES)


def study_of(**content: Any) -> Study:
    return Study.model_validate({"study": "small", **content})


def cells_around(study: Study, reference: Mapping[str, Any], data: DataFacts = DATA) -> Cells:
    assert study.ablate is not None
    return ablation_cells(study, study.ablate, reference, data)


def trials_around(study: Study, reference: Mapping[str, Any]) -> list[PlannedTrial]:
    assert study.ablate is not None
    return ablation_trials(study, study.ablate, cells_around(study, reference).cells, DATA)


def confirmed(study: Study, winners: Sequence[Mapping[str, Any]]) -> list[PlannedTrial]:
    assert study.confirm is not None
    return confirm_trials(study, study.confirm, winners, DATA)


def make_study(
    levels: Mapping[str, tuple[Any, ...]] = LEVELS, seeds: int = 3, **changed: Any
) -> Study:
    factors = {
        name: Categorical(
            levels=values,
            when={"objective": ("sslcl",)} if name in ONLY_SSLCL and "objective" in levels else {},
        )
        for name, values in levels.items()
    }
    phases = {
        "search": Search(trials=6),
        "confirm": Confirm(top=2, seeds=seeds),
        "ablate": Ablate(factors=tuple(levels), seeds=seeds, **changed.pop("ablate", {})),
        **changed,
    }
    return study_of(base={"epochs": 2}, factors=factors, **phases)


REFERENCE: dict[str, Any] = {
    "backbone": "transformer",
    "objective": "sslcl",
    "similarity": "dot",
    "label_embedding_depth": 2,
    "augmentation": "text",
    "batch_size": 8,
}


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, tuple[Any, ...]]:
    """Some factors with some of their levels, ``objective`` always among them."""
    others = st.sampled_from([name for name in LEVELS if name != "objective"])
    names = draw(st.sets(others, min_size=1, max_size=3))
    found = {"objective": LEVELS["objective"]}
    for name in sorted(names):
        chosen = draw(st.sets(st.sampled_from(LEVELS[name]), min_size=1))
        found[name] = tuple(level for level in LEVELS[name] if level in chosen)
    return found


@st.composite
def studies(draw: st.DrawFn) -> tuple[Study, dict[str, Any]]:
    """A study and a reference in its space."""
    levels = draw(spaces())
    design = draw(st.sampled_from(DESIGNS))
    study = make_study(levels, draw(st.integers(1, 4)), ablate={"design": design})
    return study, {name: draw(st.sampled_from(values)) for name, values in levels.items()}


@few
@given(studies())
def test_every_cell_has_one_trial_for_each_of_the_same_fresh_seeds(
    drawn: tuple[Study, dict[str, Any]],
) -> None:
    study, reference = drawn
    assert study.ablate is not None
    trials = trials_around(study, reference)
    seeds = fresh_seeds(Phase.ABLATE, study.ablate.seed_looks[0])
    cells = Counter(trial.cell for trial in trials)
    assert len(trials) == len(cells) * len(seeds)
    for cell in cells:
        assert tuple(t.config.seed for t in trials if t.cell == cell) == seeds
    assert search_of(study).settings.seed not in seeds
    assert len({trial.id for trial in trials}) == len(trials)
    assert len({trial.identity for trial in trials}) == len(trials)
    assert trials[0].cell == "reference"
    assert trials[0].config == study.config(reference, seeds[0])


@few
@given(studies())
def test_ids_do_not_depend_on_the_order_of_keys(drawn: tuple[Study, dict[str, Any]]) -> None:
    study, reference = drawn
    turned = study.model_copy(
        update={
            "factors": dict(reversed(study.factors.items())),
            "base": dict(reversed(study.base.items())),
        }
    )
    backwards = dict(reversed(reference.items()))
    assert [trial.id for trial in trials_around(turned, backwards)] == [
        trial.id for trial in trials_around(study, reference)
    ]
    winners = [reference, {}]
    assert confirmed(turned, winners) == confirmed(study, winners)
    assert search_of(turned).id(3) == search_of(study).id(3)


@few
@given(spaces(), st.data())
def test_one_more_level_adds_cells_and_keeps_all_others(
    levels: dict[str, tuple[Any, ...]], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(levels)))
    more = {**levels, name: LEVELS[name]}
    reference = {key: values[0] for key, values in levels.items()}
    design = data.draw(st.sampled_from(["one_factor", "grid"]))
    before, after = (
        {t.id for t in trials_around(make_study(x, ablate={"design": design}), reference)}
        for x in (levels, more)
    )
    assert before <= after
    assert (len(after) > len(before)) == (more != levels)


@few
@given(studies())
def test_a_cell_of_one_factor_differs_from_the_reference_in_that_factor_alone(
    drawn: tuple[Study, dict[str, Any]],
) -> None:
    study, reference = drawn
    study = study.model_copy(
        update={"ablate": Ablate(factors=study.factor_names, design="one_factor")}
    )
    base = study.config(reference, 0).canonical()
    for cell in cells_around(study, reference).cells[1:]:
        (name,) = cell.changed
        config = study.config(cell.assignment, 0).canonical()
        follow = set(component_defaults("sslcl", "soft_hgr")) - {name}
        shared = (base.keys() & config.keys()) - follow
        assert [key for key in shared if base[key] != config[key]] == [name]


def test_one_factor_counts_and_names() -> None:
    trials = trials_around(make_study(), REFERENCE)
    names = list(dict.fromkeys(trial.cell for trial in trials))
    expected = ["reference"] + [
        f"{name}={level}"
        for name, levels in LEVELS.items()
        for level in levels
        if level != REFERENCE[name]
    ]
    assert names == expected
    assert len(trials) == 3 * (1 + 2 + 1 + 3 + 4 + 3 + 2)


def test_factors_that_the_reference_does_not_read_are_skipped_and_said() -> None:
    study = make_study()
    cells = cells_around(study, {**REFERENCE, "objective": "cross_entropy"})
    assert {name for cell in cells.cells for name in cell.changed} == {
        "backbone",
        "objective",
        "batch_size",
    }
    assert [note.split(":")[0] for note in cells.notes] == list(ONLY_SSLCL)
    assert all("objective=sslcl" in note for note in cells.notes)


def test_factors_that_a_cell_switches_on_are_as_in_the_reference_else_as_in_the_base() -> None:
    study = make_study()
    for similarity, expected in (({"similarity": "cosine"}, "cosine"), ({}, "soft_hgr")):
        reference = {"objective": "cross_entropy", **similarity}
        trials = trials_around(study, reference)
        cell = next(trial for trial in trials if trial.cell == "objective=sslcl")
        assert cell.config.similarity == expected


def test_grid_is_the_full_factorial_with_the_same_cells_once() -> None:
    study = make_study(ablate={"design": "grid"})
    cells = cells_around(study, REFERENCE).cells
    # Under cross-entropy the three factors that only SSLCL reads make no difference.
    assert len(cells) == 3 * 3 * (4 * 5 * 4 + 1)
    sslcl = product(*(LEVELS[name] for name in LEVELS if name != "objective"))
    assert len([c for c in cells if "cross_entropy" not in c.name]) == len(list(sslcl))
    assert cells[0].name == "reference"
    assert "backbone=recurrent, objective=cross_entropy, batch_size=4" in {c.name for c in cells}
    assert len({cell.name for cell in cells}) == len(cells)


def test_levels_that_train_the_same_are_one_cell_and_it_is_said() -> None:
    study = make_study({"batch_size": (4, 8, 16)})

    class Blind(DataFacts):
        def identify(self, config: TrialConfig) -> str:
            return "small" if config.batch_size < 16 else "large"

    cells = cells_around(study, {"batch_size": 16}, Blind("data"))
    assert [cell.name for cell in cells.cells] == ["reference", "batch_size=4"]
    assert cells.notes == ("batch_size=8: left out, it trains the same as batch_size=4",)


def test_ablation_of_a_range_uses_its_own_levels() -> None:
    study = make_study({"batch_size": (4, 8)})
    ablate = Ablate(factors=("batch_size",), levels={"batch_size": (2, 4)})
    cells = cells_around(study.model_copy(update={"ablate": ablate}), {"batch_size": 4})
    assert [cell.name for cell in cells.cells] == ["reference", "batch_size=2"]


def test_search_trials_have_one_seed_and_an_id_by_number_and_space() -> None:
    study = make_study()
    trials = [search_of(study).trial(number, REFERENCE, DATA) for number in range(2)]
    assert {trial.config.seed for trial in trials} == {0}
    assert len({trial.id for trial in trials}) == 2
    assert len({trial.identity for trial in trials}) == 1
    assert trials[0].id == search_of(study).id(0)
    assert search_of(make_study({"batch_size": (4,)})).id(0) != search_of(study).id(0)


def test_levels_fixed_in_the_search_are_not_the_samplers_to_choose() -> None:
    study = make_study(search=Search(trials=6, fixed={"objective": "cross_entropy"}))
    assert search_of(study).trial(0, REFERENCE, DATA).config.objective == "cross_entropy"
    ablation = plan(study, DATA).phases[-1]
    assert "objective=sslcl" in ablation.cells


def test_confirmed_winners_are_ranked_and_the_reference_is_trained_anew() -> None:
    study = make_study()
    trials = confirmed(study, [REFERENCE, {"backbone": "dialogue_gcn"}])
    assert [trial.cell for trial in trials[:2]] == ["rank1", "rank2"]
    reference = [t for t in trials_around(study, REFERENCE) if t.cell == "reference"]
    rank1 = [trial for trial in trials if trial.cell == "rank1"]
    unseeded = [[t.config.replace(seed=0) for t in cell] for cell in (rank1, reference)]
    assert unseeded[0] == unseeded[1], "it is the same configuration"
    assert not {t.identity for t in rank1} & {t.identity for t in reference}


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_no_phase_has_a_seed_of_another(confirm: int, ablate: int) -> None:
    confirming = set(fresh_seeds(Phase.CONFIRM, confirm))
    ablating = set(fresh_seeds(Phase.ABLATE, ablate))
    assert (len(confirming), len(ablating)) == (confirm, ablate)
    assert not confirming & ablating
    assert min(confirming) >= FIRST_FRESH_SEED, "the search's seed is below"


def test_summary_before_anything_ran() -> None:
    rows = summarize(plan(make_study(), DATA), set(), lambda phase, config: 2.0, workers=2)
    assert [row.phase for row in rows] == [Phase.SEARCH, Phase.CONFIRM, Phase.ABLATE]
    search, confirm, ablate = rows
    assert (search.trials, search.to_train, search.seconds) == (6, 6, 6.0)
    assert (confirm.cells, confirm.trials, confirm.to_train) == (2, 6, 6)
    # The reference is a confirmed configuration, trained anew with seeds that did not choose it.
    assert (ablate.cells, ablate.trials, ablate.shared, ablate.to_train) == (16, 48, 0, 48)
    assert ablate.seconds == 48.0
    assert (search.provisional, confirm.provisional, ablate.provisional) == (False, True, True)


def test_summary_of_a_finished_study_has_nothing_to_train() -> None:
    study = make_study()
    winners: list[dict[str, Any]] = [REFERENCE, {"backbone": "dialogue_gcn"}]
    finished = {search_of(study).id(number) for number in range(6)}
    finished |= {trial.identity for trial in confirmed(study, winners)}
    finished |= {trial.id for trial in trials_around(study, REFERENCE)}
    rows = summarize(plan(study, DATA, Winners(REFERENCE, winners)), finished)
    assert [row.to_train for row in rows] == [0, 0, 0]
    assert [row.finished for row in rows] == [6, 6, 48]
    assert not any(row.provisional for row in rows)


def test_a_named_reference_needs_no_search() -> None:
    study = make_study(ablate={"reference": {"objective": "sslcl"}}, search=None, confirm=None)
    (row,) = summarize(plan(study, DATA), set())
    assert (row.to_train, row.provisional, row.seconds) == (48, False, None)


def test_confirmation_without_a_search_confirms_the_base() -> None:
    study = make_study(search=None, confirm=Confirm(seeds=3))
    rows = summarize(plan(study, DATA), set())
    assert [(row.to_train, row.shared, row.provisional) for row in rows] == [
        (3, 0, False),
        (48, 0, False),
    ]


@few
@given(st.lists(st.floats(0.1, 100.0), max_size=12), st.integers(1, 5))
def test_trials_go_to_the_worker_that_is_free_first(lengths: list[float], workers: int) -> None:
    busy = [0.0] * workers
    for length in lengths:
        busy[busy.index(min(busy))] += length
    assert elapsed(lengths, workers) == max(busy)
