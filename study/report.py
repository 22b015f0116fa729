"""``python -m study.report``: what a study found, as tables, pictures and files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sslcl.errors import InputError
from study.analysis.costs import known_metric
from study.analysis.filters import Conditions
from study.cli.console import person_console
from study.cli.report_options import opened, parse
from study.reporting.report import reading_of, report_table, sheets_below
from study.reporting.table import Sheet, render_sheet
from tracking.ledger import Ledger


def _sheets(ledger: Ledger, options: argparse.Namespace) -> list[Sheet]:
    """The tables that were asked for."""
    study, metric = options.studies[0], options.metric
    if options.ranks is not None:
        return [_ranks(ledger, options)]
    if options.importance:
        from study.reporting.importance_table import importance_sheet

        return [importance_sheet(ledger, study)]
    if options.effects or options.pivot is not None:
        from study.reporting.effects_table import effects_sheet
        from study.reporting.pivot_table import pivot_sheet

        reading = reading_of(ledger, study, options.phase, options.where)
        known_metric(metric, reading.study.label_names)
        words = Conditions.parse(options.where).words
        if not options.pivot:
            from study.reporting.effects_table import effects_sheet

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
        sheets_below(ledger, study, metric, options.phase, where, correction, options.home)
        if below
        else []
    )
    return [table.sheet(), *more]


def _ranks(ledger: Ledger, options: argparse.Namespace) -> Sheet:
    """The table of ranks; draws the diagram beside it."""
    from study.reporting.rank_diagram import rank_diagram
    from study.reporting.rank_table import rank_levels, ranks_sheet, title_of

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
    from study.reporting.html import html_report, save_html

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
