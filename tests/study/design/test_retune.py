"""Rows that tune a few factors anew: which searches, over what, and how alike they are."""

from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.config import TrialConfig
from study.design.data_facts import DataFacts
from study.design.fresh_seeds import fresh_seeds
from study.design.plan import Winners, plan, summarize
from study.design.retune import searched_cells
from study.design.space import declared, draws, suggest
from study.design.tuning import TunedCell, searches_of
from tracking.records import Phase

few = settings(max_examples=20, deadline=None)

CONTENT: dict[str, Any] = {
    "study": "rows",
    "base": {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8},
    "factors": {
        "objective": ["sslcl", "cross_entropy"],
        "similarity": {"levels": ["soft_hgr", "dot"], "when": {"objective": "sslcl"}},
        "batch_size": [4, 8, 16],
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "label_label_weight": {"low": 0.0, "high": 1.0},
        "scale": {"low": 0.5, "high": 8.0, "log": True},
    },
    "search": {"trials": 4, "sampler": "random"},
    "ablate": {
        "factors": ["objective", "similarity", "batch_size"],
        "retune": {"fields": ["learning_rate", "scale"], "trials": 3},
        "seeds": 2,
    },
}
REFERENCE: dict[str, Any] = {
    "objective": "sslcl",
    "similarity": "dot",
    "batch_size": 8,
    "learning_rate": 3e-3,
    "label_label_weight": 0.5,
    "scale": 2.0,
}


class Data(DataFacts):
    """Data on which configurations are their own identities."""

    def identify(self, config: TrialConfig) -> str:
        return config.digest()


DATA = Data("data")


def make(**ablate: Any) -> Study:
    return parse_study({**CONTENT, "ablate": {**CONTENT["ablate"], **ablate}}, "rows.yaml")


def cells_of(study: Study, reference: dict[str, Any] | None = None) -> dict[str, TunedCell]:
    assert study.ablate is not None
    cells, _ = searched_cells(study, study.ablate, reference or REFERENCE, DATA)
    return {cell.name: cell for cell in cells}


def notes_of(study: Study, reference: dict[str, Any] | None = None) -> tuple[str, ...]:
    assert study.ablate is not None
    return searched_cells(study, study.ablate, reference or REFERENCE, DATA)[1]


ROWS = [
    "reference",
    "objective=cross_entropy",
    "similarity=soft_hgr",
    "batch_size=4",
    "batch_size=16",
]


def test_every_row_of_one_factor_has_a_search_of_as_many_trials() -> None:
    cells = cells_of(make())
    assert list(cells) == ROWS
    assert {cell.tuning.settings.trials for cell in cells.values()} == {3}
    assert {cell.tuning.settings.seed for cell in cells.values()} == {0}
    assert len({cell.tuning.digest for cell in cells.values()}) == len(cells)


def test_the_first_trial_of_a_row_is_the_row_without_retuning() -> None:
    study = make()
    for cell in cells_of(study).values():
        first = cell.tuning.trial(0, declared(cell.tuning), DATA).config
        assert first == study.config({**REFERENCE, **cell.changed}, 0)


def test_a_field_is_drawn_only_where_it_is_read_and_the_rest_is_said() -> None:
    """The released form of Soft-HGR reads no scale; cross-entropy reads none of the label term."""
    study = make(retune=["learning_rate", "scale", "label_label_weight"])
    drawn = {name: set(cell.tuning.start or {}) for name, cell in cells_of(study).items()}
    everything = {"learning_rate", "scale", "label_label_weight"}
    assert drawn == {
        "reference": everything,
        "objective=cross_entropy": everything - {"label_label_weight"},
        "similarity=soft_hgr": everything - {"scale"},
        "batch_size=4": everything,
        "batch_size=16": everything,
    }
    assert notes_of(study) == (
        "scale: not retuned where it is not read: similarity=soft_hgr",
        "label_label_weight: not retuned where it is not read: objective=cross_entropy",
    )


def test_a_field_that_is_read_at_some_value_of_another_is_drawn() -> None:
    """The scale does nothing at the released logit scale, but other modes may be drawn."""
    content = {
        **CONTENT,
        "factors": {**CONTENT["factors"], "logit_scale": ["released", "fixed"]},
        "ablate": {**CONTENT["ablate"], "retune": ["logit_scale", "scale"]},
    }
    study = parse_study(content, "rows.yaml")
    cells = cells_of(study, {**REFERENCE, "logit_scale": "released"})
    assert {frozenset(cell.tuning.start or {}) for cell in cells.values()} == {
        frozenset({"logit_scale", "scale"})
    }


def test_a_row_that_reads_no_field_has_no_search_and_wins_as_it_is() -> None:
    study = make(retune=["label_label_weight"])
    cells = cells_of(study)
    cross_entropy = cells["objective=cross_entropy"]
    assert not cross_entropy.searched
    assert [tuning.cell for tuning in searches_of(cells.values())] == [
        name for name in ROWS if name != "objective=cross_entropy"
    ]
    won = cross_entropy.won(cross_entropy.tuning.held)
    expected = study.config({**REFERENCE, "objective": "cross_entropy"}, 7)
    assert won.config(study, 7) == expected


@few
@given(
    name=st.sampled_from(ROWS),
    rate=st.floats(1e-4, 1e-2),
    scale=st.floats(0.5, 8.0),
    seed=st.integers(0, 99),
)
def test_rows_differ_in_their_factor_and_the_retuned_fields_only(
    name: str, rate: float, scale: float, seed: int
) -> None:
    study = make()
    cell = cells_of(study)[name]
    drawn = suggest(cell.tuning, optuna.trial.FixedTrial({"learning_rate": rate, "scale": scale}))
    config = cell.tuning.trial(1, drawn, DATA).config
    own = study.config({**REFERENCE, **cell.changed}, config.seed)
    own_values, values = dict(own), dict(config)
    apart = {key for key in values if values[key] != own_values[key]}
    assert apart <= {"learning_rate", "scale"}
    # What stands for the row afterwards is the same with another seed.
    won = cell.won(study.assignment(config)).config(study, 2001 + seed)
    assert dict(won) == {**values, "seed": 2001 + seed}


def test_only_trials_of_the_same_cell_lie_in_its_space() -> None:
    tuning = cells_of(make())["reference"].tuning
    assert draws(tuning, {**REFERENCE, "learning_rate": 1e-3, "scale": 4.0})
    assert not draws(tuning, {**REFERENCE, "batch_size": 4})
    assert not draws(tuning, {**REFERENCE, "label_label_weight": 0.4})


@pytest.mark.parametrize(
    "changed", [{"batch_size": 4}, {"learning_rate": 1e-3}], ids=["held", "start"]
)
def test_another_reference_is_another_search(changed: dict[str, Any]) -> None:
    study = make()
    before, after = cells_of(study), cells_of(study, {**REFERENCE, **changed})
    name = "objective=cross_entropy"
    assert before[name].tuning.digest != after[name].tuning.digest


def test_another_level_of_the_ablation_leaves_the_searches_as_they_are() -> None:
    factors = {**CONTENT["factors"], "batch_size": [4, 8, 16, 32]}
    grown = parse_study({**CONTENT, "factors": factors}, "rows.yaml")
    before, after = cells_of(make()), cells_of(grown)
    assert {name: cell.tuning.digest for name, cell in before.items()}.items() < {
        name: cell.tuning.digest for name, cell in after.items()
    }.items()


class TestThePlan:
    def test_counts_a_search_for_every_row_and_seeds_that_no_search_has(self) -> None:
        study = make()
        planned = plan(study, DATA, Winners(reference=REFERENCE, confirmed=[REFERENCE]))
        by_phase = {phase.phase: phase for phase in planned.phases}
        assert list(by_phase) == [Phase.SEARCH, Phase.TUNE, Phase.ABLATE]
        tune, ablate = by_phase[Phase.TUNE], by_phase[Phase.ABLATE]
        assert len(tune.trials) == 3 * len(ROWS)
        assert tune.cells == tuple(ROWS)
        assert {trial.config.seed for trial in tune.trials} == {0}
        assert {t.config.seed for t in ablate.trials} == set(fresh_seeds(Phase.ABLATE, 2))
        assert len(ablate.trials) == 2 * len(ROWS)
        assert [row.to_train for row in summarize(planned, set())] == [4, 15, 10]

    def test_leaves_out_the_search_of_a_row_that_reads_no_field(self) -> None:
        planned = plan(make(retune=["label_label_weight"]), DATA, Winners(reference=REFERENCE))
        tune, ablate = planned.phases[1:]
        assert "objective=cross_entropy" not in tune.cells
        assert "objective=cross_entropy" in ablate.cells
