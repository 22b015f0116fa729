"""Campaigns on folds: a search and a winner in each, and nothing seen that tests there."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from sslcl.data.folds import with_folds
from sslcl.data.types import Dataset
from study.design.data_facts import DataFacts
from study.design.folds import parts_of
from study.execution.machine.gate import Gate
from study.execution.ray_worker import GROUP_KEY, TRIAL_KEY, Terms, TrialWorker
from study.execution.winner import best_of_search, winner_of_confirmation
from tracking.home import GATE
from tracking.records import Phase, PlannedTrial, Status
from tracking.rows import TrialRow

from .simulated import fates
from .simulator import MakeWorld, World
from .tuned import SEARCHED

CONTENT: dict[str, Any] = {
    **SEARCHED,
    "folds": 2,
    "confirm": {"top": 2, "seeds": 2},
    "ablate": {"factors": ["objective", "similarity"], "seeds": 2},
}


def data_of(world: World, loaded: Dataset) -> Dataset:
    """Data in folds that no other world has."""
    return with_folds(replace(loaded, fingerprint=world.study.name), "2")


def check(world: World, dataset: Dataset) -> None:
    """Every fold has its own search, and all that is tested on it goes around its own winner."""
    rows = world.rows(None)
    assert all(row.status.final for row in rows)
    for part in parts_of(world.study, DataFacts.of(dataset)):
        own = [row for row in rows if row.config.fold == part.fold]
        searched = [row for row in own if row.phase is Phase.SEARCH]
        assert part.search is not None
        assert len(searched) == part.search.trials
        best = best_of_search(world.ledger, part, 2)
        confirmed = [row for row in own if row.phase is Phase.CONFIRM]
        expected = [part.config(won, row.config.seed) for row in confirmed for won in best]
        assert all(row.config in expected for row in confirmed)
        winner = winner_of_confirmation(world.ledger, part).assignment
        reference = [r for r in own if r.phase is Phase.ABLATE and r.cell == "reference"]
        assert len(reference) == 2
        for row in reference:
            assert row.config == part.config(winner, row.config.seed)
        stored = world.ledger.study(world.study.name).reference
        assert stored is not None
        assert stored[str(part.fold)] == winner
    cells: dict[str | None, set[tuple[str, int]]] = defaultdict(set)
    for row in rows:
        if row.phase is Phase.ABLATE:
            cells[row.config.fold].add((row.cell, row.config.seed))
    assert len(cells) == 2
    assert len({frozenset(one) for one in cells.values()}) == 1


def test_every_fold_searches_confirms_and_ablates_its_own(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    world = make_world(CONTENT)
    dataset = data_of(world, loaded)
    assert world.campaign(dataset)[0]
    check(world, dataset)
    before = world.rows(None)
    assert world.campaign(dataset)[0]
    assert world.rows(None) == before
    trained = [row.identity for row in before if row.status is Status.COMPLETE]
    assert len(trained) == len(set(trained)), "the same trial was trained twice"


@pytest.mark.parametrize("left", [5, 25, 60])
def test_a_driver_that_dies_leaves_a_study_that_goes_on(
    make_world: MakeWorld, loaded: Dataset, left: int
) -> None:
    world = make_world(CONTENT)
    dataset = data_of(world, loaded)
    assert world.campaign(dataset, left) == (False, left)
    assert world.campaign(dataset)[0]
    check(world, dataset)


def test_tuned_cells_have_a_search_in_every_fold(make_world: MakeWorld, loaded: Dataset) -> None:
    ablate = {**SEARCHED["ablate"], "trials": 2, "reference": {"objective": "sslcl"}}
    world = make_world({**SEARCHED, "folds": 2, "search": None, "confirm": None, "ablate": ablate})
    assert world.campaign(data_of(world, loaded))[0]
    counted: dict[tuple[Phase, str, str | None], list[TrialRow]] = defaultdict(list)
    for row in world.rows(None):
        counted[row.phase, row.cell, row.config.fold].append(row)
    assert {len(rows) for rows in counted.values()} == {2}
    assert len(counted) == 2 * 2 * 2


def test_looks_wait_for_all_folds_of_a_seed(make_world: MakeWorld, loaded: Dataset) -> None:
    seeds = {"at_least": 2, "at_most": 4}
    ablate = {"factors": ["objective"], "seeds": seeds, "reference": {"objective": "sslcl"}}
    world = make_world(
        {**SEARCHED, "folds": 2, "search": None, "confirm": None, "ablate": ablate},
        fate=fates(3, 0.1),
    )
    assert world.campaign(data_of(world, loaded))[0]
    counts: dict[tuple[str, int], int] = defaultdict(int)
    for row in world.rows(Phase.ABLATE):
        counts[row.cell, row.config.seed] += 1
    assert set(counts.values()) == {2}


@pytest.mark.parametrize("phase", list(Phase))
def test_a_worker_gives_a_trial_the_conversations_of_its_fold(
    make_world: MakeWorld, loaded: Dataset, phase: Phase
) -> None:
    world = make_world(CONTENT)
    divided = data_of(world, loaded)
    store = world.home.store
    everything = [*loaded.train, *loaded.validation, *(loaded.test or ())]
    for fold, part in zip(divided.folds, parts_of(world.study, DataFacts.of(divided)), strict=True):
        worker = TrialWorker.__new__(TrialWorker)
        planned = PlannedTrial("id", phase, "cell", "identity", part.config({}, 1))
        given_trial = {TRIAL_KEY: planned, GROUP_KEY: (planned,)}
        worker.setup(given_trial, divided, store, Terms(Gate(store, GATE)))
        given = worker._dataset
        tested = {everything[at].id for at in fold.test}
        assert not tested & {one.id for one in (*given.train, *given.validation)}
        if phase.sealed:
            assert given.test is None
        else:
            assert given.test is not None
            assert {one.id for one in given.test} == tested
