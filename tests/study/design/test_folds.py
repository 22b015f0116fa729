"""A study on folds: its parts, cells of the same names in all of them, and its plan."""

from dataclasses import replace
from typing import Any

import pytest

from search_spaces import Study
from search_spaces.checks import parse_study
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.errors import InputError
from study.design.cell import REFERENCE
from study.design.data_facts import DataFacts
from study.design.folds import cells_of_parts, divided, parts_of, plan_of_parts, seed_by_seed
from study.design.plan import Winners, ablation_trials, summarize
from study.design.tuning import search_of
from tracking.records import Phase

CONTENT: dict[str, Any] = {
    "study": "small",
    "folds": 3,
    "factors": {
        "objective": ["sslcl", "cross_entropy"],
        "similarity": {"levels": ["dot", "cosine"], "when": {"objective": "sslcl"}},
        "batch_size": [8, 16],
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    },
    "search": {"trials": 4},
    "confirm": {"top": 2, "seeds": 2},
    "ablate": {"factors": ["objective", "similarity"], "seeds": 2},
}
WON: tuple[dict[str, Any], ...] = (
    {"objective": "sslcl", "similarity": "dot", "batch_size": 8, "learning_rate": 1e-3},
    {"objective": "sslcl", "similarity": "cosine", "batch_size": 16, "learning_rate": 2e-3},
    {"objective": "cross_entropy", "batch_size": 16, "learning_rate": 3e-3},
)


class Data(DataFacts):
    """Data on which configurations are their own identities."""

    def identify(self, config: TrialConfig) -> str:
        return config.digest()


DATA = Data("data", ("text", "audio"), ("1", "2", "3"))


def study_of(**changes: Any) -> Study:
    return parse_study({**CONTENT, **changes}, "small.yaml")


def ablate(**changes: Any) -> dict[str, Any]:
    return {**CONTENT["ablate"], **changes}


class TestTheFileOrTheData:
    def test_says_how_the_corpus_is_divided(self) -> None:
        plain = load_dataset("synthetic", {"conversations": 14})
        study = study_of(folds=None)
        assert divided(study, plain) == (study, plain)
        asked, data = divided(study_of(), plain)
        assert (asked.folds, len(data.folds)) == ("3", 3)

    def test_of_its_owner_counts_where_the_file_says_nothing(self) -> None:
        owned = replace(load_dataset("synthetic", {"conversations": 14}), own_folds="2")
        assert divided(study_of(folds=None), owned)[0].folds == "2"
        assert divided(study_of(), owned)[0].folds == "3"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"folds": 1}, "folds is 1"),
            ({"fold": "1"}, "unknown key 'fold'"),
            ({"base": {"folds": 3}}, "write folds at the top"),
            ({"base": {"fold": "1"}}, "every fold is trained"),
            ({"factors": {"fold": ["1", "2"]}}, "every fold is trained"),
        ],
    )
    def test_is_refused_in_one_line(self, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(InputError, match=words) as refused:
            study_of(**changes)
        assert "\n" not in str(refused.value)

    def test_is_kept_in_the_canonical_form_and_only_there(self) -> None:
        study = study_of()
        assert Study.model_validate(study.canonical()) == study
        assert study.on_fold("2").canonical() == study.canonical()
        assert "folds" not in study_of(folds=None).canonical()


def test_every_fold_has_its_own_search_and_trials() -> None:
    parts = parts_of(study_of(), DATA)
    assert [part.config({}, 1).fold for part in parts] == ["1", "2", "3"]
    searches = [search_of(part) for part in parts]
    assert len({search.digest for search in searches}) == 3
    assert len({search.id(0) for search in searches}) == 3
    assert parts_of(study_of(folds=None), Data("data")) == (study_of(folds=None),)


def cells(study: Study) -> list[dict[str, dict[str, Any]]]:
    parts = parts_of(study, DATA)
    assert study.ablate is not None
    return [
        {c.name: c.config(part, 0).canonical() for c in own.cells}
        for part, own in zip(parts, cells_of_parts(parts, study.ablate, WON, DATA), strict=True)
    ]


@pytest.mark.parametrize("design", ["one_factor", "leave_one_out", "grid", "fractional"])
def test_all_folds_have_the_cells_of_any(design: str) -> None:
    own = cells(study_of(ablate=ablate(design=design)))
    assert len({tuple(part) for part in own}) == 1
    assert next(iter(own[0])) == REFERENCE
    assert len(own[0]) > 1


def test_a_cell_that_changes_nothing_in_a_fold_is_its_reference() -> None:
    first, second, third = cells(study_of())
    assert first["similarity=dot"] == first[REFERENCE] != first["similarity=cosine"]
    assert second["similarity=cosine"] == second[REFERENCE] != second["similarity=dot"]
    # Cross-entropy reads no similarity.
    assert third["similarity=dot"] == third["similarity=cosine"] == third[REFERENCE]
    assert third["objective=cross_entropy"] == third[REFERENCE] != third["objective=sslcl"]
    for own, won in zip((first, second, third), WON, strict=True):
        assert all(cell["learning_rate"] == won["learning_rate"] for cell in own.values())


@pytest.mark.parametrize("design", ["grid", "fractional"])
def test_crossed_factors_have_the_same_levels_in_every_fold(design: str) -> None:
    factors = ["objective", "batch_size"]
    own = cells(study_of(ablate=ablate(design=design, factors=factors)))
    for name in own[0]:
        assert len({(part[name]["objective"], part[name]["batch_size"]) for part in own}) == 1
    assert len({part[REFERENCE]["learning_rate"] for part in own}) == 3


def test_the_plan_counts_all_folds() -> None:
    planned = plan_of_parts(study_of(), DATA, [Winners()] * 3)
    by_phase = {line.phase: line for line in summarize(planned, set())}
    assert by_phase[Phase.SEARCH].to_train == 3 * 4
    assert by_phase[Phase.CONFIRM].to_train == 3 * 2 * 2
    assert by_phase[Phase.ABLATE].cells == 3
    assert by_phase[Phase.ABLATE].trials == 3 * 3 * 2
    ids = [trial.id for phase in planned.phases for trial in phase.trials]
    assert len(ids) == len(set(ids))


def test_the_plan_with_winners_is_what_is_trained() -> None:
    study = study_of()
    assert study.ablate is not None
    winners = [Winners(won, [won]) for won in WON]
    planned = plan_of_parts(study, DATA, winners)
    parts = parts_of(study, DATA)
    trained = seed_by_seed(
        ablation_trials(part, study.ablate, own.cells, DATA)
        for part, own in zip(parts, cells_of_parts(parts, study.ablate, WON, DATA), strict=True)
    )
    assert {t.id for t in planned.phases[-1].trials} == {t.id for t in trained}
    seeds = [trial.config.seed for trial in trained]
    assert seeds == sorted(seeds)


def test_tuned_cells_are_searched_in_every_fold() -> None:
    study = study_of(
        search=None,
        confirm=None,
        ablate=ablate(
            design="tuned", factors=["objective"], trials=2, reference={"objective": "sslcl"}
        ),
    )
    planned = plan_of_parts(study, DATA, [Winners()] * 3)
    tune, tested = planned.phases
    assert len(tune.trials) == 3 * 2 * 2
    assert len({trial.id for trial in tune.trials}) == 12
    assert len(tested.trials) == 3 * 2 * 2
