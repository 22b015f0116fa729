"""Bringing a study to its end, from wherever it stands."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from search_spaces.schema import Ablate, Study
from sslcl.data.types import Dataset
from study.design.cell import REFERENCE, Cell
from study.design.data_facts import DataFacts
from study.design.extension import extension_trials
from study.design.folds import aligned_cells, cells_of_parts, parts_of, seed_by_seed
from study.design.looks import FIRST_LOOK, GivenLooks
from study.design.plan import ablation_trials, confirm_trials
from study.design.retune import searched_cells
from study.design.tuning import TunedCell, Tuning, search_of, searches_of
from study.execution.callbacks import Callbacks
from study.execution.progress import PhaseProgress
from study.execution.resources import Halt
from study.execution.trial_sources import ListSource, OptunaSource, TrialSource
from study.execution.winner import best_of_search, winner_of_confirmation, winners_of_tuning
from study.execution.workspace import Workspace
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status
from tracking.rows import TrialRow

RETRIED = (FailureKind.NODE, FailureKind.OUT_OF_MEMORY, FailureKind.TIMEOUT)
"""Failures for want of a machine or time: tried again by the next run, but not in searches."""


@dataclass(frozen=True)
class CampaignRun:
    """What a campaign still has to train.

    Args:
        study: the study file.
        dataset: with its test split; a worker gives it to a trial without, where its phase
            searches.
        sources: of trials, phase after phase. The next one is asked for when all trials of the
            one before have ended, since it starts from their results.
    """

    study: Study
    dataset: Dataset
    sources: Iterator[TrialSource]


class TrainingCluster(Protocol):
    """Workers that train trials."""

    def fit(self, run: CampaignRun, ledger: Ledger, callbacks: Callbacks) -> None:
        """Train everything that the sources give out, writing results to the ledger."""


StartCluster = Callable[[], AbstractContextManager[TrainingCluster]]
"""Starts the workers; they stop at the end of the context."""

JudgeLooks = Callable[[Ledger, str, Sequence[str]], GivenLooks]
"""Says from the ledger how many looks the cells of a study's ablation are to be given now."""


def first_look(_ledger: Ledger, _study_name: str, _cells: Sequence[str]) -> GivenLooks:
    """No cell is given more than the seeds of the first look."""
    return FIRST_LOOK


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
        self._parts = parts_of(study, self._data)
        self._ledger = workspace.ledger
        self._home = workspace.home
        self._console = workspace.console
        self._start_cluster = start_cluster
        self._halt = halt
        self._tuned: Sequence[Sequence[TunedCell]] = ()
        self._judge: JudgeLooks = first_look
        self._ablated: Sequence[Sequence[Cell]] = ()
        self._looks = FIRST_LOOK
        self._planned: Sequence[PlannedTrial] = ()
        self._progress: PhaseProgress | None = None
        self.trained = 0
        """Trials that were given to workers and ended."""

    def run(self, judge: JudgeLooks = first_look) -> None:
        """Search, confirm, tune, ablate and extend, as far as the study asks and nothing stops it.

        Args:
            judge: asked after each look of an ablation which cells get more seeds.

        Raises:
            NothingToCompare: when a phase ended without a single finished trial.
        """
        self._ledger.release_running(self._study.name)
        self._judge = judge
        try:
            with closing(self._sources()) as sources:
                self._fit(sources)
        finally:
            # Ray drops the trials in progress without a word when it is told to stop.
            self._ledger.release_running(self._study.name)

    def _sources(self) -> Generator[TrialSource, None, None]:
        """The source of each phase, and of each look, that has something to train.

        A phase is planned when its source is asked for; asking for the next one ends it.
        """
        phases = {
            Phase.SEARCH: self._search,
            Phase.CONFIRM: self._confirm,
            Phase.TUNE: self._tune,
            Phase.ABLATE: self._ablate,
        }
        by_name = ((phase.value, prepare) for phase, prepare in phases.items())
        extension = [(Phase.EXTEND.value, self._extend)]
        for name, prepare in chain(by_name, self._further_looks(), extension):
            self._planned = ()
            for part in (prepare, self._lost):
                source = None if self._halt() else part()
                if source is None or source.remaining == 0:
                    break
                with PhaseProgress(self._console, name, source.remaining) as progress:
                    self._progress = progress
                    yield source

    def _lost(self) -> TrialSource:
        """The trials of a plan whose machines were lost each time, once more.

        A host that is gone may be given a trial again before Ray knows of its end.
        """
        failed = self._ledger.trials(self._study.name, status=Status.FAILED)
        by_node = {row.id for row in failed if row.failure is FailureKind.NODE}
        lost = [trial for trial in self._planned if trial.id in by_node]
        for trial in lost:
            self._ledger.retry(trial.id)
        return ListSource(lost)

    def _further_looks(self) -> Iterator[tuple[str, Callable[[], TrialSource | None]]]:
        """The looks that rows without a verdict are given, one after the other."""
        while any(self._ablated) and not self._halt():
            before, self._looks = self._looks, self._given()
            if self._looks.given == before.given:
                return
            rows = self._looks.given.keys() - {REFERENCE}
            self._console.print(
                f"{Phase.ABLATE.value}: {len(rows - self._looks.stopped)} of {len(rows)} rows get "
                "more seeds, the others have a verdict or would not get one"
            )
            name = f"{Phase.ABLATE.value}, look {max(self._looks.given.values())}"
            yield name, self._look

    def _search(self) -> TrialSource | None:
        if self._study.search is None:
            return None
        source = self._draw([search_of(part) for part in self._parts])
        if source.earlier:
            self._console.print(f"search starts from {source.earlier} earlier trials")
        return source

    def _draw(self, tunings: Sequence[Tuning]) -> OptunaSource:
        return OptunaSource(tunings, self._ledger, self._home.optuna_url, self._data)

    def _confirm(self) -> TrialSource | None:
        confirm = self._study.confirm
        if confirm is None:
            return None
        trials = []
        for part in self._parts:
            best = best_of_search(self._ledger, part, confirm.top)
            trials.append(confirm_trials(part, confirm, best, self._data))
        return self._train(Phase.CONFIRM, seed_by_seed(trials))

    def _tune(self) -> TrialSource | None:
        ablate = self._study.ablate
        if ablate is None or not ablate.tunes_cells:
            return None
        tuned = [
            searched_cells(part, ablate, self._reference(part, ablate), self._data)
            for part in self._parts
        ]
        for note in dict.fromkeys(note for _, notes in tuned for note in notes):
            self._console.print(f"{Phase.TUNE.value}: {note}")
        self._tuned = [cells for cells, _ in tuned]
        searches = [tuning for cells in self._tuned for tuning in searches_of(cells)]
        return self._draw(searches) if searches else None

    def _ablate(self) -> TrialSource | None:
        ablate = self._study.ablate
        if ablate is None:
            return None
        self._ablated = self._tuned_winners() if self._tuned else self._cells(ablate)
        references = {
            part.fold: dict(cells[0].assignment if cells else self._reference(part, ablate))
            for part, cells in zip(self._parts, self._ablated, strict=True)
        }
        by_fold = {str(fold): levels for fold, levels in references.items()}
        self._ledger.set_reference(self._study.name, references.get(None, by_fold))
        self._looks = self._given()
        return self._look()

    def _given(self) -> GivenLooks:
        names = [cell.name for cell in self._ablated[0]]
        return self._judge(self._ledger, self._study.name, names)

    def _look(self) -> TrialSource | None:
        """The trials of all looks that are given by now, those that are left to train."""
        ablate = self._study.ablate
        if ablate is None:
            return None
        trials = [
            ablation_trials(part, ablate, cells, self._data, self._looks)
            for part, cells in zip(self._parts, self._ablated, strict=True)
        ]
        return self._train(Phase.ABLATE, seed_by_seed(trials))

    def _extend(self) -> TrialSource | None:
        ablate = self._study.ablate
        if ablate is None or not ablate.extension_check:
            return None
        rows = self._ledger.trials(self._study.name, phase=Phase.ABLATE)
        return self._train(Phase.EXTEND, extension_trials(rows, self._data))

    def _tuned_winners(self) -> Sequence[Sequence[Cell]]:
        """The winners of all cells' searches in each fold, the reference first.

        A cell whose search came to nothing in one fold is left out of all.
        """
        won = [winners_of_tuning(self._ledger, cells) for cells in self._tuned]
        lost = dict.fromkeys(name for _, without in won for name in without)
        for name in lost:
            text = f"{name}: left out, no trial of its search finished"
            self._console.print(text, style="red")
        cells = [[cell for cell in winners if cell.name not in lost] for winners, _ in won]
        return aligned_cells(self._parts, cells)

    def _cells(self, ablate: Ablate) -> Sequence[Sequence[Cell]]:
        """The reference, and the cells that the design puts around it, in each fold."""
        references = [self._reference(part, ablate) for part in self._parts]
        designed = cells_of_parts(self._parts, ablate, references, self._data)
        for note in (note for cells in designed for note in cells.notes):
            self._console.print(f"{Phase.ABLATE.value}: {note}")
        return [cells.cells for cells in designed]

    def _reference(self, part: Study, ablate: Ablate) -> Mapping[str, Any]:
        if isinstance(ablate.reference, Mapping):
            return ablate.reference
        if part.confirm is not None:
            return winner_of_confirmation(self._ledger, part).assignment
        return best_of_search(self._ledger, part, 1)[0]

    def _train(self, phase: Phase, trials: Sequence[PlannedTrial]) -> TrialSource:
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
            original = self._ledger.find_finished(trial.identity, needs_test=not phase.sealed)
            if original is None:
                waiting.append(trial)
            else:
                self._ledger.cache(trial.id, original.id)
        self._planned = waiting
        return ListSource(waiting)

    def _fit(self, sources: Iterator[TrialSource]) -> None:
        first = next(sources, None)
        if first is None:
            return

        def epoch() -> None:
            if self._progress is not None:
                self._progress.epoch()

        def ended(row: TrialRow) -> None:
            self.trained += row.status is not Status.CACHED
            if self._progress is not None:
                self._progress.ended(row)

        run = CampaignRun(self._study, self._dataset, chain([first], sources))
        with self._start_cluster() as cluster:
            cluster.fit(run, self._ledger, Callbacks(self._halt, epoch, ended, self._console.print))
