"""Bringing a study to its end, from wherever it stands."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from search_spaces.schema import Ablate, Study
from sslcl.data.types import Dataset
from study.design.ablation import ablation_cells
from study.design.cell import Cell
from study.design.data_facts import DataFacts
from study.design.plan import ablation_trials, confirm_trials
from study.design.tuning import TunedCell, Tuning, search_of, tuned_cells
from study.execution.callbacks import Callbacks
from study.execution.progress import PhaseProgress
from study.execution.resources import Halt
from study.execution.trial_sources import ListSource, OptunaSource, TrialSource
from study.execution.winner import best_of_search, winner_of_confirmation, winners_of_tuning
from study.execution.workspace import Workspace
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status
from tracking.rows import TrialRow

RETRIED = (FailureKind.NODE, FailureKind.OUT_OF_MEMORY)
"""Failures for want of a machine: tried again by the next run, outside of search and tuning."""


@dataclass(frozen=True)
class PhaseRun:
    """What one phase still has to train.

    Args:
        study: the study file.
        phase: which of its phases.
        source: gives out the trials.
        dataset: without its test split where the phase searches.
    """

    study: Study
    phase: Phase
    source: TrialSource
    dataset: Dataset


class TrainingCluster(Protocol):
    """Workers that train trials."""

    def fit(self, phase_run: PhaseRun, ledger: Ledger, callbacks: Callbacks) -> None:
        """Train everything that the phase's source gives out, writing results to the ledger."""


StartCluster = Callable[[], AbstractContextManager[TrainingCluster]]
"""Starts the workers; they stop at the end of the context."""


class Campaign:
    """Search, confirmation and ablation of one study.

    Running is resuming: what the ledger already holds is not trained again, and workers are
    started only if something is left to train.

    Args:
        study: the study file.
        dataset: with its test split; search is given it without.
        workspace: ledger, home folder and console of the run.
        start_cluster: called when the first trial is about to be trained.
        halt: whether to stop early.
    """

    def __init__(
        self,
        study: Study,
        dataset: Dataset,
        workspace: Workspace,
        start_cluster: StartCluster,
        halt: Halt,
    ) -> None:
        self._study = study
        self._dataset = dataset
        self._data = DataFacts.of(dataset)
        self._ledger = workspace.ledger
        self._home = workspace.home
        self._console = workspace.console
        self._start_cluster = start_cluster
        self._halt = halt
        self._tuned: Sequence[TunedCell] = ()
        self._cluster: TrainingCluster | None = None
        self.trained = 0
        """Trials that were given to workers and ended."""

    def run(self) -> None:
        """Search, confirm, tune and ablate, as far as the study asks and nothing stops it.

        Raises:
            NothingToCompare: when a phase ended without a single finished trial.
        """
        self._ledger.release_running(self._study.name)
        try:
            with ExitStack() as stack:
                for phase in (self._search, self._confirm, self._tune, self._ablate):
                    if not self._halt():
                        phase(stack)
        finally:
            # Ray drops the trials in progress without a word when it is told to stop.
            self._ledger.release_running(self._study.name)

    def _search(self, stack: ExitStack) -> None:
        if self._study.search is None:
            return
        self._draw(stack, Phase.SEARCH, [search_of(self._study)])

    def _draw(self, stack: ExitStack, phase: Phase, tunings: Sequence[Tuning]) -> None:
        storage = f"sqlite:///{self._home.optuna.resolve()}"
        source = OptunaSource(tunings, self._ledger, storage, self._data)
        phase_run = PhaseRun(self._study, phase, source, self._dataset.sealed())
        self._fit(stack, phase_run, source.remaining)

    def _confirm(self, stack: ExitStack) -> None:
        confirm = self._study.confirm
        if confirm is None:
            return
        best = best_of_search(self._ledger, self._study, confirm.top)
        trials = confirm_trials(self._study, confirm, best, self._data)
        self._train(stack, Phase.CONFIRM, trials)

    def _tune(self, stack: ExitStack) -> None:
        ablate = self._study.ablate
        if ablate is None or ablate.design != "tuned":
            return
        self._tuned, notes = tuned_cells(self._study, ablate, self._reference(ablate), self._data)
        for note in notes:
            self._console.print(f"{Phase.TUNE.value}: {note}")
        self._draw(stack, Phase.TUNE, [cell.tuning for cell in self._tuned])

    def _ablate(self, stack: ExitStack) -> None:
        ablate = self._study.ablate
        if ablate is None:
            return
        reference, cells = self._tuned_winners() if self._tuned else self._cells(ablate)
        self._ledger.set_reference(self._study.name, dict(reference))
        self._train(stack, Phase.ABLATE, ablation_trials(self._study, ablate, cells, self._data))

    def _tuned_winners(self) -> tuple[Mapping[str, Any], Sequence[Cell]]:
        """The reference's own winner, and the winners of all cells' searches."""
        winners, without = winners_of_tuning(self._ledger, self._tuned)
        for name in without:
            self._console.print(f"[red]{name}: left out, no trial of its search finished[/red]")
        return winners[0].assignment, winners

    def _cells(self, ablate: Ablate) -> tuple[Mapping[str, Any], Sequence[Cell]]:
        """The reference, and the cells that the design puts around it."""
        reference = self._reference(ablate)
        designed = ablation_cells(self._study, ablate, reference, self._data)
        for note in designed.notes:
            self._console.print(f"{Phase.ABLATE.value}: {note}")
        return reference, designed.cells

    def _reference(self, ablate: Ablate) -> Mapping[str, Any]:
        if isinstance(ablate.reference, Mapping):
            return ablate.reference
        if self._study.confirm is not None:
            return winner_of_confirmation(self._ledger, self._study).assignment
        return best_of_search(self._ledger, self._study, 1)[0]

    def _train(self, stack: ExitStack, phase: Phase, trials: Sequence[PlannedTrial]) -> None:
        name = self._study.name
        self._ledger.plan(name, phase, trials, replace=True)
        for row in self._ledger.trials(name, phase=phase, status=Status.FAILED):
            if row.failure in RETRIED:
                self._ledger.retry(row.id)
        planned = {row.id for row in self._ledger.trials(name, phase=phase, status=Status.PLANNED)}
        waiting = []
        for trial in trials:
            if trial.id not in planned:
                continue
            original = self._ledger.find_finished(trial.identity, needs_test=True)
            if original is None:
                waiting.append(trial)
            else:
                self._ledger.cache(trial.id, original.id)
        phase_run = PhaseRun(self._study, phase, ListSource(waiting), self._dataset)
        self._fit(stack, phase_run, len(waiting))

    def _fit(self, stack: ExitStack, phase_run: PhaseRun, total: int) -> None:
        if total == 0:
            return
        if self._cluster is None:
            self._cluster = stack.enter_context(self._start_cluster())
        with PhaseProgress(self._console, phase_run.phase.value, total) as progress:

            def ended(row: TrialRow) -> None:
                self.trained += row.status is not Status.CACHED
                progress.ended(row)

            callbacks = Callbacks(self._halt, progress.epoch, ended)
            self._cluster.fit(phase_run, self._ledger, callbacks)
