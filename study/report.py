"""``python -m study.report``: what a study found, as tables, pictures and files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sslcl.command import OneLineCommand
from sslcl.errors import InputError
from sslcl.files import write_whole
from study.cli.report_options import WHOLE_PAGES, ReportRequest, report_options
from study.cli.results import opened
from tracking.home import home_option

if TYPE_CHECKING:
    from study.analysis.reading import PhaseReading
    from study.reporting.report import ReportOptions
    from study.reporting.table import Table
    from tracking.ledger import Ledger
    from tracking.records import Phase


@click.command(cls=OneLineCommand)
@click.argument("study_names", metavar="STUDY...", nargs=-1, required=True)
@home_option
@report_options
def main(**given: Any) -> int:
    """Show what a study found: comparisons with a reference, effects, importance or ranks."""
    request = ReportRequest.checked(given)
    with opened(request.home) as ledger:
        if request.form in WHOLE_PAGES:
            print(_page(ledger, request))
            return 0
        tables = _tables(ledger, request)
    _show(tables, request)
    return 0


def _tables(ledger: "Ledger", request: ReportRequest) -> "list[Table]":
    """The tables that were asked for."""
    from study.reporting.report import ReportOptions, comparison_table, reading_of, report_tables

    study_name = request.study_names[0]
    phase = _phase(request)
    if request.ranks:
        return [_ranks(ledger, request.ranks, request)]
    if request.importance:
        from study.reporting.importance_table import importance_table

        return [importance_table(ledger, study_name)]
    options = ReportOptions(
        phase=phase,
        metric=request.metric,
        by=request.by,
        where=request.where,
        smallest_difference=request.smallest_difference,
        correction=request.correction,
    )
    if request.effects or request.pivot:
        reading = reading_of(ledger, study_name, phase, options.where)
        return [_crossed(reading, request, options)]
    if request.form == "csv":  # A file of CSV holds one table.
        reading = reading_of(ledger, study_name, phase, options.where)
        return [comparison_table(reading, options).as_table()]
    return report_tables(ledger, study_name, options, request.home)


def _phase(request: ReportRequest) -> "Phase | None":
    from tracking.records import Phase

    return None if request.phase is None else Phase(request.phase)


def _crossed(reading: "PhaseReading", request: ReportRequest, options: "ReportOptions") -> "Table":
    """The table of effects or of means by two factors."""
    from study.analysis.costs import known_metric

    metric = options.metric_for(reading)
    known_metric(metric, reading.study_row.label_names)
    if request.pivot:
        from study.reporting.pivot_table import pivot_table

        return pivot_table(reading, metric, *request.pivot, subset=options.subset)
    from study.reporting.effects_table import effects_table

    return effects_table(reading, metric, options.correction, options.subset)


def _ranks(ledger: "Ledger", factor: str, request: ReportRequest) -> "Table":
    """The table of ranks; draws the diagram beside it."""
    from study.reporting.figures.rank_diagram import save_rank_diagram
    from study.reporting.rank_table import rank_levels, ranks_table
    from study.reporting.report import reading_of
    from study.reporting.units import metric_title
    from study.stats.names import metric_of

    readings = [reading_of(ledger, name, _phase(request)) for name in request.study_names]
    metric = request.metric or metric_of(readings[0].study_row.spec)
    ranked = rank_levels(readings, metric, factor)
    picture = request.home.all_reports / f"ranks-{factor}.png"
    if request.out is not None:
        picture = request.out.with_suffix(".png")
        _require_folder(picture)
    title = f"{metric_title(metric)} by {factor}: average ranks"
    save_rank_diagram(ranked.ranking, picture, title)
    print(f"diagram: {picture}", file=sys.stderr)
    return ranks_table(ranked)


def _show(tables: "list[Table]", request: ReportRequest) -> None:
    """Print the tables or write them to ``--out``."""
    if request.out is None and request.form == "terminal" and sys.stdout.isatty():
        from study.cli.console import person_console
        from study.reporting.terminal import TerminalTable

        for table in tables:
            person_console().print(TerminalTable(table))
        return
    from study.reporting.formats import render

    text = "\n".join(render(table, request.form) for table in tables)
    if request.out is not None:
        _write(request.out, text)
    else:
        sys.stdout.write(text)


def _page(ledger: "Ledger", request: ReportRequest) -> Path:
    """The page that shows all of a study, in ``--out`` or at its place in the home."""
    study_name = request.study_names[0]
    if request.form == "docs":
        return _docs_page(ledger, request, study_name)
    from study.reporting.html import html_report, save_html

    if request.out is None:
        return save_html(ledger, study_name, request.home)
    _write(request.out, html_report(ledger, study_name, request.home))
    return request.out


def _docs_page(ledger: "Ledger", request: ReportRequest, study_name: str) -> Path:
    """The page of one study, or that of the answers of several."""
    from study.reporting.docs import index_page, save_page

    several = len(request.study_names) > 1
    path = request.out or request.home.docs / f"{'index' if several else study_name}.md"
    if request.out is not None:
        _require_folder(path)
    if not several:
        return save_page(ledger, study_name, request.home, path)
    write_whole(path, index_page(ledger, request.study_names))
    return path


def _write(path: Path, text: str) -> None:
    _require_folder(path)
    write_whole(path, text)


def _require_folder(path: Path) -> None:
    """A folder that a person names must be there already: it may be mistyped."""
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: no such folder")


if __name__ == "__main__":
    main()
