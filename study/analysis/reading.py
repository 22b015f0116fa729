"""What a phase left in the ledger, read when it is first asked for."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from sslcl.errors import InputError
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
    """

    study_row: StudyRow
    phase: Phase
    trials: tuple[TrialRow, ...]
    ledger: Ledger

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
    def cells(self) -> dict[str, list[TrialRow]]:
        """Finished and tested trials by cell, in plan order."""
        tested = self.scored.trials
        cells: dict[str, list[TrialRow]] = defaultdict(list)
        for trial in self.trials:
            if trial.status.scored and trial.id in tested:
                cells[trial.cell].append(trial)
        return dict(cells)

    @cached_property
    def reference(self) -> str:
        """The planned reference, else the cell with the best mean validation score."""
        if REFERENCE in self.cells:
            return REFERENCE
        return max(self.cells, key=lambda cell: fmean(t.score or 0.0 for t in self.cells[cell]))

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
        probed = set(self.probed.trials)
        if any(trial.id not in probed for trials in self.cells.values() for trial in trials):
            raise InputError(
                f"trials of the {self.phase.value} phase of '{self.study_row.name}' were trained "
                f"before probes were recorded: '{metric}' is not known"
            )
        return self._samples(self.probed)

    def _samples(self, predicted: Confusions) -> dict[str, Sample]:
        place = {trial: index for index, trial in enumerate(predicted.trials)}
        return {
            cell: Sample(
                tuple(trial.config.seed for trial in trials),
                predicted.counts[[place[trial.id] for trial in trials]],
            )
            for cell, trials in self.cells.items()
        }
