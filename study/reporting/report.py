"""What a study found, as tables and files.

Modules that bring in a heavy library are imported where a table needs them: the table of
comparisons that are stored already needs none.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sslcl.errors import InputError, unknown
from study.analysis.comparisons import PhaseReading, Rules, compared, refresh
from study.analysis.costs import COSTS, cost_rows, known_metric
from study.analysis.design_kind import crosses, searches
from study.analysis.filters import Conditions
from study.reporting.captions import caption, notes, reference_levels
from study.reporting.comparison_table import Table, as_rich, render
from study.reporting.methods import methods_paragraph
from study.reporting.table import Sheet
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import ComparisonRow

DEFAULT_METRIC = "weighted_f1"
_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv"}


class NothingFinished(InputError):
    """There is no finished trial to report on."""


def reading_of(
    ledger: Ledger, study: str, phase: Phase | None = None, where: Sequence[str] = ()
) -> PhaseReading:
    """The phase to report on, or the part of it that meets conditions.

    Args:
        phase: the ablation when left out, or the confirmation where there is no ablation yet.
        where: ``KEY=VALUE`` texts, see :class:`study.analysis.filters.Conditions`.

    Raises:
        InputError: for an unknown study, key or value, or when nothing has finished.
    """
    conditions = Conditions.parse(where)
    phases = conditions.phases(phase)
    for candidate in phases:
        reading = PhaseReading.of(ledger, study, candidate)
        if reading.cells:
            return conditions.applied(reading)
    names = " or ".join(reversed([p.value for p in phases])) or "asked-for"
    raise NothingFinished(
        f"no trial of the {names} phase of '{study}' has finished: "
        f"run python -m study.run {study} first"
    )


def report_table(
    ledger: Ledger,
    study: str,
    *,
    phase: Phase | None = None,
    metric: str = "weighted_f1",
    by: Sequence[str] = (),
    where: Sequence[str] = (),
    smallest_difference: float | None = None,
    correction: str | None = None,
) -> Table:
    """The comparison table of a phase.

    What it shows of scores is stored in the results database, unless it is of a subset or by
    other rules than the study's own.

    Args:
        phase, where: see :func:`reading_of`.
        metric: ``weighted_f1``, ``macro_f1``, ``accuracy``, ``f1:<class>`` or one of
            :data:`study.analysis.costs.COSTS`.
        by: factors to show, in this order; all when empty. p-values stay corrected over the
            whole table.
        smallest_difference, correction: as the study says when left out, see
            :class:`study.analysis.comparisons.Rules`.

    Raises:
        InputError: for an unknown study, metric, factor or condition, or when nothing has
            finished.
    """
    reading = reading_of(ledger, study, phase, where)
    if not reading.cells:
        raise NothingFinished(
            f"no trial of the {reading.phase.value} phase of '{study}' with "
            f"{Conditions.parse(where).words} has finished"
        )
    own_rules = smallest_difference is None and correction is None
    rules = Rules.of(reading.study, smallest_difference, correction)
    rows = _rows(ledger, reading, metric, rules, stored=own_rules and not where)
    return Table(
        title=f"{'Ablation' if reading.phase is Phase.ABLATE else 'Confirmation'} of {study}",
        label=f"{reading.phase.value}-{study}-{metric}".replace("_", "-").replace(":", "-"),
        metric=metric,
        rows=tuple(_selected(rows, by)),
        reference_levels=reference_levels(reading, rows),
        caption=caption(reading, rows, metric),
        notes=(*_subset(where), *notes(reading)),
        methods=methods_paragraph(reading, rows, metric),
    )


def show_report(ledger: Ledger, study: str, console: Console) -> None:
    """Print the tables that the study's design asks for, or say that there is none yet."""
    try:
        console.print(as_rich(report_table(ledger, study)))
    except NothingFinished as error:
        console.print(str(error))
        return
    for sheet in sheets_below(ledger, study, DEFAULT_METRIC):
        console.print(sheet)


def save_report(ledger: Ledger, study: str, home: Path) -> list[Path]:
    """Write table and forest plot to ``home/reports/<study>/ablation.{png,md,tex,csv}``.

    Returns:
        The files written; none when nothing has finished.
    """
    try:
        table = report_table(ledger, study)
    except NothingFinished:
        return []
    # Matplotlib takes longer to import than a table that is known takes to print.
    from study.reporting.forest_plot import forest_plot

    folder = home / "reports" / study
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "ablation.png"
    forest_plot(table, picture)
    files = [picture]
    for form, suffix in _SUFFIXES.items():
        files.append(folder / f"ablation.{suffix}")
        files[-1].write_text(render(table, form), encoding="utf-8")
    return files


def _rows(
    ledger: Ledger, reading: PhaseReading, metric: str, rules: Rules, *, stored: bool
) -> list[ComparisonRow]:
    known_metric(metric, reading.study.label_names)
    if metric in COSTS:
        return cost_rows(reading, metric, rules.correction)
    return refresh(ledger, reading, metric) if stored else compared(reading, metric, rules)


def _subset(where: Sequence[str]) -> list[str]:
    words = Conditions.parse(where).words
    return [f"Only trials with {words}."] if words else []


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


def sheets_below(
    ledger: Ledger,
    study: str,
    metric: str,
    phase: Phase | None = None,
    where: Sequence[str] = (),
    correction: str | None = None,
    home: Path | None = None,
) -> list[Sheet]:
    """What the design shows below the comparisons: effects, or what mattered in the search."""
    row = ledger.study(study)
    if crosses(row):
        reading = reading_of(ledger, study, phase, where)

        def effects() -> list[Sheet]:
            from study.reporting.effects_table import effects_below

            return effects_below(reading, metric, correction, Conditions.parse(where).words)

        if home is None or where or correction is not None:
            return effects()
        from study.reporting.effects_cache import kept_effects

        return kept_effects(home / "reports" / study, reading, metric, effects)
    if searches(row):
        from study.reporting.importance_table import importance_sheet

        try:
            return [importance_sheet(ledger, study)]
        except InputError:
            return []  # Too few trials to tell: the table stands by itself.
    return []
