"""Where the next trial comes from: a fixed list, or Optuna. Neither knows Ray."""

import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import optuna
from optuna.trial import TrialState

from search_spaces.schema import Categorical, Float, Integer, Study
from sslcl.config import TrialConfig
from study.plan import search_trial
from study.winner import search_rows
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status
from tracking.rows import TrialRow

_TOLD = {Status.COMPLETE: TrialState.COMPLETE, Status.PRUNED: TrialState.PRUNED}


class Source(Protocol):
    """Gives out trials and hears how they went."""

    def next(self) -> PlannedTrial | None:
        """The next trial to train, or ``None`` when there are no more."""

    def epoch(self, trial: PlannedTrial, epoch: int, score: float) -> None:
        """Hear of an epoch of a running trial."""

    def ended(self, row: TrialRow) -> None:
        """Hear of a trial that has ended; its row in the ledger is final."""


class ListSource:
    """The trials of a plan, in order.

    Args:
        trials: those still to train.
    """

    def __init__(self, trials: Sequence[PlannedTrial]) -> None:
        self._waiting = deque(trials)

    def next(self) -> PlannedTrial | None:
        """The first trial not yet given out."""
        return self._waiting.popleft() if self._waiting else None

    def epoch(self, trial: PlannedTrial, epoch: int, score: float) -> None:
        """Nothing to do: a fixed list does not learn."""

    def ended(self, row: TrialRow) -> None:
        """Nothing to do: a fixed list does not learn."""


class OptunaSource:
    """Trials suggested by an Optuna study that survives its driver.

    The ledger is the truth and Optuna follows it. When a driver dies between two writes, the
    next one brings them together again before it asks for anything new:

    ========================  ======================  ==================================
    the ledger says           Optuna says             so
    ========================  ======================  ==================================
    nothing                   RUNNING                 told FAIL: it was never planned
    PLANNED or RUNNING        RUNNING                 trained (again), then told
    final                     RUNNING                 told what the ledger says
    final                     final                   nothing
    PLANNED or RUNNING        final                   trained (again); a power cut can do this
    anything                  no such trial           given back: Optuna's file was lost
    ========================  ======================  ==================================

    Trials of an earlier search space stay in the ledger but are no longer current.

    Args:
        study: the study file.
        ledger: where every suggestion is written before it runs.
        storage: Optuna storage URL, such as ``sqlite:///runs/optuna.db``.
        identify: from a configuration to its content hash.
    """

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        storage: str,
        identify: Callable[[TrialConfig], str],
    ) -> None:
        if study.search is None:
            raise ValueError(f"study '{study.name}' has no search phase")
        self._study = study
        self._ledger = ledger
        self._identify = identify
        self._wanted = study.search.trials
        self._optuna = open_optuna(study, storage)
        self._live: dict[str, optuna.trial.Trial] = {}
        self._reported: dict[str, int] = {}
        self._waiting: deque[PlannedTrial] = deque()
        self._planned = 0
        self._reap()

    @property
    def remaining(self) -> int:
        """Trials still to train, or to take from the ledger."""
        return len(self._waiting) + max(self._wanted - self._planned, 0)

    def next(self) -> PlannedTrial | None:
        """A trial left over from a dead driver, else a new suggestion."""
        if self._waiting:
            return self._waiting.popleft()
        return self._ask() if self._planned < self._wanted else None

    def epoch(self, trial: PlannedTrial, epoch: int, score: float) -> None:
        """Report an intermediate score, once an epoch: a resumed trial may repeat some."""
        live = self._live.get(trial.id)
        if live is not None and epoch > self._reported.get(trial.id, 0):
            live.report(score, epoch)
            self._reported[trial.id] = epoch

    def ended(self, row: TrialRow) -> None:
        """Tell Optuna what the ledger says, unless it knows already."""
        trial = self._live.pop(row.id, None)
        if trial is None:
            return
        status = Status.COMPLETE if row.status is Status.CACHED else row.status
        state = _TOLD.get(status, TrialState.FAIL)
        trial.set_user_attr("ledger_trial", row.id)
        if row.failure is not None:
            trial.set_user_attr("failure", row.failure)
        self._optuna.tell(trial.number, row.score if state is TrialState.COMPLETE else None, state)

    def _ask(self) -> PlannedTrial:
        trial = self._optuna.ask()
        assignment = suggest(self._study, trial)
        planned = search_trial(self._study, trial.number, assignment, self._identify)
        self._ledger.plan(self._study.name, Phase.SEARCH, [planned], replace=False)
        self._live[planned.id] = trial
        self._planned += 1
        return planned

    def _reap(self) -> None:
        rows = {row.number or 0: row for row in search_rows(self._ledger, self._study)}
        self._planned = len(rows)
        present = [_planned(row) for row in rows.values()]
        self._ledger.plan(self._study.name, Phase.SEARCH, present, replace=True)
        self._give_back(rows)
        for frozen in self._optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            row = rows.get(frozen.number)
            if row is None:
                self._optuna.tell(frozen.number, state=TrialState.FAIL)
                continue
            self._live[row.id] = optuna.trial.Trial(self._optuna, frozen._trial_id)
            self._reported[row.id] = frozen.last_step or 0
        for row in rows.values():
            self._take_up(row)

    def _take_up(self, row: TrialRow) -> None:
        if not row.status.final and self._identify(row.config) != row.identity:
            # Changed since it was suggested: its score would belong to neither.
            self._ledger.start(row.id)
            message = "the data or the training code have changed since it was planned"
            self._ledger.fail(row.id, FailureKind.ERROR, message)
            row = self._ledger.trial(row.id)
        if row.status.final:
            self.ended(row)
        else:
            self._waiting.append(_planned(row))

    def _give_back(self, rows: Mapping[int, TrialRow]) -> None:
        """Tell Optuna of the suggestions that only the ledger still knows."""
        known = len(self._optuna.get_trials(deepcopy=False))
        suggested = max(rows, default=-1) + 1
        for number in range(known, suggested):
            row = rows.get(number)
            drawn = optuna.trial.FixedTrial(self._study.assignment(row.config) if row else {})
            if row is not None:
                suggest(self._study, drawn)
            self._optuna.add_trial(
                optuna.trial.create_trial(
                    state=TrialState.RUNNING,
                    params=drawn.params,
                    distributions=drawn.distributions,
                )
            )
        if suggested > known:
            self._optuna.sampler = _sampler(self._study, suggested)


def _planned(row: TrialRow) -> PlannedTrial:
    return PlannedTrial(row.id, row.phase, row.cell, row.identity, row.config, row.number)


def open_optuna(study: Study, storage: str) -> optuna.Study:
    """The Optuna study of a search space, made if it is not there.

    A changed space is a new Optuna study, because a sampler must not mix the two.
    """
    if study.search is None:
        raise ValueError(f"study '{study.name}' has no search phase")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    name = f"{study.name}/{study.space_digest()}"
    found = optuna.create_study(
        storage=optuna.storages.RDBStorage(
            storage, engine_kwargs={"connect_args": {"timeout": 60}}
        ),
        study_name=name,
        direction="maximize",
        load_if_exists=True,
    )
    found.sampler = _sampler(study, len(found.get_trials(deepcopy=False)))
    return found


def _sampler(study: Study, told: int) -> optuna.samplers.BaseSampler:
    """The study's sampler when Optuna knows of ``told`` trials."""
    if study.search is None:
        raise ValueError(f"study '{study.name}' has no search phase")
    # Seeded by what is known, so that a resumed search does not repeat its first guesses.
    seed = study.search.seed + 7919 * told
    if study.search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=8
    )


def suggest(study: Study, trial: optuna.trial.BaseTrial) -> Mapping[str, Any]:
    """Draw a level for every factor that is not fixed and is active given those before it."""
    assignment: dict[str, Any] = dict(study.search.fixed) if study.search else {}
    for name in study.factor_names:
        if name in assignment or not study.active(name, assignment):
            continue
        factor = study.factors[name]
        if isinstance(factor, Categorical):
            assignment[name] = trial.suggest_categorical(name, list(factor.levels))
        elif isinstance(factor, Integer):
            assignment[name] = trial.suggest_int(
                name, factor.low, factor.high, step=factor.step or 1, log=factor.log
            )
        elif isinstance(factor, Float):
            assignment[name] = trial.suggest_float(
                name, factor.low, factor.high, step=factor.step, log=factor.log
            )
    return assignment
