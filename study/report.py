"""``python -m study.report``: a study's comparisons as a table, a picture and files."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from sslcl.errors import InputError, unknown
from study.captions import caption, notes, reference_levels
from study.comparisons import REPORTED, PhaseReading, ablation_rows, refresh, write_comparisons
from study.console import person_console
from study.figures import forest_plot
from study.tables import FORMATS, Table, as_frame, as_rich, render
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import ComparisonRow

__all__ = [
    "NothingFinished",
    "ablation_rows",
    "as_frame",
    "main",
    "report_table",
    "save_report",
    "show_report",
    "write_comparisons",
]

_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv"}


class NothingFinished(InputError):
    """There is no finished trial to report on."""


def report_table(
    ledger: Ledger,
    study: str,
    *,
    phase: Phase | None = None,
    metric: str = "weighted_f1",
    by: Sequence[str] = (),
) -> Table:
    """The comparison table of a phase; what it shows is stored in the results database.

    Args:
        phase: the ablation when left out, or the confirmation where there is no ablation yet.
        metric: ``weighted_f1``, ``macro_f1``, ``accuracy`` or ``f1:<class>``.
        by: factors to show, in this order; all when empty. p-values stay corrected over the
            whole table.

    Raises:
        InputError: for an unknown study, metric or factor, or when nothing has finished.
    """
    reading = _first_finished(ledger, study, phase)
    rows = refresh(ledger, reading, metric)
    return Table(
        title=f"{'Ablation' if reading.phase is Phase.ABLATE else 'Confirmation'} of {study}",
        label=f"{reading.phase.value}-{study}-{metric}".replace("_", "-").replace(":", "-"),
        metric=metric,
        rows=tuple(_selected(rows, by)),
        reference_levels=reference_levels(reading, rows),
        caption=caption(reading, rows, metric),
        notes=tuple(notes(reading)),
    )


def show_report(ledger: Ledger, study: str, console: Console) -> None:
    """Print the table, or say that there is none yet."""
    try:
        console.print(as_rich(report_table(ledger, study)))
    except NothingFinished as error:
        console.print(str(error))


def save_report(ledger: Ledger, study: str, home: Path) -> list[Path]:
    """Write table and forest plot to ``home/reports/<study>/ablation.{png,md,tex,csv}``.

    Returns:
        The files written; none when nothing has finished.
    """
    try:
        table = report_table(ledger, study)
    except NothingFinished:
        return []
    folder = home / "reports" / study
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "ablation.png"
    forest_plot(table, picture)
    files = [picture]
    for form, suffix in _SUFFIXES.items():
        files.append(folder / f"ablation.{suffix}")
        files[-1].write_text(render(table, form), encoding="utf-8")
    return files


def _first_finished(ledger: Ledger, study: str, phase: Phase | None) -> PhaseReading:
    phases = REPORTED if phase is None else (phase,)
    for candidate in phases:
        reading = PhaseReading.of(ledger, study, candidate)
        if reading.cells:
            return reading
    names = " or ".join(reversed([p.value for p in phases]))
    raise NothingFinished(
        f"no trial of the {names} phase of '{study}' has finished: "
        f"run python -m study.run {study} first"
    )


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Tell wrong usage like any other wrong input: in one line."""
        raise InputError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m study.report", description="Show what a study found.")
    parser.add_argument("study", metavar="STUDY", help="name of the study")
    parser.add_argument(
        "--home", type=Path, default=Path("runs"), help="folder of the run (default: runs)"
    )
    parser.add_argument(
        "--by", nargs="+", action="extend", default=[], metavar="FACTOR", help="factors to show"
    )
    parser.add_argument(
        "--metric",
        default="weighted_f1",
        help="weighted_f1 (default), macro_f1, accuracy or f1:<class>",
    )
    parser.add_argument(
        "--phase",
        type=Phase,
        choices=list(reversed(REPORTED)),
        help="default: ablate, or confirm where there is no ablation yet",
    )
    forms = (*FORMATS, "html")
    parser.add_argument("--format", choices=forms, default="terminal", dest="form")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of printing")
    return parser


@contextmanager
def _opened(home: Path) -> Iterator[Ledger]:
    """The existing ledger of ``home``; a missing one is bad input, not a reason to make one."""
    if not (home / "results.db").is_file():
        raise InputError(
            f"no results at {home / 'results.db'}: expected the --home of a study that has run"
        )
    ledger = Ledger.at(home)
    try:
        yield ledger
    finally:
        ledger.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        with _opened(options.home) as ledger:
            if options.form == "html":
                print(_page(ledger, options))
                return 0
            table = report_table(
                ledger, options.study, phase=options.phase, metric=options.metric, by=options.by
            )
        if options.out is not None:
            _write(options.out, render(table, options.form))
        elif options.form == "terminal" and sys.stdout.isatty():
            person_console().print(as_rich(table))
        else:
            sys.stdout.write(render(table, options.form))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _page(ledger: Ledger, options: argparse.Namespace) -> Path:
    """The HTML report, which shows all of a study, in ``--out`` or at its place in the home."""
    from study.html import html_report, save_html

    if options.by or options.phase or options.metric != "weighted_f1":
        raise InputError("--format html shows everything: expected no --by, --metric or --phase")
    if options.out is None:
        return save_html(ledger, options.study, options.home)
    _write(options.out, html_report(ledger, options.study, options.home))
    return Path(options.out)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
