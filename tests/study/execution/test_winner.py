"""The winner: chosen on validation, over seeds, whatever the test split says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.schema import Study
from study.design.plan import confirm_trials
from study.design.tuning import search_of
from study.execution.winner import (
    NothingToCompare,
    best_of_search,
    tuning_rows,
    winner_of_confirmation,
)
from tracking.ledger import Ledger
from tracking.records import Evaluation, FailureKind, Phase, PlannedTrial

from .mortal import open_ledger
from .simulated import DATA, make_study, outcome, put_study

SPACE: dict[str, Any] = {"factors": {"batch_size": [4, 8, 16, 32]}, "search": {"trials": 6}}
LEVELS = [4, 8, 16, 32]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


def finish(ledger: Ledger, trial: PlannedTrial, score: float, test: float = 0.5) -> None:
    """Complete a trial with a validation score, and a test score that must not matter."""
    made = outcome(trial.config, 3, ("validation", "test"))
    shown = {"validation": score, "test": test}

    def scored(evaluation: Evaluation) -> Evaluation:
        return replace(evaluation, metrics={"weighted_f1": shown[evaluation.split]})

    evaluations = tuple(map(scored, made.evaluations))
    ledger.start(trial.id)
    ledger.complete(trial.id, replace(made, score=score, evaluations=evaluations))


class Search:
    """A search whose trials end as told."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.study = ledger, make_study(**SPACE)
        put_study(ledger, self.study)
        self._number = 0

    def plan(self, batch_size: int) -> PlannedTrial:
        trial = search_of(self.study).trial(self._number, {"batch_size": batch_size}, DATA)
        self.ledger.plan(self.study.name, Phase.SEARCH, [trial], replace=False)
        self._number += 1
        return trial

    def add(self, batch_size: int, score: float, test: float = 0.5) -> PlannedTrial:
        trial = self.plan(batch_size)
        finish(self.ledger, trial, score, test)
        return trial

    def best(self, top: int = 9) -> list[Any]:
        return [levels["batch_size"] for levels in best_of_search(self.ledger, self.study, top)]


@pytest.fixture
def search(ledger: Ledger) -> Search:
    return Search(ledger)


class TestSearch:
    def test_best_first_and_no_more_than_asked_for(self, search: Search) -> None:
        for level, score in zip(LEVELS, (0.3, 0.7, 0.5, 0.6), strict=True):
            search.add(level, score)
        assert search.best() == [8, 32, 16, 4]
        assert search.best(2) == [8, 32]

    def test_of_equals_the_one_that_was_suggested_first(self, search: Search) -> None:
        for level in (16, 4, 32, 8):
            search.add(level, 0.5)
        assert search.best() == [16, 4, 32, 8]

    def test_the_same_configuration_counts_once(self, search: Search) -> None:
        original = search.add(8, 0.7)
        copy = search.plan(8)
        search.ledger.cache(copy.id, original.id)
        search.add(4, 0.6)
        assert search.best(2) == [8, 4]

    def test_a_trial_taken_from_another_study_counts(self, search: Search) -> None:
        other = make_study(**SPACE, study="other")
        put_study(search.ledger, other)
        original = search_of(other).trial(0, {"batch_size": 32}, DATA)
        search.ledger.plan("other", Phase.SEARCH, [original], replace=False)
        finish(search.ledger, original, 0.9)
        search.ledger.cache(search.plan(32).id, original.id)
        search.add(4, 0.6)
        assert search.best() == [32, 4]

    def test_failed_pruned_and_open_trials_do_not(self, search: Search) -> None:
        failed, pruned = search.plan(4), search.plan(8)
        search.ledger.start(failed.id)
        search.ledger.fail(failed.id, FailureKind.NAN, "loss is not finite")
        search.ledger.start(pruned.id)
        search.ledger.prune(pruned.id, replace(outcome(pruned.config, 1), score=0.99))
        search.plan(16)
        search.add(32, 0.1)
        assert search.best() == [32]

    def test_test_scores_would_choose_otherwise_and_do_not(self, search: Search) -> None:
        for level, score, test in ((4, 0.9, 0.1), (8, 0.5, 0.5), (16, 0.1, 0.9)):
            search.add(level, score, test)
        assert search.best() == [4, 8, 16]

    def test_another_space_has_its_own_trials(self, search: Search) -> None:
        search.add(4, 0.9)
        wide = make_study(**{**SPACE, "base": {"epochs": 5}})
        assert tuning_rows(search.ledger, search_of(wide)) == []
        with pytest.raises(NothingToCompare):
            best_of_search(search.ledger, wide, 1)

    def test_nothing_finished_is_said_with_the_way_to_the_reasons(self, search: Search) -> None:
        search.plan(4)
        with pytest.raises(NothingToCompare, match="no trial of the search phase of 'sim'") as told:
            search.best()
        assert "select failure, message from trials" in str(told.value)

    def test_without_a_search_the_base_stands(self, ledger: Ledger) -> None:
        assert best_of_search(ledger, make_study(search=None, confirm={"top": 1}), 1) == [{}]


class Confirmation:
    """Confirmed configurations whose seeds end as told."""

    def __init__(self, ledger: Ledger, cells: int, seeds: int) -> None:
        self.ledger = ledger
        self.study: Study = make_study(**SPACE, confirm={"top": cells, "seeds": seeds})
        put_study(ledger, self.study)
        winners = [{"batch_size": level} for level in LEVELS[:cells]]
        assert self.study.confirm is not None
        trials = confirm_trials(self.study, self.study.confirm, winners, DATA)
        ledger.plan(self.study.name, Phase.CONFIRM, trials, replace=True)
        self.cells = {
            f"rank{rank}": [t for t in trials if t.cell == f"rank{rank}"]
            for rank in range(1, cells + 1)
        }

    def fail(self, trial: PlannedTrial) -> None:
        self.ledger.start(trial.id)
        self.ledger.fail(trial.id, FailureKind.NODE, "the worker died")


class TestConfirmation:
    def test_mean_over_seeds_and_not_the_best_seed(self, ledger: Ledger) -> None:
        made = Confirmation(ledger, cells=2, seeds=2)
        for cell, scores in {"rank1": (0.9, 0.1), "rank2": (0.6, 0.7)}.items():
            for trial, score in zip(made.cells[cell], scores, strict=True):
                finish(ledger, trial, score)
        winner = winner_of_confirmation(ledger, made.study)
        assert (winner.cell, dict(winner.assignment)) == ("rank2", {"batch_size": 8})
        assert winner.score == pytest.approx(0.65)
        assert winner.best.id == made.cells["rank2"][1].id

    def test_of_equals_the_one_that_ranked_higher_in_the_search(self, ledger: Ledger) -> None:
        made = Confirmation(ledger, cells=3, seeds=2)
        made.fail(made.cells["rank2"][0])
        finish(ledger, made.cells["rank2"][1], 0.7)
        for cell in ("rank3", "rank1"):
            for trial in made.cells[cell]:
                finish(ledger, trial, 0.6 if cell == "rank1" else 0.7)
        assert winner_of_confirmation(ledger, made.study).cell == "rank2"

    def test_failed_seeds_are_left_out_and_taken_ones_count(self, ledger: Ledger) -> None:
        made = Confirmation(ledger, cells=2, seeds=2)
        other = make_study(**SPACE, study="other", confirm={"top": 1, "seeds": 1})
        put_study(ledger, other)
        assert other.confirm is not None
        (original,) = confirm_trials(other, other.confirm, [{"batch_size": 4}], DATA)
        ledger.plan("other", Phase.CONFIRM, [original], replace=True)
        finish(ledger, original, 0.8)
        taken, failed = made.cells["rank1"]
        assert taken.identity == original.identity
        ledger.cache(taken.id, original.id)
        made.fail(failed)
        for trial in made.cells["rank2"]:
            finish(ledger, trial, 0.7)
        winner = winner_of_confirmation(ledger, made.study)
        assert (winner.cell, winner.score) == ("rank1", 0.8)

    def test_nothing_finished_is_said(self, ledger: Ledger) -> None:
        made = Confirmation(ledger, cells=1, seeds=1)
        made.fail(made.cells["rank1"][0])
        with pytest.raises(NothingToCompare, match="confirm phase of 'sim'"):
            winner_of_confirmation(ledger, made.study)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=2, max_size=3))
def test_the_winner_is_the_best_mean_on_validation_whatever_the_test_says(
    tmp_path_factory: pytest.TempPathFactory, scores: list[tuple[float, ...]]
) -> None:
    ledger = open_ledger(tmp_path_factory.mktemp("ledger"))
    made = Confirmation(ledger, cells=len(scores), seeds=2)
    means = []
    for cell, (first, second, *test) in zip(made.cells.values(), scores, strict=True):
        for trial, score, other in zip(cell, (first, second), test, strict=True):
            finish(ledger, trial, score, other)
        means.append(fmean((first, second)))
    winner = winner_of_confirmation(ledger, made.study)
    assert winner.score == max(means)
    assert winner.cell == f"rank{means.index(max(means)) + 1}"
    ledger.close()
