"""A study that trains one seed of each cell again for twice as many epochs."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from search_spaces.schema import FIRST_ABLATION_SEED
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.training import Trainer
from study.design.data_facts import DataFacts
from study.design.extension import extended
from study.execution.machine.gate import Gate
from study.execution.ray_worker import GROUP_KEY, TRIAL_KEY, Terms, TrialWorker
from study.execution.trial import train
from tracking.home import GATE, Home
from tracking.records import Outcome, Phase, PlannedTrial, Status

from ..test_dry_run import Shown
from .mortal import open_ledger
from .simulated import make_study
from .simulator import MakeWorld, World, dies_at_any_write
from .tuned import TUNED, data_of

CHECKED: dict[str, Any] = {
    "base": {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8},
    "search": None,
    "ablate": {
        "factors": ["objective"],
        "seeds": 2,
        "reference": {"objective": "sslcl"},
        "extension_check": True,
    },
}
CELLS = ["reference", "objective=cross_entropy"]


def check(world: World) -> None:
    """Every cell has its seeds, and one trial of twice the epochs that nobody tested."""
    rows = world.rows(None)
    assert all(row.status.final for row in rows)
    assert Counter((row.phase, row.cell) for row in rows) == {
        **{(Phase.ABLATE, cell): 2 for cell in CELLS},
        **{(Phase.EXTEND, cell): 1 for cell in CELLS},
    }
    first = {row.cell: row for row in reversed(world.rows(Phase.ABLATE))}
    for row in world.rows(Phase.EXTEND):
        assert row.config.seed == FIRST_ABLATION_SEED
        assert row.config == extended(first[row.cell].config, 2)
        assert row.epochs_run == 4
        assert world.ledger.evaluation(row.id, "test") is None


def test_each_cell_is_extended_once_and_never_again(make_world: MakeWorld, loaded: Dataset) -> None:
    world = make_world(CHECKED)
    dataset = data_of(world, loaded)
    assert world.campaign(dataset)[0]
    check(world)
    before = world.rows(None)
    assert world.campaign(dataset)[0]
    assert world.rows(None) == before


def test_a_finished_study_is_extended_when_it_is_asked_to(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    ablate = {**CHECKED["ablate"], "extension_check": False}
    world = make_world({**CHECKED, "ablate": ablate})
    dataset = data_of(world, loaded)
    assert world.campaign(dataset)[0]
    assert {row.phase for row in world.rows(None)} == {Phase.ABLATE}
    world.study = make_study(**{**world.study.canonical(), "ablate": CHECKED["ablate"]})
    assert world.campaign(dataset)[0]
    check(world)
    assert sum(row.attempts for row in world.rows(None)) == 6


def test_a_driver_that_dies_at_any_write_does_what_is_missing(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    def fresh() -> tuple[World, Dataset]:
        world = make_world(CHECKED)
        return world, data_of(world, loaded)

    dies_at_any_write(fresh, check, 5)


def test_a_cell_without_a_finished_trial_is_not_extended(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    def fate(config: TrialConfig, epoch: int) -> str | None:
        return "nan" if config.objective == "cross_entropy" else None

    world = make_world(CHECKED, fate=fate)
    assert world.campaign(data_of(world, loaded))[0]
    assert [row.cell for row in world.rows(Phase.EXTEND)] == ["reference"]


def test_cells_with_searches_of_their_own_are_extended_as_they_were_tested(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    ablate = {**TUNED["ablate"], "extension_check": True}
    world = make_world({**TUNED, "ablate": ablate})
    assert world.campaign(data_of(world, loaded))[0]
    tested = {row.cell: row.config for row in reversed(world.rows(Phase.ABLATE))}
    assert {row.cell: row.config for row in world.rows(Phase.EXTEND)} == {
        cell: extended(config, 2) for cell, config in tested.items()
    }


def test_the_preview_counts_a_trial_of_every_cell(tmp_path: Path, loaded: Dataset) -> None:
    opened = open_ledger(tmp_path)
    world = World(tmp_path, opened, make_study(**CHECKED), workers=1)
    assert Shown(world, loaded).to_train() == {"ablate": 4, "extend": 2}
    assert not world.campaign(loaded, 25)[0]
    told = Shown(world, loaded).to_train()
    before = sum(row.attempts for row in world.rows(None))
    assert world.campaign(loaded)[0]
    assert sum(row.attempts for row in world.rows(None)) - before == sum(told.values())
    assert set(Shown(world, loaded).to_train().values()) == {0}
    opened.close()


@pytest.mark.parametrize(("schedule", "epochs"), [("constant", 14), ("cosine", 40)])
def test_nothing_stops_an_extended_trial_early(schedule: str, epochs: int) -> None:
    """A schedule over the epochs is stretched with them."""
    config = TrialConfig.parse({"schedule": schedule, "stop": "converged", "epochs": 20})
    longer = extended(config, epochs_run=7)
    assert (longer.epochs, longer.patience, longer.stop) == (epochs, epochs, "patience")
    assert longer.replace(epochs=20, patience=8, stop="converged") == config


def test_status_of_extended_trials_is_that_of_any_other(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    world = make_world(CHECKED)
    assert world.campaign(data_of(world, loaded))[0]
    assert {row.status for row in world.rows(Phase.EXTEND)} == {Status.COMPLETE}


def worked(worker: TrialWorker, trial: PlannedTrial) -> Outcome:
    """The outcome of a trial that a worker trains to its end."""
    worker.reset_config({TRIAL_KEY: trial, GROUP_KEY: (trial,)})
    result: dict[str, Any] = {"done": False}
    while not result["done"]:
        result = worker.step()
    outcome = result["outcome"]
    assert isinstance(outcome, Outcome)
    return outcome


@pytest.mark.parametrize("extends", [True, False], ids=["kept", "not kept"])
def test_an_extended_trial_goes_on_from_the_end_as_if_it_had_been_trained_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extends: bool
) -> None:
    trained: list[int] = []
    fit_epoch = Trainer.fit_epoch

    def counted(trainer: Trainer) -> dict[str, float]:
        metrics = fit_epoch(trainer)
        trained.append(trainer.epoch)
        return metrics

    monkeypatch.setattr(Trainer, "fit_epoch", counted)
    dataset = load_dataset("synthetic", {"conversations": 14})
    facts = DataFacts.of(dataset)
    own = TrialConfig(epochs=3, hidden_size=8, seed=FIRST_ABLATION_SEED)
    longer = extended(own, 3)
    trials = {
        phase: PlannedTrial(phase.value, phase, "reference", facts.identify(config), config)
        for phase, config in ((Phase.ABLATE, own), (Phase.EXTEND, longer))
    }
    home = Home(tmp_path)
    gate = Gate(home.store, GATE)
    gate.open()
    worker = TrialWorker.__new__(TrialWorker)
    first = trials[Phase.ABLATE]
    worker.setup(
        {TRIAL_KEY: first, GROUP_KEY: (first,)}, dataset, home.store, Terms(gate, extends=extends)
    )
    outcome = worked(worker, trials[Phase.ABLATE])
    assert trained == [1, 2, 3]
    assert {evaluation.split for evaluation in outcome.evaluations} >= {"validation", "test"}
    outcome = worked(worker, trials[Phase.EXTEND])
    assert trained[3:] == ([4, 5, 6] if extends else [1, 2, 3, 4, 5, 6])
    assert {evaluation.split for evaluation in outcome.evaluations} == {"validation"}
    _, at_once = train(longer, dataset.sealed())
    assert outcome.score == at_once.score
    assert outcome.evaluations == at_once.evaluations
    assert outcome.epochs == at_once.epochs == 6
