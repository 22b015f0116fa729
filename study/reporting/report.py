"""What a study found, as tables and files.

Modules that bring in a heavy library are imported where a table needs them: the table of
comparisons that are stored already needs none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sslcl.errors import InputError, unknown
from sslcl.files import write_whole
from study.analysis.comparisons import Rules, refresh, score_rows
from study.analysis.costs import cost_rows, known_metric
from study.analysis.design_kind import is_factorial, searches
from study.analysis.filters import Conditions
from study.analysis.reading import PhaseReading
from study.analysis.sizes import cell_parameters
from study.analysis.validity import CellMarks, cell_marks
from study.reporting.captions import (
    caption,
    notes,
    reference_levels,
    retuned_levels,
    undecided_note,
)
from study.reporting.comparison_table import ComparisonTable
from study.reporting.formats import render
from study.reporting.looks import looks_notes
from study.reporting.marks import score_notes
from study.reporting.methods import methods_paragraph
from study.reporting.phrases import latex_label, subset_notes
from study.reporting.table import Table
from study.reporting.terminal import TerminalTable
from study.stats.names import shown_metric
from tracking.costs import COSTS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import ComparisonRow

_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv"}


class NothingFinished(InputError):
    """There is no finished trial to report on."""


@dataclass(frozen=True)
class ReportOptions:
    """What a report is asked for.

    Args:
        phase: the ablation when left out, or the confirmation where there is no ablation yet.
        metric: any score of :mod:`sslcl.learning.score_names`, with ``probe_`` before it that of
            the linear probe, or one of :data:`tracking.costs.COSTS`; the criterion of the study
            when left out.
        by: factors to show, in this order; all when empty. p-values stay corrected over the
            whole table.
        where: ``KEY=VALUE`` texts, see :class:`study.analysis.filters.Conditions`.
        smallest_difference, correction: as the study says when left out, see
            :class:`study.analysis.comparisons.Rules`.
    """

    phase: Phase | None = None
    metric: str | None = None
    by: Sequence[str] = ()
    where: Sequence[str] = ()
    smallest_difference: float | None = None
    correction: str | None = None

    @property
    def subset(self) -> str:
        """The conditions in words; empty where there is none."""
        return Conditions.parse(self.where).words

    def metric_for(self, reading: PhaseReading) -> str:
        """The metric that a table of this phase is about."""
        return self.metric or shown_metric(reading.study_row.spec)

    @property
    def own_rules(self) -> bool:
        """Whether the table is judged as its study says."""
        return self.smallest_difference is None and self.correction is None


def reading_of(
    ledger: Ledger, study_name: str, phase: Phase | None = None, where: Sequence[str] = ()
) -> PhaseReading:
    """The phase to report on, or the part of it that meets conditions.

    Args:
        ledger: the results database.
        study_name: name of the study.
        phase, where: see :class:`ReportOptions`.

    Raises:
        InputError: for an unknown study, key or value, or when nothing has finished.
    """
    conditions = Conditions.parse(where)
    phases = conditions.phases(phase)
    for candidate in phases:
        reading = PhaseReading.of(ledger, study_name, candidate)
        if reading.cells:
            return conditions.applied(reading)
    names = " or ".join(reversed([p.value for p in phases])) or "asked-for"
    raise NothingFinished(
        f"no trial of the {names} phase of '{study_name}' has finished: "
        f"run python -m study.run {study_name} first"
    )


def report_table(
    ledger: Ledger, study_name: str, options: ReportOptions | None = None
) -> ComparisonTable:
    """The comparison table of a phase, read from the results database.

    Raises:
        InputError: as :func:`reading_of` and :func:`comparison_table`.
    """
    options = options or ReportOptions()
    reading = reading_of(ledger, study_name, options.phase, options.where)
    return comparison_table(reading, options)


def comparison_table(reading: PhaseReading, options: ReportOptions) -> ComparisonTable:
    """The comparison table of a phase.

    What it shows of scores is stored in the results database, unless it is of a subset or by
    other rules than the study's own.

    Args:
        reading: the trials that ``options.phase`` and ``options.where`` choose.
        options: what to show of them.

    Raises:
        InputError: for an unknown metric or factor, or when nothing has finished.
    """
    study_name, metric = reading.study_row.name, options.metric_for(reading)
    if not reading.cells:
        raise NothingFinished(
            f"no trial of the {reading.phase.value} phase of '{study_name}' with "
            f"{options.subset} has finished"
        )
    rows = _rows(reading, options)
    chosen, marks = _selected(rows, options.by), _marks(reading, metric)
    shown = {row.cell: marks[row.cell] for row in chosen if row.cell in marks}
    return ComparisonTable(
        title=f"{'Ablation' if reading.phase is Phase.ABLATE else 'Confirmation'} of {study_name}",
        label=latex_label(reading.phase.value, study_name, metric),
        metric=metric,
        rows=tuple(chosen),
        reference_levels=reference_levels(reading, rows),
        caption=caption(reading, rows, metric),
        notes=(
            *score_notes(reading, metric, shown),
            *subset_notes(options.subset),
            *looks_notes(reading, rows),
            *notes(reading),
            *undecided_note(rows),
        ),
        methods=methods_paragraph(reading, rows, metric),
        marks=marks,
        parameters=cell_parameters(reading),
        retuned=retuned_levels(reading),
    )


def _marks(reading: PhaseReading, metric: str) -> dict[str, CellMarks]:
    """None for costs: longer training would change a score, and not what a step takes."""
    return {} if metric in COSTS else cell_marks(reading)


def report_tables(
    ledger: Ledger, study_name: str, options: ReportOptions, home: Home | None = None
) -> list[Table]:
    """The comparison table and what the study's design shows below it, from one reading.

    Args:
        ledger: the results database.
        study_name: name of the study.
        options: what to show.
        home: where effects are kept that take long to compute; not kept when left out.

    Raises:
        InputError: as :func:`report_table`.
    """
    reading = reading_of(ledger, study_name, options.phase, options.where)
    return [
        comparison_table(reading, options).as_table(),
        *tables_below(reading, options, home),
    ]


def tables_below(reading: PhaseReading, options: ReportOptions, home: Home | None) -> list[Table]:
    """What stands below the comparison table of a phase; arguments as :func:`report_tables`."""
    return [*_by_fold(reading, options), *_of_design(reading, options, home)]


def _by_fold(reading: PhaseReading, options: ReportOptions) -> list[Table]:
    metric = options.metric_for(reading)
    if len(reading.folds) < 2 or metric in COSTS:
        return []
    from study.reporting.fold_table import fold_table

    return [fold_table(reading, metric)]


def _of_design(reading: PhaseReading, options: ReportOptions, home: Home | None) -> list[Table]:
    """Effects of crossed factors, or what mattered in a search that is all a study asks for.

    Neither is shown where too little has finished for it: the comparisons stand by themselves.
    """
    if is_factorial(reading):
        whole = not options.where and options.correction is None
        return _unless_refused(lambda: [effects_of(reading, options, home if whole else None)])
    if searches(reading.study_row):
        from study.reporting.importance_table import importance_table

        return _unless_refused(lambda: [importance_table(reading.ledger, reading.study_row.name)])
    return []


def effects_of(reading: PhaseReading, options: ReportOptions, home: Home | None) -> Table:
    """The table of effects, from ``home`` where it was made before and nothing has changed.

    Args:
        reading: of an ablation that crosses its factors.
        options: metric, correction and conditions.
        home: where it is kept; give it only with the whole phase and the study's own correction.

    Raises:
        InputError: as :func:`study.reporting.effects_table.effects_table`.
    """
    metric = options.metric_for(reading)

    def make() -> Table:
        from study.reporting.effects_table import effects_table

        return effects_table(reading, metric, options.correction, options.subset)

    if home is None:
        return make()
    from study.reporting.effects_cache import kept_effects

    return kept_effects(home.reports(reading.study_row.name), reading, metric, make)


def show_report(ledger: Ledger, study_name: str, console: Console) -> None:
    """Print the tables that the study's design asks for, or say that there is none yet."""
    try:
        tables = report_tables(ledger, study_name, ReportOptions())
    except NothingFinished:
        console.print(
            f"no table yet: no trial of a phase that '{study_name}' compares has finished"
        )
        return
    for table in tables:
        console.print(TerminalTable(table))


def save_report(ledger: Ledger, study_name: str, home: Home) -> list[Path]:
    """Write table and forest plot to ``ablation.{png,md,tex,csv}`` in the study's reports.

    Returns:
        The files written; none when nothing has finished.
    """
    try:
        table = report_table(ledger, study_name)
    except NothingFinished:
        return []
    # Matplotlib takes longer to import than a table that is known takes to print.
    from study.reporting.figures.forest_plot import save_forest_plot

    folder = home.reports(study_name)
    picture = folder / "ablation.png"
    save_forest_plot(table, picture)
    files = [picture]
    for form, suffix in _SUFFIXES.items():
        files.append(folder / f"ablation.{suffix}")
        write_whole(files[-1], render(table.as_table(), form))
    return files


def _unless_refused(make: Callable[[], list[Table]]) -> list[Table]:
    try:
        return make()
    except InputError:
        return []


def _rows(reading: PhaseReading, options: ReportOptions) -> list[ComparisonRow]:
    metric = options.metric_for(reading)
    known_metric(metric, reading.study_row.label_names)
    rules = Rules.of(reading.study_row, options.smallest_difference, options.correction)
    if metric in COSTS:
        return cost_rows(reading, metric, rules.correction)
    stored = options.own_rules and not options.where
    return (refresh if stored else score_rows)(reading, metric, rules)


def _selected(rows: Sequence[ComparisonRow], by: Sequence[str]) -> list[ComparisonRow]:
    if not by:
        return list(rows)
    factors = {row.cell: row.factor.split(", ") for row in rows if not row.is_reference}
    for name in by:
        known = sorted({factor for names in factors.values() for factor in names})
        if name not in known:
            raise unknown("factor", name, known, "this table")
    chosen = [row for row in rows if row.is_reference]
    for name in by:
        chosen += [r for r in rows if name in factors.get(r.cell, ()) and r not in chosen]
    return chosen
