"""What a phase left in the ledger, read when it is first asked for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from search_spaces.factors import level_name
from sslcl.errors import InputError
from study.analysis.levels import BY_FOLD, config_level
from study.analysis.phases import REPORTED_NAMES
from study.design.cell import REFERENCE
from study.stats.comparison import Sample
from study.stats.names import PROBE
from tracking.ledger import Ledger
from tracking.ledger.predictions import Confusions, Scored, confusions, scored
from tracking.records import Phase
from tracking.rows import StudyRow, TrialRow

REPORTED = tuple(map(Phase, REPORTED_NAMES))
"""The phases that are tested, in the order in which a report looks for trials."""


@dataclass(frozen=True)
class PhaseReading:
    """What one phase of a study left in the ledger.

    Args:
        study_row: of its study.
        phase: the phase read.
        trials: its current trials, in plan order.
        ledger: where test predictions are read when they are first asked for.
        some_folds: whether the trials of other folds were left out.
    """

    study_row: StudyRow
    phase: Phase
    trials: tuple[TrialRow, ...]
    ledger: Ledger
    some_folds: bool = False

    @classmethod
    def of(cls, ledger: Ledger, study_name: str, phase: Phase) -> "PhaseReading":
        """Read the phase; an unknown study is an :class:`~sslcl.errors.InputError`."""
        trials = tuple(ledger.trials(study_name, phase=phase))
        return cls(ledger.study(study_name), phase, trials, ledger)

    @cached_property
    def extensions(self) -> tuple[TrialRow, ...]:
        """The study's extended trials."""
        return tuple(self.ledger.trials(self.study_row.name, phase=Phase.EXTEND))

    @cached_property
    def tested(self) -> Confusions:
        """Test predictions of the finished trials."""
        classes = len(self.study_row.label_names)
        return confusions(self.ledger.engine, self.study_row.name, self.phase, "test", classes)

    @cached_property
    def probed(self) -> Confusions:
        """Test predictions of the linear probes on the finished trials' features."""
        classes = len(self.study_row.label_names)
        return confusions(self.ledger.engine, self.study_row.name, self.phase, "probe", classes)

    @cached_property
    def scored(self) -> Scored:
        """Which trials have test predictions, and of how much."""
        return scored(self.ledger.engine, self.study_row.name, self.phase, "test")

    @cached_property
    def size(self) -> tuple[int, int]:
        """Conversations and utterances that each seed is tested on, on all folds read together."""
        if not self.some_folds:
            return self.scored.conversations, self.scored.utterances
        trials = next(iter(self.cells.values()), [])
        own = {trial.id for trial in trials if trial.config.seed == trials[0].config.seed}
        counts = self.tested.counts[[trial in own for trial in self.tested.trials]].sum((0, 2, 3))
        return int((counts > 0).sum()), int(counts.sum())

    @cached_property
    def folds(self) -> tuple[str, ...]:
        """The folds that the trials test on, in plan order; none on the corpus's own splits."""
        names = dict.fromkeys(trial.config.fold for trial in self.trials)
        return tuple(name for name in names if name is not None)

    @cached_property
    def cells(self) -> dict[str, list[TrialRow]]:
        """Finished and tested trials by cell, in plan order.

        On folds a seed counts when its trials of all folds are there, since they are scored
        together.
        """
        tested = self.scored.trials
        seeds: dict[tuple[str, int], list[TrialRow]] = defaultdict(list)
        for trial in self.trials:
            if trial.status.scored and trial.id in tested:
                seeds[trial.cell, trial.config.seed].append(trial)
        cells: dict[str, list[TrialRow]] = defaultdict(list)
        for (cell, _), trials in seeds.items():
            if len(trials) >= len(self.folds):
                cells[cell] += trials
        return dict(cells)

    @cached_property
    def reference(self) -> str:
        """The planned reference, else the cell with the best mean validation score."""
        if REFERENCE in self.cells:
            return REFERENCE
        return max(self.cells, key=lambda cell: fmean(t.score or 0.0 for t in self.cells[cell]))

    def reference_level(self, factor: str) -> str | None:
        """The reference's level of a factor; each fold may have a winner, and level, of its own."""
        configs = [trial.config for trial in self.cells[self.reference]]
        levels = {level_name(level): level for level in (config_level(c, factor) for c in configs)}
        if len(levels) > 1:
            return BY_FOLD
        return next((name for name, level in levels.items() if level is not None), None)

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """Confusion counts by cell."""
        return self._samples(self.tested)

    def samples_of(self, metric: str) -> dict[str, Sample]:
        """Confusion counts of the predictions that ``metric`` scores, by cell.

        Raises:
            InputError: for a metric of the probe where a trial has none.
        """
        if not metric.startswith(PROBE):
            return self.samples
        return self._samples(self._predicted(metric))

    def samples_by_fold(self, metric: str) -> dict[str, dict[str, Sample]]:
        """Cell and fold to the confusion counts on the conversations of that fold alone.

        Raises:
            InputError: for a metric of the probe where a trial has none.
        """
        predicted = self._predicted(metric)
        place = {trial: index for index, trial in enumerate(predicted.trials)}
        samples: dict[str, dict[str, Sample]] = {cell: {} for cell in self.cells}
        for cell, trials in self.cells.items():
            for fold in self.folds:
                own = [trial for trial in trials if trial.config.fold == fold]
                counts = predicted.counts[[place[trial.id] for trial in own]]
                samples[cell][fold] = Sample(tuple(t.config.seed for t in own), counts)
        return samples

    def _predicted(self, metric: str) -> Confusions:
        """The predictions that ``metric`` scores."""
        if not metric.startswith(PROBE):
            return self.tested
        probed = set(self.probed.trials)
        if any(trial.id not in probed for trials in self.cells.values() for trial in trials):
            raise InputError(
                f"trials of the {self.phase.value} phase of '{self.study_row.name}' were trained "
                f"before probes were recorded: '{metric}' is not known"
            )
        return self.probed

    def _samples(self, predicted: Confusions) -> dict[str, Sample]:
        """The predictions of each cell, those of all folds of a seed together.

        Every fold tests other conversations of the corpus, so their counts add up to one row.
        """
        place = {trial: index for index, trial in enumerate(predicted.trials)}
        samples: dict[str, Sample] = {}
        for cell, trials in self.cells.items():
            of_seed = by_seed(trials)
            rows = [[place[trial.id] for trial in own] for own in of_seed.values()]
            counts = [predicted.counts[own].sum(0) for own in rows]
            samples[cell] = Sample(tuple(of_seed), np.stack(counts))
        if not self.folds:
            return samples
        # Of some folds alone, only their conversations were tested.
        whole = [sample.confusion.any((0, 2, 3)) for sample in samples.values()]
        kept = np.logical_or.reduce(whole) if whole else slice(None)
        return {c: Sample(s.seeds, s.confusion[:, kept]) for c, s in samples.items()}


def by_seed(trials: Sequence[TrialRow]) -> dict[int, list[TrialRow]]:
    """The trials of one cell by their seed: one each, or one a fold."""
    seeds: dict[int, list[TrialRow]] = defaultdict(list)
    for trial in trials:
        seeds[trial.config.seed].append(trial)
    return dict(seeds)
