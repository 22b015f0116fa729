"""The ledger against a plain dictionary, over random histories."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, Status
from tracking.testing.ledger_cases import outcome, planned, put_study
from tracking.testing.postgresql import PostgresServer

# Two cells a seed have the same identity, so that one can be taken from the other.
TRIALS = [planned(cell, seed) for cell in ("a", "b") for seed in range(2)]
IDENTITY = {trial.id: trial.identity for trial in TRIALS}
ANY = st.sampled_from(TRIALS)


class LedgerMachine(RuleBasedStateMachine):
    """Every step is tried anywhere; the model says what must come of it."""

    def __init__(self, url: str | None = None) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = url or Home(Path(self.folder.name)).results_url
        self.ledger = Ledger(self.url)
        put_study(self.ledger)
        self.model: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    def step(self, trial_id: str, before: Status, action: Any, **after: Any) -> None:
        """Do ``action``; it must work exactly when the trial stands at ``before``."""
        row = self.model.get(trial_id)
        if row is None or row["status"] is not before:
            with pytest.raises((RuntimeError, ValueError)):
                action()
            return
        action()
        row.update(after, revision=row["revision"] + 1)

    @rule(trials=st.lists(ANY, unique_by=lambda trial: trial.id), replace=st.booleans())
    def plan(self, trials: list[Any], replace: bool) -> None:
        self.ledger.plan("s", Phase.ABLATE, trials, replace=replace)
        given = {trial.id for trial in trials}
        for trial_id, row in self.model.items():
            if replace and row["current"] != (trial_id in given):
                row.update(current=not row["current"], revision=row["revision"] + 1)
        for trial_id in given - set(self.model):
            self.model[trial_id] = {
                "status": Status.PLANNED,
                "current": True,
                "revision": 1,
                "attempts": 0,
                "score": None,
                "original": None,
                "epochs": {},
                "mirrored": 0,
                "run": None,
            }

    @rule(trial=ANY)
    def start(self, trial: Any) -> None:
        attempts = self.model.get(trial.id, {}).get("attempts", 0) + 1
        self.step(
            trial.id,
            Status.PLANNED,
            lambda: self.ledger.start(trial.id),
            status=Status.RUNNING,
            attempts=attempts,
        )

    @rule(trial=ANY)
    def release(self, trial: Any) -> None:
        action = lambda: self.ledger.release(trial.id)  # noqa: E731
        self.step(trial.id, Status.RUNNING, action, status=Status.PLANNED)

    @rule()
    def release_running(self) -> None:
        running = [name for name, row in self.model.items() if row["status"] is Status.RUNNING]
        assert self.ledger.release_running("s") == sorted(running)
        for name in running:
            row = self.model[name]
            row.update(status=Status.PLANNED, revision=row["revision"] + 1)

    @rule(trial=ANY, epoch=st.integers(1, 3), value=st.floats(0, 1))
    def record_epoch(self, trial: Any, epoch: int, value: float) -> None:
        row = self.model.get(trial.id)
        if row is not None and row["status"] is Status.RUNNING and epoch in row["epochs"]:
            self.ledger.record_epoch(trial.id, epoch, {"loss": value})
            return
        epochs = {**(row or {"epochs": {}})["epochs"], epoch: value}
        self.step(
            trial.id,
            Status.RUNNING,
            lambda: self.ledger.record_epoch(trial.id, epoch, {"loss": value}),
            epochs=epochs,
        )

    @rule(trial=ANY, score=st.floats(0, 1), good=st.booleans())
    def end(self, trial: Any, score: float, good: bool) -> None:
        method = self.ledger.complete if good else self.ledger.prune
        self.step(
            trial.id,
            Status.RUNNING,
            lambda: method(trial.id, outcome(score)),
            status=Status.COMPLETE if good else Status.PRUNED,
            score=score,
        )

    @rule(trial=ANY, kind=st.sampled_from(FailureKind))
    def fail(self, trial: Any, kind: FailureKind) -> None:
        action = lambda: self.ledger.fail(trial.id, kind, "why")  # noqa: E731
        self.step(trial.id, Status.RUNNING, action, status=Status.FAILED)

    @rule(trial=ANY)
    def cache(self, trial: Any) -> None:
        found = self.ledger.find_finished(trial.identity)
        complete = {
            name
            for name, row in self.model.items()
            if row["status"] is Status.COMPLETE and IDENTITY[name] == trial.identity
        }
        assert (found is None) == (not complete)
        if found is not None:
            assert found.id in complete
            self.step(
                trial.id,
                Status.PLANNED,
                lambda: self.ledger.cache(trial.id, found.id),
                status=Status.CACHED,
                original=found.id,
                score=found.score,
            )

    @rule()
    def mirror(self) -> None:
        owed = [
            name
            for name, row in self.model.items()
            if row["revision"] > row["mirrored"]
            and (row["status"] is not Status.PLANNED or row["run"])
        ]
        found = self.ledger.pending_mirror("s")
        assert sorted(row.id for row in found) == sorted(owed)
        for row in found:
            self.ledger.set_mirror_run(row.id, f"run of {row.id}")
            self.ledger.set_mirrored(row.id, row.revision)
            self.model[row.id].update(run=f"run of {row.id}", mirrored=row.revision)

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.url)

    @invariant()
    def agrees(self) -> None:
        rows = {row.id: row for row in self.ledger.trials("s", current=None)}
        assert set(rows) == set(self.model)
        for name, expected in self.model.items():
            for field in ("status", "current", "revision", "attempts", "score", "original"):
                assert getattr(rows[name], field) == expected[field], (name, field)
            epochs = self.model[expected["original"] or name]["epochs"]
            assert {m.epoch: m.value for m in self.ledger.epoch_metrics(name)} == epochs
            done = expected["status"] in (Status.COMPLETE, Status.PRUNED, Status.CACHED)
            assert (self.ledger.evaluation(name, "validation") is not None) == done


LedgerMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLedger = LedgerMachine.TestCase


@pytest.mark.medium
def test_any_history_on_postgresql(server: PostgresServer) -> None:
    few = settings(
        LedgerMachine.TestCase.settings, max_examples=4, suppress_health_check=list(HealthCheck)
    )
    fresh = lambda: LedgerMachine(server.create_database())  # noqa: E731
    run_state_machine_as_test(fresh, settings=few)  # type: ignore[arg-type]
