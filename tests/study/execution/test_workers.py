"""Workers wait for each other before the first trial, so that short trials use them all."""

import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from search_spaces import load_study
from sslcl.data import load_dataset
from study.driver import register
from study.execution.campaign import Campaign
from study.execution.machine.gate import Gate
from study.execution.ray_searcher import ForgetResults, StartTogether
from study.execution.ray_worker import READY_KEY
from study.execution.resources import ClusterResources, Halt
from study.execution.workspace import Workspace
from tracking.artifacts import FolderStore
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Status


class Wanting:
    """Stands for a stream of trials.

    Args:
        wanted: workers that it can keep busy.
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(FolderStore(tmp_path), "ray/gate")


def start_together(
    wanting: Wanting, gate: Gate, workers: int = 8
) -> tuple[StartTogether, list[float]]:
    """The callback, and the clock that it reads."""
    clock = [0.0]
    together = StartTogether(wanting, workers, gate, lambda: clock[0])  # type: ignore[arg-type]
    return together, clock


def say_ready(together: StartTogether, *names: str) -> None:
    for name in names:
        together.on_trial_result(0, [], None, {READY_KEY: name})
        together.on_step_end(0, [])


class TestTheGate:
    def test_a_gate_left_by_an_earlier_run_is_shut(self, gate: Gate) -> None:
        gate.open()
        start_together(Wanting(1), gate)
        assert not gate.is_open()

    def test_opens_when_all_wanted_workers_have_started(self, gate: Gate) -> None:
        together, _ = start_together(Wanting(3), gate)
        say_ready(together, "a", "b", "a")
        assert not gate.is_open()
        say_ready(together, "c")
        assert gate.is_open()

    def test_waits_for_no_more_than_fit(self, gate: Gate) -> None:
        together, _ = start_together(Wanting(3), gate, workers=2)
        say_ready(together, "a", "b")
        assert gate.is_open()

    def test_shuts_when_a_later_phase_wants_more(self, gate: Gate) -> None:
        wanting = Wanting(1)
        together, _ = start_together(wanting, gate)
        say_ready(together, "a")
        assert gate.is_open()
        wanting.wanted = 2
        together.on_step_end(0, [])
        assert not gate.is_open()
        say_ready(together, "a", "b")
        assert gate.is_open()

    def test_opens_in_the_end_for_those_that_came(self, gate: Gate) -> None:
        together, clock = start_together(Wanting(2), gate)
        clock[0] = 1000.0
        say_ready(together, "a")
        assert not gate.is_open()
        clock[0] += StartTogether.LONGEST + 1
        together.on_step_end(0, [])
        assert gate.is_open()


@pytest.mark.slow
def test_two_workers_share_twenty_very_short_trials(tmp_path: Path) -> None:
    from study.execution.ray_cluster import Cluster

    choices = ["search.trials=20", "search.scheduler=none", "base.epochs=1", "base.hidden_size=8"]
    study = load_study("quickstart", [*choices, "dataset_options={conversations: 7}"])
    study = study.model_copy(update={"confirm": None, "ablate": None})
    dataset = load_dataset(study.dataset, study.dataset_options)
    home, console = Home(tmp_path / "runs"), Console(quiet=True)
    ledger = Ledger.at(home)
    register(ledger, study, dataset, console)
    workspace = Workspace(home, ledger, console)
    resources = ClusterResources(workers=2, cpus_per_trial=0.5)
    modes: list[str | None] = []

    def start() -> Cluster:
        cluster = Cluster(resources, home)
        # Ray listens to other machines too, and lets in who has the token.
        modes.append(os.environ.get("RAY_AUTH_MODE"))
        return cluster

    Campaign(study, dataset, workspace, start, Halt()).run()
    assert modes == ["token"]
    rows = ledger.trials(study.name)
    ledger.close()
    assert len(rows) == 20
    trained = Counter(row.worker for row in rows if row.status is Status.COMPLETE)
    assert len(trained) == 2
    assert min(trained.values()) > 1


def test_what_a_trial_predicted_is_forgotten_when_it_is_in_the_ledger() -> None:
    trial = SimpleNamespace(last_result={"epoch": 3, "epochs": (), "outcome": "large"})
    ForgetResults().on_trial_complete(0, [], trial)
    assert trial.last_result == {"epoch": 3}
