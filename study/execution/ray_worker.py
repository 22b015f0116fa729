"""The Ray actor that trains trials, one after the other."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from ray import tune

from search_spaces.schema import FIRST_ABLATION_SEED
from sslcl.data.folds import of_fold
from sslcl.data.types import Dataset
from sslcl.errors import Diverged
from sslcl.fusion.trainer import FusedTrainer
from sslcl.profiling import reset_peak_memory
from sslcl.training import Trainer
from study.design.data_facts import DataFacts
from study.design.extension import extended, goes_on
from study.execution.machine.gate import Gate
from study.execution.machine.gpu_packing import Gauge, gpu_memory, limit_memory
from study.execution.machine.ray_nodes import other_code
from study.execution.machine.time_limit import TimedOut, TimeLimit
from study.execution.trial import (
    conclude,
    failure_of,
    fused_trainer,
    inference_cost,
    load_state,
    pick_device,
    save_state,
    unfinished,
    utterances_of,
    worker_name,
)
from tracking.artifacts import Store
from tracking.home import checkpoint, model
from tracking.records import FailureKind, Outcome, Phase, PlannedTrial

CHECKPOINT_SECONDS = 15.0
TRIAL_KEY = "trial"
"""Where Ray's configuration of a trial holds the :class:`~tracking.records.PlannedTrial`."""
GROUP_KEY = "group"
"""Where it holds all trials of its group that have yet to be trained, itself among them."""
SHARE_KEY = "gpus"
"""Where it holds the share of a GPU that it is given, if it is not the same for all trials."""
MEMORY_KEY = "gpu_memory"
"""Where a result holds the :class:`~study.execution.machine.gpu_packing.GpuMemory` so far."""
READY_KEY = "ready"
"""Where a result without an epoch holds the name of a worker that waits for the others."""
LONGEST_WAIT = 120.0
"""Seconds that a worker waits for the others; the driver lets it begin long before."""
Epoch = tuple[int, tuple[tuple[str, float], ...]]
"""Its number and its metrics."""
STEP_SECONDS = 1.0
"""Epochs within this time are answered together: each answer costs Ray milliseconds."""


@dataclass(frozen=True)
class Terms:
    """On which terms a worker trains.

    Args:
        gate: open while it may begin a trial.
        code: digest of the driver's code, where the worker's may differ.
        seconds: that a trial may take, if there is a limit.
        rungs: epochs after which a searched trial may be pruned.
        extends: whether the study has an extension check.
        gpus: that each trial holds, where its configuration does not say.
        gauge: measures the memory of a GPU.
    """

    gate: Gate
    code: str = ""
    seconds: float | None = None
    rungs: frozenset[int] = frozenset()
    extends: bool = False
    gpus: float = 0.0
    gauge: Gauge = gpu_memory


class TrialWorker(tune.Trainable):  # type: ignore[misc]
    """Trains a second per step, at least an epoch; reused for trial after trial.

    A trial is trained alone, or with its group as one program. Ray's own checkpoints are not used:
    state is saved under the identity of the trial or the group, so whichever worker gets it next
    goes on from there. The best model of a confirmed trial is kept, and where ablations are
    extended, the end of each cell's first trial, for its extension to go on from.
    """

    def setup(self, config: dict[str, Any], dataset: Dataset, store: Store, terms: Terms) -> None:
        """Ray's hook for a new actor."""
        self._refusal = other_code(terms.code)
        self._limit = TimeLimit(terms.seconds)
        self._terms = terms
        self._all_data = dataset
        self._store = store
        self._facts = DataFacts.of(dataset)
        self._share: float | None = config.get(SHARE_KEY)
        self._inference: dict[str, Mapping[str, float]] = {}
        self._begin(config[TRIAL_KEY], config[GROUP_KEY])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Ray's hook for the next trial in the same actor."""
        self._share = new_config.get(SHARE_KEY)
        self._begin(new_config[TRIAL_KEY], new_config[GROUP_KEY])
        return True

    def _begin(self, trial: PlannedTrial, group: Sequence[PlannedTrial]) -> None:
        self._trial = trial
        self._members = {member.id: member for member in group}
        self._ids = {member.config.digest(): member.id for member in group}
        own = of_fold(self._all_data, trial.config.fold)
        # A search must not see the test split.
        self._dataset = own.sealed() if trial.phase.sealed else own
        self._trainer: Trainer | FusedTrainer | None = None
        self._epochs: dict[str, list[Epoch]] = {}
        self._saved_at = self._given_at = time.monotonic()
        self._save_next = False
        self._limit.start(len(group))
        reset_peak_memory()

    def step(self) -> dict[str, Any]:
        """Some epochs; the last result of a trial carries its outcome or its failure.

        No epoch, but the worker's name, while a new trial waits for other workers to start.
        """
        if self._refusal:
            return {**_failure(FailureKind.NODE, self._refusal), "done": True}
        if self._trainer is None and self._must_wait():
            time.sleep(self._store.look_seconds)
            return {READY_KEY: worker_name(self._device())}
        try:
            with self._limit:
                return self._step()
        except (Exception, TimedOut) as error:
            self._trainer = None
            return {**self._failed(self._limit.passed or error), "done": True}

    def _device(self) -> torch.device:
        """A GPU only where the trial holds some of one: Ray hides none from the others."""
        return pick_device((self._terms.gpus if self._share is None else self._share) > 0)

    def _must_wait(self) -> bool:
        waited = time.monotonic() - self._given_at
        return waited < LONGEST_WAIT and not self._terms.gate.is_open()

    def _failed(self, error: Exception | TimedOut) -> dict[str, Any]:
        """What is told of the trial, or of all members of its group that have not ended."""
        failure = _failure(*failure_of(error))
        if self._trial.group is None:
            return {**self._answer(self._trial.id), **failure}
        return {"members": tuple((n, {**self._answer(n), **failure}) for n in self._members)}

    def _step(self) -> dict[str, Any]:
        trainer = self._trainer or self._prepare()
        if self._save_next:
            # Ray asks for an epoch after the driver has taken the one before: what is saved here
            # is in the ledger already.
            name = checkpoint(self._trial.checkpoint_key)
            save_state(trainer.state_dict(), self._store, name)
            self._save_next = False
            self._saved_at = time.monotonic()
        self._epochs = {}
        if isinstance(trainer, FusedTrainer):
            result = self._step_of_group(trainer)
        else:
            result = self._step_alone(trainer)
        if isinstance(trainer, Trainer) and (memory := self._terms.gauge(trainer.device)):
            result[MEMORY_KEY] = memory
        if result["done"]:
            self._trainer = None
        elif time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self._save_next = True
        result["saved"] = self._save_next
        return result

    def _step_alone(self, trainer: Trainer) -> dict[str, Any]:
        until = time.monotonic() + STEP_SECONDS
        while True:
            self._note(self._trial.id, trainer, trainer.fit_epoch())
            may_be_pruned = self._trial.phase.searches and trainer.epoch in self._terms.rungs
            if trainer.finished or may_be_pruned or time.monotonic() >= until:
                break
        result: dict[str, Any] = {
            "score": trainer.scores[-1],
            "epoch": trainer.epoch,
            "done": trainer.finished,
            **self._answer(self._trial.id),
        }
        if trainer.finished:
            result["outcome"] = self._conclude(trainer, self._trial)
        elif self._trial.phase.searches:
            # Trials of other phases are never pruned.
            result["partial"] = unfinished(trainer, self._utterances)
        return result

    def _step_of_group(self, trainer: FusedTrainer) -> dict[str, Any]:
        """Some epochs of the whole group, to the first end of a member that is to be recorded."""
        until = time.monotonic() + STEP_SECONDS
        # Members that the ledger had already are trained along, and go by no id.
        ids = [self._ids.get(digest, "") for digest in trainer.digests]
        failures: dict[str, dict[str, Any]] = {}
        over: set[str] = set()
        while trainer.running and not over and time.monotonic() < until:
            for number, outcome in trainer.fit_epoch().items():
                if isinstance(outcome, Diverged):
                    failures[ids[number]] = _failure(*failure_of(outcome))
                else:
                    self._note(ids[number], trainer.members[number], outcome)
            named = zip(ids, trainer.members, strict=True)
            finished = {one for one, member in named if member.finished}
            over = (finished | failures.keys()) & self._members.keys()
        answers = {one: self._answer(one) | failures.get(one, {}) for one in self._members}
        for one, member in zip(ids, trainer.members, strict=True):
            if member.finished and one in self._members and one not in failures:
                answers[one]["outcome"] = self._conclude(member, self._members[one])
        for one, answer in answers.items():
            if answer.keys() & {"outcome", "failure"}:
                # Told once: what follows is of the others.
                del self._members[one]
        done = trainer.finished or not self._members
        return {"score": 0.0, "members": tuple(answers.items()), "done": done}

    def _note(self, trial_id: str, trainer: Trainer, metrics: Mapping[str, float]) -> None:
        # Tuples, since Ray flattens nested dictionaries before the driver sees them.
        epochs = self._epochs.setdefault(trial_id, [])
        epochs.append((trainer.epoch, tuple(metrics.items())))

    def _answer(self, trial_id: str) -> dict[str, Any]:
        return {"epochs": tuple(self._epochs.get(trial_id, ()))}

    def _conclude(self, trainer: Trainer, trial: PlannedTrial) -> Outcome:
        self._keep_end(trainer, trial)
        alike = trial.group or trial.config.replace(seed=0).digest()
        outcome = conclude(trainer, self._dataset, self._inference.get(alike))
        if self._dataset.test is not None:
            self._inference[alike] = inference_cost(outcome, grouped=trial.group is not None)
        if trial.phase is Phase.CONFIRM:
            # Copies, since the weights of a group's member are a part of one tensor.
            state = {name: x.clone() for name, x in trainer.model.state_dict().items()}
            save_state(state, self._store, model(trial.identity))
        return outcome

    def _keep_end(self, trainer: Trainer, trial: PlannedTrial) -> None:
        """Leave the end of a trial where its extension, which begins alike, looks for a start."""
        first = trial.phase is Phase.ABLATE and trial.config.seed == FIRST_ABLATION_SEED
        if self._terms.extends and first and goes_on(trial.config):
            identity = self._facts.identify(extended(trial.config, trainer.epoch))
            save_state(trainer.state_dict(), self._store, checkpoint(identity))

    def _prepare(self) -> Trainer | FusedTrainer:
        trainer: Trainer | FusedTrainer
        if self._trial.group is None:
            device = self._device()
            if self._share is not None:
                limit_memory(device, self._share)
            trainer = Trainer(self._trial.config, self._dataset, device)
        else:
            trainer = fused_trainer(self._trial.config, self._dataset)
        state = load_state(self._store, checkpoint(self._trial.checkpoint_key))
        if state is not None:
            trainer.load_state_dict(state)
        self._utterances = utterances_of(self._dataset.train)
        self._trainer = trainer
        return trainer


def _failure(kind: FailureKind, message: str) -> dict[str, Any]:
    return {"failure": kind.value, "message": message}
