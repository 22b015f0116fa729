"""``python -m study.compare A B``: what two trials, two cells or two studies differ in."""

import sys
from collections.abc import Sequence

from sslcl.errors import InputError
from study.analysis.operands import Side, resolve
from study.cli.console import person_console
from study.cli.report_options import OneLineParser, add_home, opened
from study.reporting.report import DEFAULT_METRIC
from study.reporting.study_difference import compare_studies
from study.reporting.table import render_sheet
from study.reporting.trial_difference import Difference, compare_sides
from study.stats.metrics import METRICS
from tracking.ledger import Ledger
from tracking.rows import StudyRow

_FORMATS = ("terminal", "csv")


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m study.compare",
        description="Show what two trials, two cells or two studies differ in.",
    )
    for name in ("a", "b"):
        parser.add_argument(
            name, metavar=name.upper(), help="a study, STUDY:CELL, or the first digits of a trial"
        )
    add_home(parser)
    parser.add_argument(
        "--metric",
        help=f"of two studies: {', '.join(METRICS)}, f1:<class> or a cost "
        f"(default: {DEFAULT_METRIC})",
    )
    parser.add_argument(
        "--flips", type=int, default=0, metavar="N", help="list N of the utterances that flip"
    )
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="terminal",
        dest="form",
        help="csv shows the scores, or with --flips the utterances",
    )
    return parser


def difference(
    ledger: Ledger, a: str, b: str, *, metric: str | None = None, flips: int = 0
) -> Difference:
    """What ``a`` and ``b`` differ in.

    Args:
        a, b: two studies, or two trials or cells, see :func:`study.analysis.operands.resolve`.
        metric: of two studies; two trials or cells are compared by all scores.
        flips: how many utterances of two trials or cells to list.

    Raises:
        InputError: for unknown names, or a study beside something else.
    """
    first, second = resolve(ledger, a), resolve(ledger, b)
    if isinstance(first, StudyRow) and isinstance(second, StudyRow):
        if flips:
            raise InputError("--flips lists the utterances of two trials or cells: name two")
        return compare_studies(ledger, first.name, second.name, metric or DEFAULT_METRIC)
    if isinstance(first, Side) and isinstance(second, Side):
        if metric is not None:
            raise InputError("--metric is for two studies: two trials are compared by all scores")
        return compare_sides(ledger, first, second, flips)
    study, other = (a, b) if isinstance(first, StudyRow) else (b, a)
    raise InputError(
        f"'{study}' is a study and '{other}' is not: expected two studies, or two trials or cells "
        f"such as {study}:reference"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        if options.flips < 0:
            raise InputError(f"--flips {options.flips}: expected a number above 0")
        with opened(options.home) as ledger:
            found = difference(
                ledger, options.a, options.b, metric=options.metric, flips=options.flips
            )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _show(found, options.form)
    return 0


def _show(found: Difference, form: str) -> None:
    if form == "csv":
        sys.stdout.write(render_sheet(found.sheets[0], form))
    elif sys.stdout.isatty():
        console = person_console()
        for line in found.lines:
            console.print(line, markup=False)
        for sheet in found.sheets:
            console.print(sheet)
    else:
        tables = [render_sheet(sheet, form) for sheet in found.sheets]
        sys.stdout.write("\n".join(["\n".join(found.lines), *tables]))


if __name__ == "__main__":
    sys.exit(main())
