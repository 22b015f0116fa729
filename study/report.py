"""``python -m study.report``: what a study found, as tables, pictures and files.

Modules that bring in a heavy library are imported where a table needs them: the table of
comparisons that are stored already needs none.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sslcl.errors import InputError, unknown
from study.captions import caption, notes, reference_levels
from study.comparisons import (
    PhaseReading,
    Rules,
    ablation_rows,
    compared,
    refresh,
    write_comparisons,
)
from study.console import person_console
from study.costs import COSTS, cost_rows, known_metric
from study.designed import crosses, searches
from study.methods import methods_paragraph
from study.report_options import DEFAULT_METRIC, opened, parse
from study.selection import Conditions
from study.sheets import Sheet, render_sheet
from study.tables import Table, as_frame, as_rich, render
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import ComparisonRow

__all__ = [
    "NothingFinished",
    "ablation_rows",
    "as_frame",
    "main",
    "reading_of",
    "report_table",
    "save_report",
    "show_report",
    "write_comparisons",
]

_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv"}


class NothingFinished(InputError):
    """There is no finished trial to report on."""


def reading_of(
    ledger: Ledger, study: str, phase: Phase | None = None, where: Sequence[str] = ()
) -> PhaseReading:
    """The phase to report on, or the part of it that meets conditions.

    Args:
        phase: the ablation when left out, or the confirmation where there is no ablation yet.
        where: ``KEY=VALUE`` texts, see :class:`study.selection.Conditions`.

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
            :data:`study.costs.COSTS`.
        by: factors to show, in this order; all when empty. p-values stay corrected over the
            whole table.
        smallest_difference, correction: as the study says when left out, see
            :class:`study.comparisons.Rules`.

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
    for sheet in _below(ledger, study, DEFAULT_METRIC):
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
    from study.figures import forest_plot

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


def _sheets(ledger: Ledger, options: argparse.Namespace) -> list[Sheet]:
    """The tables that were asked for."""
    study, metric = options.studies[0], options.metric
    if options.ranks is not None:
        return [_ranks(ledger, options)]
    if options.importance:
        from study.important import importance_sheet

        return [importance_sheet(ledger, study)]
    if options.effects or options.pivot is not None:
        from study.effects import effects_sheet
        from study.pivots import pivot_sheet

        reading = reading_of(ledger, study, options.phase, options.where)
        known_metric(metric, reading.study.label_names)
        words = Conditions.parse(options.where).words
        if not options.pivot:
            from study.effects import effects_sheet

            return [effects_sheet(reading, metric, options.correction, words)]

        row, column = options.pivot
        return [pivot_sheet(reading, metric, row, column, words)]
    table = report_table(
        ledger,
        study,
        phase=options.phase,
        metric=metric,
        by=options.by,
        where=options.where,
        smallest_difference=options.smallest_difference,
        correction=options.correction,
    )
    # One file of CSV holds one table.
    below = options.form != "csv"
    where, correction = options.where, options.correction
    more = (
        _below(ledger, study, metric, options.phase, where, correction, options.home)
        if below
        else []
    )
    return [table.sheet(), *more]


def _below(
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
            from study.effects import effects_below

            return effects_below(reading, metric, correction, Conditions.parse(where).words)

        if home is None or where or correction is not None:
            return effects()
        from study.kept import kept_effects

        return kept_effects(home / "reports" / study, reading, metric, effects)
    if searches(row):
        from study.important import importance_sheet

        try:
            return [importance_sheet(ledger, study)]
        except InputError:
            return []  # Too few trials to tell: the table stands by itself.
    return []


def _ranks(ledger: Ledger, options: argparse.Namespace) -> Sheet:
    """The table of ranks; draws the diagram beside it."""
    from study.rank_diagram import rank_diagram
    from study.rankings import rank_levels, ranks_sheet, title_of

    readings = [reading_of(ledger, study, options.phase) for study in options.studies]
    ranking, scores, said = rank_levels(readings, options.metric, options.ranks)
    folder = options.home / "reports"
    picture = folder / f"ranks-{options.ranks}.png"
    if options.out is not None:
        picture = options.out.with_suffix(".png")
    try:
        if options.out is None:
            folder.mkdir(exist_ok=True)
        rank_diagram(ranking, picture, title_of(options.metric, options.ranks))
    except OSError as error:
        raise InputError(f"cannot write {picture}: {error.strerror}") from None
    print(f"diagram: {picture}", file=sys.stderr)
    return ranks_sheet(ranking, scores, options.metric, options.ranks, said)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    try:
        options = parse(arguments)
        with opened(options.home) as ledger:
            if options.form == "html":
                print(_page(ledger, options))
                return 0
            sheets = _sheets(ledger, options)
        if options.out is None and options.form == "terminal" and sys.stdout.isatty():
            for sheet in sheets:
                person_console().print(sheet)
            return 0
        text = "\n".join(render_sheet(sheet, options.form) for sheet in sheets)
        if options.out is not None:
            _write(options.out, text)
        else:
            sys.stdout.write(text)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _page(ledger: Ledger, options: argparse.Namespace) -> Path:
    """The HTML report, which shows all of a study, in ``--out`` or at its place in the home."""
    from study.html import html_report, save_html

    study = options.studies[0]
    if options.out is None:
        return save_html(ledger, study, options.home)
    _write(options.out, html_report(ledger, study, options.home))
    return Path(options.out)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
