"""The Ray actor that trains trials, one after the other."""

import os
import time
from dataclasses import dataclass
from typing import Any

from ray import tune

from sslcl.data.types import Dataset
from sslcl.profiling import reset_peak_memory
from sslcl.training import SCORE, Trainer
from study.execution.machine.ray_nodes import other_code
from study.execution.machine.time_limit import TimedOut, TimeLimit
from study.execution.trial import (
    conclude,
    failure_of,
    load_state,
    pick_device,
    save_state,
    unfinished,
    utterances_of,
    worker_name,
)
from tracking.home import Home
from tracking.records import FailureKind, Phase, PlannedTrial

CHECKPOINT_SECONDS = 15.0
TRIAL_KEY = "trial"
"""Where Ray's configuration of a trial holds the :class:`~tracking.records.PlannedTrial`."""
READY_KEY = "ready"
"""Where a result without an epoch holds the name of a worker that waits for the others."""
READY_SECONDS = 0.05
"""How long a worker waits before it looks again whether the others have started."""


@dataclass(frozen=True)
class Terms:
    """On which terms a worker trains.

    Args:
        code: digest of the driver's code, where the worker's may differ.
        seconds: that a trial may take, if there is a limit.
    """

    code: str = ""
    seconds: float | None = None


class TrialWorker(tune.Trainable):  # type: ignore[misc]
    """Trains one epoch per step; reused for trial after trial.

    Ray's own checkpoints are not used: a trial's state is saved under its identity, so whichever
    worker gets the trial next goes on from there. The best model of a confirmed trial is kept.
    """

    def setup(self, config: dict[str, Any], dataset: Dataset, home: Home, terms: Terms) -> None:
        """Ray's hook for a new actor."""
        self._refusal = other_code(terms.code)
        self._limit = TimeLimit(terms.seconds)
        self._all_data = dataset
        self._home = home
        self._begin(config[TRIAL_KEY])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Ray's hook for the next trial in the same actor."""
        self._begin(new_config[TRIAL_KEY])
        return True

    def _begin(self, trial: PlannedTrial) -> None:
        self._trial = trial
        # A search must not see the test split.
        self._dataset = self._all_data.sealed() if trial.phase.searches else self._all_data
        self._trainer: Trainer | None = None
        self._saved_at = time.monotonic()
        self._save_next = False
        self._limit.start()
        reset_peak_memory()

    def step(self) -> dict[str, Any]:
        """One epoch; the last result of a trial carries its outcome or its failure.

        No epoch, but the worker's name, while a new trial waits for other workers to start.
        """
        if self._refusal:
            return {"failure": FailureKind.NODE.value, "message": self._refusal, "done": True}
        if self._trainer is None and not self._home.ray_gate.exists():
            time.sleep(READY_SECONDS)
            return {READY_KEY: worker_name(pick_device())}
        try:
            with self._limit:
                return self._step()
        except (Exception, TimedOut) as error:
            kind, message = failure_of(self._limit.passed or error)
            self._trainer = None
            return {"failure": kind.value, "message": message, "done": True}

    def _step(self) -> dict[str, Any]:
        trainer = self._trainer or self._prepare()
        if self._save_next:
            # Ray asks for an epoch after the driver has taken the one before: what is saved here
            # is in the ledger already.
            save_state(trainer.state_dict(), self._home.checkpoint(self._trial.identity))
            self._save_next = False
            self._saved_at = time.monotonic()
        metrics = trainer.fit_epoch()
        result: dict[str, Any] = {
            "epoch": trainer.epoch,
            "score": metrics[SCORE],
            # A tuple, since Ray flattens nested dictionaries before the driver sees them.
            "metrics": tuple(metrics.items()),
            "done": trainer.finished,
        }
        if self._trial.phase.searches and not trainer.finished:
            # Trials of other phases are never pruned.
            result["partial"] = unfinished(trainer, self._utterances)
        if trainer.finished:
            result["outcome"] = conclude(trainer, self._dataset)
            if self._trial.phase is Phase.CONFIRM:
                save_state(trainer.model.state_dict(), self._home.model(self._trial.identity))
            self._trainer = None
        elif time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self._save_next = True
        result["saved"] = self._save_next
        return result

    def _prepare(self) -> Trainer:
        trainer = Trainer(self._trial.config, self._dataset, pick_device())
        state = load_state(self._home.checkpoint(self._trial.identity))
        if state is not None:
            trainer.load_state_dict(state)
        self._utterances = utterances_of(self._dataset.train)
        self._trainer = trainer
        return trainer


def quiet_ray() -> None:
    """Turn off what Ray Tune writes and prints beside us; the ledger is the record."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1000000")
    os.environ.setdefault("TUNE_WARN_THRESHOLD_S", "1000")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
