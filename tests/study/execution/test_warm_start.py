"""What a search starts from: the study file's own levels, and trials of earlier searches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from study.design.space import declared, draws
from study.design.tuning import search_of
from study.execution.trial_sources import OptunaSource
from study.execution.warm_start import earlier_trials
from tracking.ledger import Ledger
from tracking.records import Status

from .mortal import MortalMemory, open_ledger
from .simulated import DATA, SPACE, SimulatedData, make_study
from .simulator import World

SEARCH: dict[str, Any] = {"trials": 5, "sampler": "tpe"}
DECLARED: dict[str, Any] = {"objective": "sslcl", "similarity": "dot", "learning_rate": 1e-3}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def world(tmp_path: Path, ledger: Ledger) -> World:
    """A search that has ended, some of its trials pruned."""
    searched = World(tmp_path, ledger, make_study(search=SEARCH))
    assert searched.search()[0]
    return searched


def next_study(world: World, **changes: Any) -> None:
    world.study = make_study(**{"study": "next", "search": SEARCH, **changes})


def told_earlier(world: World) -> dict[str, optuna.trial.FrozenTrial]:
    """Trials of other searches that Optuna was told, by their id in the ledger."""
    assert world.storage is not None
    opened = optuna.load_study(study_name=search_of(world.study).name, storage=world.storage)
    known = [t for t in opened.get_trials() if "earlier_trial" in t.user_attrs]
    by_id = {str(trial.user_attrs["earlier_trial"]): trial for trial in known}
    assert len(by_id) == len(known), "a trial was told twice"
    return by_id


def told_params(world: World) -> dict[str, dict[str, Any]]:
    return {row_id: trial.params for row_id, trial in told_earlier(world).items()}


class TestDeclaredLevels:
    def test_the_first_trial_has_the_levels_of_the_base(self, world: World) -> None:
        assert world.study.assignment(world.rows()[0].config) == DECLARED
        assert world.told()[0].params == DECLARED

    def test_levels_that_the_base_gives_come_before_the_configurations_own(self) -> None:
        study = make_study(base={"epochs": 3, "objective": "cross_entropy"})
        expected = {"objective": "cross_entropy", "learning_rate": 1e-3}
        assert declared(search_of(study)) == expected

    def test_levels_outside_the_space_become_the_nearest(self) -> None:
        factors = {
            "learning_rate": {"low": 2e-3, "high": 1e-2, "log": True},
            "batch_size": {"low": 4, "high": 14, "step": 4},
            "dropout": {"low": 0.0, "high": 0.1},
            "backbone": ["transformer", "dialogue_gcn"],
        }
        nearest: dict[str, Any] = {"learning_rate": 2e-3, "batch_size": 12, "dropout": 0.1}
        expected = {**nearest, "backbone": "transformer"}
        tuning = search_of(make_study(factors=factors))
        assert declared(tuning) == expected
        assert draws(tuning, expected)

    def test_a_driver_that_dies_before_planning_them_tries_them_again(
        self, tmp_path: Path, ledger: Ledger
    ) -> None:
        world = World(tmp_path, ledger, make_study(search=SEARCH))
        with world.driver() as (opened, _):
            source = OptunaSource([search_of(world.study)], opened, world.url, DATA)
            source._searches[0]._ask_for(DECLARED)
        assert world.search()[0]
        world.check()
        assert world.study.assignment(world.rows()[0].config) == DECLARED


class TestEarlierTrials:
    def test_optuna_is_told_what_the_ledger_says_of_them(self, world: World) -> None:
        rows = {row.id: row for row in world.rows() if row.status.scored or row.score}
        assert {row.status for row in rows.values()} >= {Status.COMPLETE, Status.PRUNED}
        next_study(world)
        assert world.search()[0]
        world.check()
        told = told_earlier(world)
        assert set(told) == set(rows)
        for row_id, trial in told.items():
            row = rows[row_id]
            assert trial.params == world.study.assignment(row.config)
            if row.status is Status.COMPLETE:
                assert (trial.state, trial.value) == (TrialState.COMPLETE, row.score)
            else:
                assert trial.state is TrialState.PRUNED
                assert trial.intermediate_values == {row.epochs_run: row.score}

    def test_they_are_no_trials_of_the_new_search(self, world: World) -> None:
        next_study(world)
        with world.driver() as (ledger, _):
            source = OptunaSource([search_of(world.study)], ledger, world.url, DATA)
            assert source.earlier == 5
            assert source.remaining == 5
        assert world.search()[0]
        assert len(world.rows()) == 5

    @pytest.mark.parametrize("left", range(0, 40, 3))
    def test_none_is_told_twice_by_the_driver_after_one_that_died(
        self, world: World, left: int
    ) -> None:
        next_study(world)
        world.search(left)
        assert world.search()[0]
        world.check()
        assert len(told_earlier(world)) == 5

    def test_a_lost_optuna_file_gives_the_same_trials_again(self, world: World) -> None:
        next_study(world)
        assert world.search()[0]
        before = world.rows(), told_params(world)
        world.storage = MortalMemory()
        assert world.search()[0]
        world.check()
        assert (world.rows(), told_params(world)) == before

    def test_the_same_ledger_gives_the_same_search(self, world: World) -> None:
        world.workers = 1
        suggested = []
        for name in ("first", "second"):
            next_study(world, study=name, search={**SEARCH, "trials": 6})
            earlier = earlier_trials(world.ledger, search_of(world.study), DATA)
            world.storage = MortalMemory()
            with world.driver() as (ledger, _):
                source = OptunaSource([search_of(world.study)], ledger, world.url, DATA)
                planned = [source.next() for _ in range(3)]
            suggested.append((earlier, [trial and trial.config for trial in planned]))
        assert suggested[0] == suggested[1]

    def test_other_data_or_code_is_not_used(self, world: World) -> None:
        next_study(world)
        assert earlier_trials(world.ledger, search_of(world.study), DATA)
        other = SimulatedData("other data")
        assert earlier_trials(world.ledger, search_of(world.study), other) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"base": {"epochs": 4}},
            {"search": {**SEARCH, "seed": 1}},
            {"search": {**SEARCH, "warm_start": False}},
            {"factors": {**SPACE["factors"], "learning_rate": {"low": 0.1, "high": 1.0}}},
        ],
        ids=["another base", "another seed", "switched off", "outside the range"],
    )
    def test_what_this_search_would_not_compute_alike_is_not_used(
        self, world: World, changes: dict[str, Any]
    ) -> None:
        next_study(world, **changes)
        assert earlier_trials(world.ledger, search_of(world.study), DATA) == []

    def test_of_a_wider_space_those_with_the_levels_held_are_used(self, world: World) -> None:
        next_study(world, search={**SEARCH, "fixed": {"objective": "cross_entropy"}})
        used = earlier_trials(world.ledger, search_of(world.study), DATA)
        held = [row for row in world.ledger.trials("sim") if row.config.objective != "sslcl"]
        assert {row.id for row in used} == {row.id for row in held}
