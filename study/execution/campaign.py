"""Bringing a study to its end, from wherever it stands."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from sslcl.identity import trial_identity
from study.design.ablation import ablation_cells
from study.design.plan import ablation_trials, confirm_trials, tuned_trials
from study.design.tuning import Tuning, search_of, tuned_cells
from study.execution.progress import PhaseProgress
from study.execution.resources import Halt, Resources
from study.execution.trial_sources import ListSource, OptunaSource, Source
from study.execution.winner import best_of_search, winner_of_confirmation, winners_of_tuning
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status
from tracking.rows import TrialRow

if TYPE_CHECKING:
    from study.execution.ray_cluster import Cluster


RETRIED = (FailureKind.NODE, FailureKind.OUT_OF_MEMORY)
"""Failures for want of a machine: tried again by the next run, outside of search and tuning."""


class Campaign:
    """Search, confirmation and ablation of one study.

    Running is resuming: what the ledger already holds is not trained again, and Ray is started
    only if something is left to train.

    Args:
        study: the study file.
        dataset: with its test split; search is given it without.
        ledger: the results database.
        home: where everything a run leaves is kept.
        resources: what trials may use.
        console: where progress is shown.
        halt: whether to stop early.
        on_start: called when the first trial is about to be trained.
    """

    def __init__(
        self,
        study: Study,
        dataset: Dataset,
        ledger: Ledger,
        home: Path,
        resources: Resources,
        console: Console,
        halt: Halt,
        on_start: Callable[[], None],
    ) -> None:
        self._study = study
        self._dataset = dataset
        self._ledger = ledger
        self._home = home
        self._resources = resources
        self._console = console
        self._halt = halt
        self._on_start = on_start
        self._cluster: Cluster | None = None
        self.trained = 0
        """Trials that were given to workers and ended."""

    def identify(self, config: TrialConfig) -> str:
        """The content hash of a trial on this study's data."""
        return trial_identity(config, self._dataset.fingerprint)

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
        storage = f"sqlite:///{(self._home / 'optuna.db').resolve()}"
        source = OptunaSource(tunings, self._ledger, storage, self.identify)
        self._fit(stack, phase, source, source.remaining, self._dataset.sealed())

    def _confirm(self, stack: ExitStack) -> None:
        if self._study.confirm is None:
            return
        best = best_of_search(self._ledger, self._study, self._study.confirm.top)
        self._train(stack, Phase.CONFIRM, confirm_trials(self._study, best, self.identify))

    def _tune(self, stack: ExitStack) -> None:
        if self._study.ablate is None or self._study.ablate.design != "tuned":
            return
        cells, notes = tuned_cells(self._study, self._reference(), self.identify)
        for note in notes:
            self._console.print(f"{Phase.TUNE.value}: {note}")
        self._draw(stack, Phase.TUNE, [cell.tuning for cell in cells])

    def _ablate(self, stack: ExitStack) -> None:
        if self._study.ablate is None:
            return
        reference = self._reference()
        if self._study.ablate.design == "tuned":
            cells, _ = tuned_cells(self._study, reference, self.identify)
            winners, without = winners_of_tuning(self._ledger, cells)
            for name in without:
                self._console.print(f"[red]{name}: left out, no trial of its search finished[/red]")
            reference = winners[0].assignment
            trials = tuned_trials(self._study, winners, self.identify)
        else:
            modalities = tuple(self._dataset.modalities)
            found = ablation_cells(self._study, reference, self.identify, modalities)
            for note in found.notes:
                self._console.print(f"{Phase.ABLATE.value}: {note}")
            trials = ablation_trials(self._study, reference, self.identify, modalities)
        self._ledger.set_reference(self._study.name, dict(reference))
        self._train(stack, Phase.ABLATE, trials)

    def _reference(self) -> Mapping[str, Any]:
        ablate = self._study.ablate
        if ablate is not None and isinstance(ablate.reference, Mapping):
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
        self._fit(stack, phase, ListSource(waiting), len(waiting), self._dataset)

    def _fit(
        self, stack: ExitStack, phase: Phase, source: Source, total: int, dataset: Dataset
    ) -> None:
        if total == 0:
            return
        cluster = self._cluster or self._start(stack)
        with PhaseProgress(self._console, phase.value, total) as progress:

            def ended(row: TrialRow) -> None:
                self.trained += row.status is not Status.CACHED
                progress.ended(row)

            cluster.fit(
                phase,
                self._study,
                source,
                dataset,
                self._ledger,
                halt=self._halt,
                on_epoch=progress.epoch,
                on_end=ended,
            )

    def _start(self, stack: ExitStack) -> "Cluster":
        # Importing and starting Ray takes seconds that a finished study need not spend.
        from study.execution.ray_cluster import Cluster

        self._on_start()
        with self._console.status("starting Ray"):
            self._cluster = stack.enter_context(Cluster(self._resources, self._home))
        return self._cluster
