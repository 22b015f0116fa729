"""Where the next trial comes from: a fixed list, or Optuna. Neither knows Ray."""

import sqlite3
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna.trial import TrialState
from sqlalchemy import event
from sqlalchemy.engine import make_url

from search_spaces.schema import Assignment
from sslcl.learning.score_names import validation_metric
from study.design.data_facts import DataFacts
from study.design.space import suggest
from study.design.tuning import Tuning
from study.execution.warm_start import earlier_trials, first_levels
from study.execution.winner import tuning_rows
from tracking.ledger import Ledger
from tracking.records import FailureKind, PlannedTrial, Status
from tracking.rows import TrialRow

_EARLIER = "earlier_trial"
"""Attribute of Optuna's trials that are of other searches: the id in the ledger."""
_TOLD = {Status.COMPLETE: TrialState.COMPLETE, Status.PRUNED: TrialState.PRUNED}


class TrialSource(Protocol):
    """Gives out trials and is told how they went."""

    @property
    def remaining(self) -> int:
        """Trials still to train, or to take from the ledger."""

    def next(self) -> PlannedTrial | None:
        """The next trial to train, or ``None`` when there are no more."""

    def rest_of_group(self, trial: PlannedTrial, /) -> Sequence[PlannedTrial]:
        """The other trials of the group of a trial given out, which are given out with it."""

    def ended(self, row: TrialRow) -> None:
        """Take note of a trial that has ended; its row in the ledger is final."""


class ListSource:
    """The trials of a plan, in order.

    Args:
        trials: those still to train.
    """

    def __init__(self, trials: Sequence[PlannedTrial]) -> None:
        self._waiting = deque(trials)

    @property
    def remaining(self) -> int:
        """Trials not yet given out."""
        return len(self._waiting)

    def next(self) -> PlannedTrial | None:
        """The first trial not yet given out."""
        return self._waiting.popleft() if self._waiting else None

    def rest_of_group(self, trial: PlannedTrial, /) -> Sequence[PlannedTrial]:
        """Those not yet given out, in order; they come with ``trial``.

        Of trials that differ in name only the first: it has the result of the others too.
        """
        if trial.group is None:
            return ()
        members = {trial.identity: trial}
        for other in self._waiting:
            if other.group == trial.group:
                members.setdefault(other.identity, other)
        rest = [member for member in members.values() if member is not trial]
        given = {member.id for member in rest}
        self._waiting = deque(other for other in self._waiting if other.id not in given)
        return rest

    def ended(self, row: TrialRow) -> None:
        """Nothing to do: a fixed list does not learn."""


class OptunaSource:
    """Trials suggested by Optuna for one search, or for several that take turns.

    Each search has an Optuna study of its own that survives its driver. They take turns, so that
    workers are busy to the end and every search learns early from its own results.

    Trials of an earlier search space stay in the ledger but are no longer current.

    Args:
        tunings: the searches, of one study and one phase.
        ledger: where every suggestion is written before it runs.
        storage: Optuna storage URL, such as ``sqlite:///runs/optuna.db``.
        data: gives each trial its identity.
    """

    def __init__(
        self,
        tunings: Sequence[Tuning],
        ledger: Ledger,
        storage: str,
        data: DataFacts,
    ) -> None:
        opened = _storage(storage)
        rows = [tuning_rows(ledger, tuning) for tuning in tunings]
        _make_current(ledger, tunings, rows)
        self._searches = [
            OptunaSearch(tuning, own, ledger, opened, data)
            for tuning, own in zip(tunings, rows, strict=True)
        ]
        self._turns = deque(self._searches)

    @property
    def remaining(self) -> int:
        """Trials still to train, or to take from the ledger."""
        return sum(search.remaining for search in self._searches)

    @property
    def earlier(self) -> int:
        """Trials of other searches that the samplers were told of when their search began."""
        return sum(search.earlier for search in self._searches)

    def next(self) -> PlannedTrial | None:
        """A trial of the search whose turn it is."""
        while self._turns:
            search = self._turns.popleft()
            trial = search.next()
            if trial is not None:
                self._turns.append(search)
                return trial
        return None

    def rest_of_group(self, _trial: PlannedTrial, /) -> Sequence[PlannedTrial]:
        """None: trials of a search differ in architecture and are pruned one by one."""
        return ()

    def ended(self, row: TrialRow) -> None:
        """Pass it on to the search that the trial is of."""
        for search in self._searches:
            search.ended(row)


class OptunaSearch:
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
    final, of another search  no such trial           told, before this search's first trial
    final, of another search  final, marked so        nothing
    ========================  ======================  ==================================

    Trials of other searches (see :func:`~study.execution.warm_start.earlier_trials`) take Optuna's
    first numbers, are no rows of this search and do not count towards its budget. The first
    trials are not drawn (see :func:`~study.execution.warm_start.first_levels`).

    Of the epochs Optuna is told one: the last of a pruned trial, by which its sampler ranks it.
    The ledger has them all. Ends of trials that belong to other searches are ignored.

    Args:
        tuning: space and budget.
        rows: the ledger's trials of it, all of them current.
        ledger: where every suggestion is written before it runs.
        storage: Optuna's storage.
        data: gives each trial its identity.
    """

    def __init__(
        self,
        tuning: Tuning,
        rows: Sequence[TrialRow],
        ledger: Ledger,
        storage: optuna.storages.BaseStorage,
        data: DataFacts,
    ) -> None:
        self._tuning = tuning
        self._ledger = ledger
        self._data = data
        self._optuna = open_optuna(tuning, storage)
        self._live: dict[str, optuna.trial.Trial] = {}
        self._reported: dict[str, int] = {}
        self._waiting: deque[PlannedTrial] = deque()
        self._planned = len(rows)
        self._first = first_levels(ledger, tuning, data)
        self._tell_earlier(rows)
        self._reap({row.number or 0: row for row in rows})

    @property
    def earlier(self) -> int:
        """Trials of other searches that the sampler knows."""
        return sum(
            _EARLIER in trial.user_attrs for trial in self._optuna.get_trials(deepcopy=False)
        )

    @property
    def remaining(self) -> int:
        """Trials still to train, or to take from the ledger."""
        return len(self._waiting) + max(self._tuning.settings.trials - self._planned, 0)

    def next(self) -> PlannedTrial | None:
        """A trial left over from a dead driver, else a new suggestion."""
        if self._waiting:
            return self._waiting.popleft()
        return self._ask() if self._planned < self._tuning.settings.trials else None

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
        if state is TrialState.PRUNED:
            self._report_last(trial, row)
        self._optuna.tell(trial.number, row.score if state is TrialState.COMPLETE else None, state)

    def _report_last(self, trial: optuna.trial.Trial, row: TrialRow) -> None:
        for epoch, score in self._last_score(row).items():
            # A driver that died here may have reported it already.
            if epoch > self._reported.get(row.id, 0):
                trial.report(score, epoch)

    def _last_score(self, row: TrialRow) -> dict[int, float]:
        points = self._ledger.epoch_metrics(row.id)
        criterion = validation_metric(row.config.criterion)
        scores = {point.epoch: point.value for point in points if point.metric == criterion}
        return {max(scores): scores[max(scores)]} if scores else {}

    def _ask(self) -> PlannedTrial:
        given = self._first[self._planned :][:1]
        trial = self._ask_for(given[0]) if given else self._optuna.ask()
        assignment = suggest(self._tuning, trial)
        planned = self._tuning.trial(trial.number, assignment, self._data)
        self._ledger.plan(self._tuning.study.name, planned.phase, [planned], replace=False)
        self._live[planned.id] = trial
        self._planned += 1
        return planned

    def _reap(self, rows: Mapping[int, TrialRow]) -> None:
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
        if not row.status.final and self._data.identify(row.config) != row.identity:
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
            drawn = self._drawn(self._tuning.study.assignment(row.config)) if row else {}
            self._optuna.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, **drawn))
        if suggested > known:
            self._optuna.sampler = _sampler(self._tuning, suggested)

    def _tell_earlier(self, rows: Sequence[TrialRow]) -> None:
        """Tell Optuna of other searches' trials, as far as this one has taken no number yet."""
        known = self._optuna.get_trials(deepcopy=False)
        # Where Optuna's file was lost, numbers below this search's own are free.
        room = min(row.number or 0 for row in rows) - len(known) if rows else None
        if room is not None and room <= 0:
            return
        told = {trial.user_attrs.get(_EARLIER) for trial in known}
        earlier = earlier_trials(self._ledger, self._tuning, self._data)
        for row in [row for row in earlier if row.id not in told][:room]:
            self._optuna.add_trial(self._finished(row))
        count = len(self._optuna.get_trials(deepcopy=False))
        self._optuna.sampler = _sampler(self._tuning, count)

    def _finished(self, row: TrialRow) -> optuna.trial.FrozenTrial:
        """Another search's trial as Optuna keeps it."""
        pruned = row.status is Status.PRUNED
        return optuna.trial.create_trial(
            state=_TOLD[row.status],
            value=None if pruned else row.score,
            intermediate_values=self._last_score(row) if pruned else {},
            user_attrs={_EARLIER: row.id},
            **self._drawn(self._tuning.study.assignment(row.config)),
        )

    def _ask_for(self, levels: Assignment) -> optuna.trial.Trial:
        """A trial of given levels."""
        drawn = self._drawn(levels)
        self._optuna.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, **drawn))
        latest = self._optuna.get_trials(deepcopy=False)[-1]
        return optuna.trial.Trial(self._optuna, latest._trial_id)

    def _drawn(self, levels: Assignment) -> dict[str, Any]:
        """What Optuna keeps of a suggestion."""
        drawn = optuna.trial.FixedTrial(dict(levels))
        suggest(self._tuning, drawn)
        return {"params": drawn.params, "distributions": drawn.distributions}


def _planned(row: TrialRow) -> PlannedTrial:
    return PlannedTrial(row.id, row.phase, row.cell, row.identity, row.config, row.number)


def _make_current(
    ledger: Ledger, tunings: Sequence[Tuning], rows: Sequence[Sequence[TrialRow]]
) -> None:
    """Trials of these searches are what the phase asks for, in the order they were drawn in."""
    present = sorted(chain(*rows), key=lambda row: row.number or 0)
    (study,) = {tuning.study.name for tuning in tunings}
    (phase,) = {tuning.phase for tuning in tunings}
    ledger.plan(study, phase, [_planned(row) for row in present], replace=True)


def _storage(url: str) -> optuna.storages.BaseStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    _use_write_ahead_log(url)
    storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})
    engine = getattr(storage, "engine", None)
    if engine is not None:
        event.listen(engine, "connect", _sync_seldom)
        # Connections from before the listener are opened anew.
        engine.dispose()
    return storage


def _use_write_ahead_log(url: str) -> None:
    """A commit then appends to one file; the file itself remembers that it is so."""
    path = make_url(url).database
    if path is None or not Path(path).parent.is_dir():
        return
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _sync_seldom(connection: sqlite3.Connection, _record: object) -> None:
    # A power cut may take the last commits, which the ledger then gives back.
    connection.execute("PRAGMA synchronous = NORMAL")


def open_optuna(tuning: Tuning, storage: optuna.storages.BaseStorage) -> optuna.Study:
    """The Optuna study of a search space, made if it is not there.

    A changed space is a new Optuna study, because a sampler must not mix the two.
    """
    opened = optuna.create_study(
        storage=storage, study_name=tuning.name, direction="maximize", load_if_exists=True
    )
    opened.sampler = _sampler(tuning, len(opened.get_trials(deepcopy=False)))
    return opened


def _sampler(tuning: Tuning, told: int) -> optuna.samplers.BaseSampler:
    """The sampler of a search when Optuna knows of ``told`` trials."""
    # Seeded by what is known, so that a resumed search does not repeat its first guesses.
    seed = tuning.settings.seed + 7919 * told
    if tuning.settings.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=8
    )
