"""The Ray actor that trains trials, one after the other."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ray import tune

from sslcl.data.types import Dataset
from sslcl.errors import Diverged
from sslcl.fusion.trainer import FusedTrainer
from sslcl.profiling import reset_peak_memory
from sslcl.training import SCORE, Trainer
from study.execution.trial import (
    conclude,
    failure_of,
    fused_trainer,
    inference_cost,
    load_state,
    pick_device,
    save_state,
    unfinished,
)
from tracking.home import Home
from tracking.records import Outcome, Phase, PlannedTrial

CHECKPOINT_SECONDS = 15.0
TRIAL_KEY = "trial"
"""Where Ray's configuration of a trial holds the :class:`~tracking.records.PlannedTrial`."""
GROUP_KEY = "group"
"""Where it holds all trials of its group that have yet to be trained, itself among them."""


class TrialWorker(tune.Trainable):  # type: ignore[misc]
    """Trains one epoch per step; reused for trial after trial.

    Ray's own checkpoints are not used: a trial's state is saved under its identity, so whichever
    worker gets the trial next goes on from there. The best model of a confirmed trial is kept.
    """

    def setup(self, config: dict[str, Any], dataset: Dataset, home: Home) -> None:
        """Ray's hook for a new actor."""
        self._all_data = dataset
        self._home = home
        self._begin(config[TRIAL_KEY], config[GROUP_KEY])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Ray's hook for the next trial in the same actor."""
        self._begin(new_config[TRIAL_KEY], new_config[GROUP_KEY])
        return True

    def _begin(self, trial: PlannedTrial, group: Sequence[PlannedTrial]) -> None:
        self._trial = trial
        self._members = {member.config.seed: member for member in group}
        self._inference: Mapping[str, float] | None = None
        # A search must not see the test split.
        self._dataset = self._all_data.sealed() if trial.phase.searches else self._all_data
        self._trainer: Trainer | FusedTrainer | None = None
        self._saved_at = time.monotonic()
        self._save_next = False
        reset_peak_memory()

    def step(self) -> dict[str, Any]:
        """One epoch; the last result of a trial carries its outcome or its failure."""
        try:
            return self._step()
        except Exception as error:
            kind, message = failure_of(error)
            self._trainer = None
            return {"failure": kind.value, "message": message, "done": True}

    def _step(self) -> dict[str, Any]:
        trainer = self._trainer or self._prepare()
        if self._save_next:
            # Ray asks for an epoch after the driver has taken the one before: what is saved here
            # is in the ledger already.
            save_state(trainer.state_dict(), self._home.checkpoint(self._trial.checkpoint_key))
            self._save_next = False
            self._saved_at = time.monotonic()
        if isinstance(trainer, FusedTrainer):
            result = self._group_epoch(trainer)
        else:
            result = self._epoch(trainer)
        if result["done"]:
            self._trainer = None
        elif time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self._save_next = True
        result["saved"] = self._save_next
        return result

    def _epoch(self, trainer: Trainer) -> dict[str, Any]:
        metrics = trainer.fit_epoch()
        result: dict[str, Any] = {
            "epoch": trainer.epoch,
            "score": metrics[SCORE],
            # A tuple, since Ray flattens nested dictionaries before the driver sees them.
            "metrics": tuple(metrics.items()),
            "partial": unfinished(trainer, self._dataset),
            "done": trainer.finished,
        }
        if trainer.finished:
            result["outcome"] = self._conclude(trainer, self._trial)
        return result

    def _group_epoch(self, trainer: FusedTrainer) -> dict[str, Any]:
        """An epoch of the whole group; results by seed of the members that are to be recorded."""
        outcomes = trainer.fit_epoch() if trainer.running else {}
        members: list[tuple[int, dict[str, Any]]] = []
        for number, member in enumerate(trainer.members):
            trial = self._members.get(member.config.seed)
            if trial is None:
                continue
            result: dict[str, Any] = {}
            outcome = outcomes.get(number)
            if isinstance(outcome, Diverged):
                kind, message = failure_of(outcome)
                result |= {"failure": kind.value, "message": message}
            elif outcome is not None:
                result |= {"epoch": member.epoch, "metrics": tuple(outcome.items())}
            if member.finished and "failure" not in result:
                result["outcome"] = self._conclude(member, trial)
            if "failure" in result or "outcome" in result:
                # Told once: what follows is of the others.
                del self._members[member.config.seed]
            if result:
                members.append((member.config.seed, result))
        done = trainer.finished or not self._members
        return {"score": 0.0, "members": tuple(members), "done": done}

    def _conclude(self, trainer: Trainer, trial: PlannedTrial) -> Outcome:
        outcome = conclude(trainer, self._dataset, self._inference)
        if trial.group is not None:
            self._inference = inference_cost(outcome)
        if trial.phase is Phase.CONFIRM:
            # Copies, since the weights of a group's member are a part of one tensor.
            state = {name: x.clone() for name, x in trainer.model.state_dict().items()}
            save_state(state, self._home.model(trial.identity))
        return outcome

    def _prepare(self) -> Trainer | FusedTrainer:
        trainer: Trainer | FusedTrainer
        if self._trial.group is None:
            trainer = Trainer(self._trial.config, self._dataset, pick_device())
        else:
            trainer = fused_trainer(self._trial.config, self._dataset)
        state = load_state(self._home.checkpoint(self._trial.checkpoint_key))
        if state is not None:
            trainer.load_state_dict(state)
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
