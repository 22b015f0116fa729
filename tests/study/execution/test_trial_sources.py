"""Optuna as a source of trials: what is suggested, what is told, and what survives."""

import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial, TrialState

from search_spaces.schema import Study
from sslcl.config import TrialConfig
from study.design.space import suggest
from study.design.tuning import search_of
from study.execution.trial_sources import ListSource, OptunaSource
from study.execution.winner import best_of_search
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status
from tracking.rows import TrialRow

from .mortal import MortalMemory, open_ledger
from .simulated import DATA, SPACE, SimulatedData, fates, make_study, outcome
from .simulator import World

TWO_LEVELS: dict[str, Any] = {"factors": {"objective": ["sslcl", "cross_entropy"]}}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def world(tmp_path: Path, ledger: Ledger) -> World:
    return World(tmp_path, ledger)


def searched(world: World, **changes: Any) -> list[TrialRow]:
    """Search to the end with a study changed so."""
    world.study = make_study(**changes)
    assert world.search()[0]
    world.check()
    return world.rows()


class TestAskingAndTelling:
    def test_a_suggestion_is_in_the_ledger_before_it_is_given_out(self, world: World) -> None:
        with world.driver() as (ledger, _):
            source = OptunaSource([search_of(world.study)], ledger, world.url, DATA)
            assert source.remaining == 4
            planned = source.next()
            assert planned is not None
            row = ledger.trial(planned.id)
            assert source.remaining == 3
        assert (row.status, row.number, row.config) == (Status.PLANNED, 0, planned.config)

    def test_it_gives_out_as_many_as_the_study_asks_for(self, world: World) -> None:
        with world.driver() as (ledger, _):
            source = OptunaSource([search_of(world.study)], ledger, world.url, DATA)
            given_out = [source.next() for _ in range(6)]
        assert [planned and planned.number for planned in given_out] == [0, 1, 2, 3, None, None]

    def test_ends_and_the_last_epoch_of_pruned_trials_are_told_to_optuna(
        self, world: World
    ) -> None:
        world.fate = fates(1, 0.4)
        rows = searched(world, search={"trials": 8, "sampler": "random", "seed": 1})
        assert {row.status for row in rows} == {Status.COMPLETE, Status.PRUNED, Status.FAILED}
        for row in rows:
            trial = world.told()[row.number or 0]
            points = world.ledger.epoch_metrics(row.id)
            scores = {p.epoch: p.value for p in points if p.metric == "validation_weighted_f1"}
            last = {max(scores): scores[max(scores)]} if row.status is Status.PRUNED else {}
            assert trial.intermediate_values == last
            assert trial.user_attrs["ledger_trial"] == row.id
            assert trial.user_attrs.get("failure") == row.failure
            assert world.study.assignment(row.config) == trial.params

    def test_a_last_epoch_that_a_dead_driver_reported_is_not_reported_again(
        self, world: World
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with world.driver() as (ledger, _):
                source = OptunaSource([search_of(world.study)], ledger, world.url, DATA)
                trial = source.next()
                assert trial is not None
                ledger.start(trial.id)
                for epoch in (1, 2):
                    ledger.record_epoch(trial.id, epoch, {"validation_weighted_f1": epoch / 10})
                ledger.prune(trial.id, outcome(trial.config, 2))
                source._searches[0]._live[trial.id].report(0.2, 2)
            with world.driver() as (ledger, _):
                OptunaSource([search_of(world.study)], ledger, world.url, DATA)
        told = world.told()[0]
        assert (told.state, told.intermediate_values) == (TrialState.PRUNED, {2: 0.2})

    def test_a_list_gives_out_its_trials_in_order(self) -> None:
        trials = [object(), object()]
        source = ListSource(trials)  # type: ignore[arg-type]
        assert [source.next() for _ in range(3)] == [*trials, None]

    def test_a_study_without_a_search_is_refused(self) -> None:
        confirm = make_study(search=None, confirm={"top": 1, "seeds": 1})
        with pytest.raises(ValueError, match="no search phase"):
            search_of(confirm)


class TestWhatIsSuggested:
    def test_levels_fixed_in_the_search_are_never_sampled(self, world: World) -> None:
        search = {"trials": 6, "sampler": "random", "fixed": {"objective": "cross_entropy"}}
        rows = searched(world, search=search)
        assert {row.config.objective for row in rows} == {"cross_entropy"}
        assert all("objective" not in trial.params for trial in world.told().values())
        assert all("similarity" not in trial.params for trial in world.told().values())

    @pytest.mark.parametrize("sampler", ["random", "tpe"])
    def test_conditional_factors_are_sampled_where_they_are_active(
        self, world: World, sampler: str
    ) -> None:
        rows = searched(world, search={"trials": 12, "sampler": sampler})
        objectives = {row.number: row.config.objective for row in rows}
        assert set(objectives.values()) == {"sslcl", "cross_entropy"}
        for number, trial in world.told().items():
            assert ("similarity" in trial.params) == (objectives[number] == "sslcl")
            assert ("weight_decay" in trial.params) is False

    @settings(max_examples=30, deadline=None)
    @given(
        objective=st.sampled_from(["sslcl", "cross_entropy"]),
        similarity=st.sampled_from(["dot", "cosine"]),
        rate=st.floats(1e-4, 1e-2),
        size=st.sampled_from([16, 32, 48]),
        dropout=st.sampled_from([0.0, 0.25, 0.5]),
    )
    def test_what_is_drawn_is_what_the_trial_is_given_and_gives_back(
        self, objective: str, similarity: str, rate: float, size: int, dropout: float
    ) -> None:
        factors = {
            **SPACE["factors"],
            "hidden_size": {"low": 16, "high": 48, "step": 16},
            "dropout": {"low": 0.0, "high": 0.5, "step": 0.25},
        }
        study = make_study(factors=factors)
        drawn = {"objective": objective, "learning_rate": rate, "hidden_size": size}
        drawn |= {"dropout": dropout, "similarity": similarity}
        suggested = suggest(search_of(study), FixedTrial(drawn))
        if objective == "cross_entropy":
            del drawn["similarity"]
        assert suggested == drawn
        assert study.assignment(study.config(suggested, 0)) == drawn


class TestDuplicates:
    def test_a_suggestion_that_is_complete_is_cached_and_told_complete(self, world: World) -> None:
        rows = searched(world, **TWO_LEVELS, search={"trials": 6, "sampler": "random"})
        cached = [row for row in rows if row.status is Status.CACHED]
        assert cached
        complete = {row.id: row for row in rows if row.status is Status.COMPLETE}
        for row in cached:
            original = complete[str(row.original)]
            assert (row.identity, row.score) == (original.identity, original.score)
            told = world.told()[row.number or 0]
            assert (told.state, told.value) == (TrialState.COMPLETE, original.score)

    def test_another_study_with_the_same_trials_trains_none(self, world: World) -> None:
        world.reduction = None
        searched(world, **TWO_LEVELS, search={"trials": 6, "sampler": "random"})
        rows = searched(
            world, **TWO_LEVELS, study="other", search={"trials": 6, "sampler": "random"}
        )
        assert {row.status for row in rows} == {Status.CACHED}


class TestAChangedStudy:
    def test_more_trials_are_added_to_those_there_are(self, world: World) -> None:
        before = searched(world, search={"trials": 3, "sampler": "random"})
        after = searched(world, search={"trials": 5, "sampler": "random"})
        assert after[:3] == before
        assert len({row.identity for row in after}) == 5, "the first guesses were repeated"

    def test_fewer_trials_drop_none(self, world: World) -> None:
        before = searched(world, search={"trials": 3, "sampler": "random"})
        world.study = make_study(search={"trials": 2, "sampler": "random"})
        assert world.search()[0]
        assert world.rows() == before

    def test_another_space_is_another_optuna_study_and_mixes_no_rows(self, world: World) -> None:
        first = searched(world, search={"trials": 3, "sampler": "random"})
        narrow = searched(world, **TWO_LEVELS, search={"trials": 3, "sampler": "random"})
        assert not {row.id for row in first} & {row.id for row in narrow}
        chosen = best_of_search(world.ledger, world.study, 9)
        assert {frozenset(levels) for levels in chosen} == {frozenset({"objective"})}
        assert {frozenset(trial.params) for trial in world.told().values()} == {
            frozenset({"objective"})
        }

    def test_back_in_the_first_space_its_trials_are_there_again(self, world: World) -> None:
        first = searched(world, search={"trials": 3, "sampler": "random"})
        searched(world, **TWO_LEVELS, search={"trials": 3, "sampler": "random"})
        again = searched(world, search={"trials": 3, "sampler": "random"})
        assert [(r.id, r.score, r.attempts) for r in again] == [
            (r.id, r.score, r.attempts) for r in first
        ]

    def test_a_trial_left_open_in_another_space_is_not_what_the_study_asks_for(
        self, world: World
    ) -> None:
        assert not world.search(8)[0]
        assert world.rows()
        rows = searched(world, **TWO_LEVELS, search={"trials": 3, "sampler": "random"})
        assert all(row.status.final for row in rows)
        left = world.ledger.trials(world.study.name, current=False)
        assert {row.status for row in left} == {Status.PLANNED}

    @pytest.mark.parametrize("left", [9, 13])
    def test_an_open_trial_whose_code_has_changed_fails_and_says_so(
        self, world: World, left: int
    ) -> None:
        assert not world.search(left)[0]
        open_before = [row for row in world.rows() if not row.status.final]
        assert open_before
        world.data = SimulatedData("new code")
        assert world.search()[0]
        world.check()
        for before in open_before:
            row = world.ledger.trial(before.id)
            assert (row.status, row.failure) == (Status.FAILED, FailureKind.ERROR)
            assert "have changed since it was planned" in str(row.message)
            assert world.told()[row.number or 0].state is TrialState.FAIL


class TestWhenTheFilesDisagree:
    def finish(self, ledger: Ledger, trial: PlannedTrial) -> None:
        ledger.start(trial.id)
        ledger.complete(trial.id, outcome(trial.config, 3, ("validation",)))

    def test_optuna_ahead_of_the_ledger_trains_again(self, world: World) -> None:
        """A power cut may take the ledger's last writes and leave Optuna's."""
        with world.driver() as (ledger, _):
            source = OptunaSource([search_of(world.study)], ledger, world.url, DATA)
            planned = source.next()
            assert planned is not None
            source._searches[0]._live[planned.id].study.tell(0, 0.5)
        assert world.search()[0]
        rows = world.rows()
        assert [row.number for row in rows] == [0, 1, 2, 3]
        assert all(row.status.final for row in rows)
        assert rows[0].attempts == 1

    @pytest.mark.parametrize("left", [None, 10, 24])
    def test_a_lost_optuna_file_is_written_anew_from_the_ledger(
        self, world: World, left: int | None
    ) -> None:
        world.search(left)
        before = {row.number: row for row in world.rows()}
        params: Mapping[int, Any] = {n: t.params for n, t in world.told().items()}
        world.storage = MortalMemory()
        assert world.search()[0]
        world.check()
        after = world.rows()
        assert len({row.identity for row in after}) == 4, "the first guesses were repeated"
        for row in after:
            known = before.get(row.number)
            if known is not None:
                assert row.id == known.id
                assert world.told()[row.number or 0].params == params[row.number or 0]
            if known is not None and known.status.final:
                assert row == known

    def test_a_suggestion_that_never_reached_the_ledger_is_told_fail(self, world: World) -> None:
        with world.driver() as (ledger, _):
            OptunaSource([search_of(world.study)], ledger, world.url, DATA)._searches[
                0
            ]._optuna.ask()
        assert world.search()[0]
        world.check()
        assert world.told()[0].state is TrialState.FAIL
        assert [row.number for row in world.rows()] == [1, 2, 3, 4]

    def test_what_the_ledger_finished_is_told_by_the_next_driver(self, world: World) -> None:
        with world.driver() as (ledger, _):
            planned = OptunaSource([search_of(world.study)], ledger, world.url, DATA).next()
            assert planned is not None
            self.finish(ledger, planned)
        with world.driver() as (ledger, _):
            source = OptunaSource([search_of(world.study)], ledger, world.url, DATA)
            assert source.remaining == 3
        row = world.ledger.trial(planned.id)
        told = world.told()[0]
        assert (told.state, told.value) == (TrialState.COMPLETE, row.score)


def test_optunas_file_is_one_that_its_dashboard_opens(tmp_path: Path, ledger: Ledger) -> None:
    import optuna

    study: Study = make_study(search={"trials": 2, "sampler": "tpe"})
    world = World(tmp_path, ledger, study, storage=None)
    assert world.search()[0]
    world.check()
    names = optuna.get_all_study_names(world.url)
    assert names == [f"sim/{study.space_digest()}"]
    with closing(sqlite3.connect(world.home.optuna)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_group_is_given_out_at_once_and_its_doubles_later() -> None:
    def planned(number: int, group: str | None, identity: str = "") -> PlannedTrial:
        return PlannedTrial(
            f"id {number}",
            Phase.ABLATE,
            "cell",
            identity or f"identity {number}",
            TrialConfig(),
            group=group,
        )

    first, alone, second = planned(1, "g"), planned(2, None), planned(3, "g")
    double, other = planned(4, "g", "identity 3"), planned(5, "h")
    source = ListSource([first, alone, second, double, other])
    assert source.next() is first
    assert source.rest_of_group(first) == [second]
    assert [source.next() for _ in range(3)] == [alone, double, other]
    assert source.rest_of_group(alone) == ()
