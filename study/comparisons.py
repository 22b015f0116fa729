"""From a phase's trials in the ledger to the rows of a comparison table.

The numbers are computed here, once, and kept in the results database: the SQL view ``ablation``,
the tables and the picture all show those.
"""

import math
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from study.cells import REFERENCE
from study.metrics_from_confusion import METRICS, Metric
from study.statistics import Comparison, Sample, compare, holm
from tracking.ledger import Ledger
from tracking.readings import Confusions, confusions
from tracking.records import Phase, Status
from tracking.rows import ComparisonRow, StudyRow, TrialRow

REPORTED = (Phase.ABLATE, Phase.CONFIRM)
"""The phases that are tested, the more telling one first."""
_DONE = (Status.COMPLETE, Status.CACHED)


@dataclass(frozen=True)
class PhaseReading:
    """What one phase of a study left in the ledger.

    Args:
        study: its row.
        phase: the phase read.
        trials: its current trials, in plan order.
        tested: test predictions of the finished ones.
    """

    study: StudyRow
    phase: Phase
    trials: tuple[TrialRow, ...]
    tested: Confusions

    @classmethod
    def of(cls, ledger: Ledger, study: str, phase: Phase) -> "PhaseReading":
        """Read the phase; an unknown study is an :class:`~sslcl.errors.InputError`."""
        row = ledger.study(study)
        trials = tuple(ledger.trials(study, phase=phase))
        classes = len(row.label_names)
        return cls(row, phase, trials, confusions(ledger.engine, study, phase, "test", classes))

    @cached_property
    def cells(self) -> dict[str, list[TrialRow]]:
        """Finished and tested trials by cell, in plan order."""
        tested = set(self.tested.trials)
        cells: dict[str, list[TrialRow]] = defaultdict(list)
        for trial in self.trials:
            if trial.status in _DONE and trial.id in tested:
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
        place = {trial: index for index, trial in enumerate(self.tested.trials)}
        return {
            cell: Sample(
                tuple(trial.config.seed for trial in trials),
                self.tested.counts[[place[trial.id] for trial in trials]],
            )
            for cell, trials in self.cells.items()
        }


def ablation_rows(ledger: Ledger, study: str, phase: Phase, metric: str) -> list[ComparisonRow]:
    """Compare the cells of a phase with its reference on the test split.

    Returns:
        The reference first, then the other cells in plan order, factor by factor; empty when no
        trial of the phase has finished. Unknown values are ``None``.

    Raises:
        InputError: for an unknown study or metric.
    """
    return _compare(PhaseReading.of(ledger, study, phase), metric)


def write_comparisons(ledger: Ledger, study: str) -> None:
    """Bring the stored comparisons, and with them the SQL view ``ablation``, up to date."""
    for phase in REPORTED:
        reading = PhaseReading.of(ledger, study, phase)
        for metric in METRICS:
            refresh(ledger, reading, metric)


def refresh(ledger: Ledger, reading: PhaseReading, metric: str) -> list[ComparisonRow]:
    """The rows of one table, stored when they are news: reading it again writes nothing."""
    rows = _compare(reading, metric)
    where = (reading.study.name, reading.phase, metric)
    if ledger.comparisons(*where) != rows:
        ledger.put_comparisons(*where, rows)
    return rows


def _compare(reading: PhaseReading, metric: str) -> list[ComparisonRow]:
    scored = Metric.named(metric, reading.study.label_names)
    if not reading.cells:
        return []
    found = compare(reading.samples, reading.reference, scored)
    rows = [_row(reading, metric, cell, found[cell]) for cell in _in_order(reading)]
    corrected = holm([math.nan if row.p_value is None else row.p_value for row in rows])
    return [replace(row, p_corrected=_known(p)) for row, p in zip(rows, corrected, strict=True)]


def _in_order(reading: PhaseReading) -> list[str]:
    """Cells with the reference first and the levels of a factor together, else as planned."""
    factors = list(dict.fromkeys(split_cell(cell)[0] for cell in reading.cells))
    cells = sorted(reading.cells, key=lambda cell: factors.index(split_cell(cell)[0]))
    return sorted(cells, key=lambda cell: cell != reading.reference)


def _row(reading: PhaseReading, metric: str, cell: str, found: Comparison) -> ComparisonRow:
    is_reference = cell == reading.reference
    factor, level = split_cell(cell)
    if is_reference:
        factor, level = REFERENCE, "" if cell == REFERENCE else cell
    seconds = [t.seconds for t in reading.cells[cell] if t.seconds is not None]
    return ComparisonRow(
        study=reading.study.name,
        phase=reading.phase,
        metric=metric,
        cell=cell,
        factor=factor,
        level=level,
        is_reference=is_reference,
        n=found.n,
        mean=found.mean,
        sd=_known(found.sd),
        difference=None if is_reference else _known(found.difference),
        ci_low=None if is_reference else _known(found.ci_low),
        ci_high=None if is_reference else _known(found.ci_high),
        p_value=None if is_reference else _known(found.p_value),
        p_corrected=None,
        seconds=fmean(seconds) if seconds else None,
    )


def split_cell(cell: str) -> tuple[str, str]:
    """Factor and level of a cell's name; those of several factors are joined by ``, ``.

    Example:
        >>> split_cell("similarity=dot"), split_cell("a=1, b=2"), split_cell("winner")
        (('similarity', 'dot'), ('a, b', '1, 2'), ('configuration', 'winner'))
        >>> split_cell("without view text+audio")
        ('without', 'view text+audio')
    """
    if cell.startswith("without "):
        return "without", cell.removeprefix("without ")
    parts = [part.partition("=") for part in re.split(r", (?=[\w.]+=)", cell)]
    if not all(equals for _, equals, _ in parts):
        return "configuration", cell
    return ", ".join(name for name, _, _ in parts), ", ".join(level for _, _, level in parts)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
