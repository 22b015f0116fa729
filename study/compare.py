"""``python -m study.compare A B``: what two trials, two cells or two studies differ in."""

import sys
from typing import TYPE_CHECKING, Any

import click

from sslcl.command import OneLineCommand
from sslcl.errors import InputError
from study.cli.report_options import METRIC_HELP
from study.cli.results import opened
from tracking.home import Home, home_option

if TYPE_CHECKING:
    from study.reporting.differences.trials import SideBySide
    from tracking.ledger import Ledger


@click.command(cls=OneLineCommand)
@click.argument("a")
@click.argument("b")
@home_option
@click.option("--metric", help=f"Of two studies: {METRIC_HELP} (default: their criterion).")
@click.option(
    "--flips",
    type=int,
    default=0,
    metavar="N",
    help="List N of the utterances that one has right and the other wrong.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "csv"]),
    default="terminal",
    show_default=True,
    help="csv shows the scores, or with --flips the utterances.",
)
def main(a: str, b: str, home: Home, form: str, **options: Any) -> int:
    """Show what A and B differ in: two studies, two cells STUDY:CELL, or the ids of two trials."""
    if options["flips"] < 0:
        raise InputError(f"--flips {options['flips']}: expected a number above 0")
    with opened(home) as ledger:
        compared = side_by_side(ledger, (a, b), **options)
    _show(compared, form)
    return 0


def side_by_side(
    ledger: "Ledger", names: tuple[str, str], *, metric: str | None = None, flips: int = 0
) -> "SideBySide":
    """What two things differ in.

    Args:
        ledger: the results database.
        names: two studies, or two trials or cells, see :func:`study.analysis.operands.resolve`.
        metric: of two studies; two trials or cells are compared by all scores.
        flips: how many utterances of two trials or cells to list.

    Raises:
        InputError: for unknown names, or a study beside something else.
    """
    from study.analysis.operands import Side, resolve
    from study.reporting.differences.studies import compare_studies
    from study.reporting.differences.trials import compare_sides
    from tracking.rows import StudyRow

    first, second = (resolve(ledger, name) for name in names)
    if isinstance(first, StudyRow) and isinstance(second, StudyRow):
        if flips:
            raise InputError("--flips lists the utterances of two trials or cells: name two")
        return compare_studies(ledger, first.name, second.name, metric)
    if isinstance(first, Side) and isinstance(second, Side):
        if metric is not None:
            raise InputError("--metric is for two studies: two trials are compared by all scores")
        return compare_sides(ledger, first, second, flips)
    study_name, other = names if isinstance(first, StudyRow) else names[::-1]
    raise InputError(
        f"'{study_name}' is a study and '{other}' is not: expected two studies, or two trials or "
        f"cells such as {study_name}:reference"
    )


def _show(compared: "SideBySide", form: str) -> None:
    from study.reporting.formats import render

    if form == "csv":
        sys.stdout.write(render(compared.tables[0], form))
    elif sys.stdout.isatty():
        from study.cli.console import person_console
        from study.reporting.terminal import TerminalTable

        console = person_console()
        for line in compared.lines:
            console.print(line, markup=False)
        for table in compared.tables:
            console.print(TerminalTable(table))
    else:
        tables = [render(table, form) for table in compared.tables]
        sys.stdout.write("\n".join(["\n".join(compared.lines), *tables]))


if __name__ == "__main__":
    main()
