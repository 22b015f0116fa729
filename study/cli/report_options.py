"""The command line of ``python -m study.report``."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from sslcl.errors import InputError
from study.analysis.comparisons import REPORTED
from study.analysis.costs import COSTS
from study.reporting.report import DEFAULT_METRIC
from study.reporting.table import FORMATS
from study.stats.verdicts import CORRECTIONS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase

_ALONE = ("pivot", "effects", "importance", "ranks")
"""Options that ask for another table than that of comparisons."""


class OneLineParser(argparse.ArgumentParser):
    """A parser that tells wrong usage like any other wrong input: in one line."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse instead of printing the usage."""
        raise InputError(message)


@contextmanager
def opened(home: Path) -> Iterator[Ledger]:
    """The existing ledger of ``home``; a missing one is bad input, not a reason to make one."""
    if not (home / "results.db").is_file():
        raise InputError(
            f"no results at {home / 'results.db'}: expected the --home of a study that has run"
        )
    ledger = Ledger.at(Home(home))
    try:
        yield ledger
    finally:
        ledger.close()


def add_home(parser: argparse.ArgumentParser) -> None:
    """The option that names the folder of the run."""
    parser.add_argument(
        "--home", type=Path, default=Path("runs"), help="folder of the run (default: runs)"
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; an :class:`~sslcl.errors.InputError` for any that do not go together."""
    options = _parser().parse_args(arguments)
    own = ("by", "where", "phase", "correction", "smallest_difference", *_ALONE)
    if options.form == "html" and (
        options.metric != DEFAULT_METRIC or any(getattr(options, name) for name in own)
    ):
        raise InputError("--format html shows everything: expected no --by, --metric or --phase")
    if options.ranks is None and len(options.studies) > 1:
        raise InputError("several studies go with --ranks FACTOR only")
    asked = next((name for name in _ALONE if getattr(options, name)), None)
    if asked and options.by:
        raise InputError(f"--by does not go with --{asked}")
    if asked in ("importance", "ranks"):
        for name in ("where", "correction", "smallest_difference"):
            if getattr(options, name):
                raise InputError(f"--{name.replace('_', '-')} does not go with --{asked}")
    if asked == "importance" and options.metric != DEFAULT_METRIC:
        raise InputError(f"--importance goes by the search's own score, {DEFAULT_METRIC}")
    _check_smallest(options)
    return options


def _check_smallest(options: argparse.Namespace) -> None:
    value = options.smallest_difference
    if value is None:
        return
    if not 0 < value < 1:
        raise InputError(
            f"--smallest-difference {value:g}: expected one between 0 and 1, such as 0.01 for "
            "one point"
        )
    if options.metric in COSTS:
        raise InputError(f"--smallest-difference does not go with the cost '{options.metric}'")


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m study.report", description="Show what a study found.")
    parser.add_argument("studies", nargs="+", metavar="STUDY", help="name of the study")
    add_home(parser)
    parser.add_argument(
        "--metric",
        default=DEFAULT_METRIC,
        help=f"weighted_f1 (default), macro_f1, accuracy, f1:<class>, {', '.join(COSTS)}",
    )
    parser.add_argument(
        "--by", nargs="+", action="extend", default=[], metavar="FACTOR", help="factors to show"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="only trials with this configuration field, factor, seed, cell or phase",
    )
    parser.add_argument(
        "--phase",
        type=Phase,
        choices=list(reversed(REPORTED)),
        help="default: ablate, or confirm where there is no ablation yet",
    )
    _add_tables(parser)
    parser.add_argument(
        "--smallest-difference",
        type=float,
        metavar="X",
        help="below it cells are equivalent; 0.01 is one point",
    )
    parser.add_argument("--correction", choices=CORRECTIONS, help="of the p-values of a table")
    parser.add_argument("--format", choices=(*FORMATS, "html"), default="terminal", dest="form")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of printing")
    return parser


def _add_tables(parser: argparse.ArgumentParser) -> None:
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument("--pivot", nargs=2, metavar=("ROW", "COLUMN"), help="means by two factors")
    tables.add_argument(
        "--effects", action="store_true", help="main effects and interactions of a factorial design"
    )
    tables.add_argument("--importance", action="store_true", help="what mattered in the search")
    tables.add_argument(
        "--ranks", metavar="FACTOR", help="rank a factor's levels over several studies"
    )
