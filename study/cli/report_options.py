"""The options of ``python -m study.report``; nothing here imports a heavy library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from sslcl.errors import InputError
from sslcl.learning.score_names import SCORE_HELP
from study.analysis.phases import REPORTED_NAMES
from study.reporting.table import TABLE_FORMATS
from study.stats.names import CORRECTIONS, DEFAULT_METRIC, PROBE
from tracking.costs import COSTS
from tracking.home import Home

Function = TypeVar("Function", bound=Callable[..., Any])
METRIC_HELP = f"{SCORE_HELP}, {PROBE}<score>, {', '.join(COSTS)}"
WHOLE_PAGES = ("html", "docs")
"""Formats that show everything of a study, in a file."""
_ALONE = ("pivot", "effects", "importance", "ranks")
"""Options that ask for another table than that of comparisons."""
_OPTIONS = (
    click.option(
        "--metric",
        help=f"One of {METRIC_HELP}; the study's criterion when left out, which is "
        f"{DEFAULT_METRIC} unless its file says another.",
    ),
    click.option(
        "--by", multiple=True, metavar="FACTOR", help="Factor to show; may be given repeatedly."
    ),
    click.option(
        "--where",
        multiple=True,
        metavar="KEY=VALUE",
        help="Only trials with this configuration field, factor, seed, cell or phase.",
    ),
    click.option(
        "--phase",
        type=click.Choice(REPORTED_NAMES[::-1]),
        help="Default: ablate, or confirm where there is no ablation yet.",
    ),
    click.option(
        "--pivot", nargs=2, metavar="ROW COLUMN", help="Means by two factors.", default=None
    ),
    click.option(
        "--effects", is_flag=True, help="Main effects and interactions of a factorial design."
    ),
    click.option("--importance", is_flag=True, help="What mattered in the search."),
    click.option("--ranks", metavar="FACTOR", help="Rank a factor's levels over several studies."),
    click.option(
        "--smallest-difference",
        type=float,
        metavar="X",
        help="Below it cells are equivalent; 0.01 is one point.",
    ),
    click.option(
        "--correction", type=click.Choice(CORRECTIONS), help="Of the p-values of a table."
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice([*TABLE_FORMATS, *WHOLE_PAGES]),
        default="terminal",
        show_default=True,
        help="How it is written; docs: a Markdown page with its picture, of several studies "
        "the page of their answers.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File to write instead of printing.",
    ),
)


@dataclass(frozen=True)
class ReportRequest:
    """What a command line asks a report for; :meth:`checked` says what does not go together.

    Args:
        study_names: of one study, or of several with ``ranks`` or as ``docs``.
        home: where they ran.
        metric, by, where, phase, smallest_difference, correction: see
            :class:`study.reporting.report.ReportOptions`.
        pivot: row and column factor of a table of means.
        effects, importance, ranks: the other tables.
        form: one of :data:`~study.reporting.table.TABLE_FORMATS` or of :data:`WHOLE_PAGES`.
        out: file to write instead of printing.
    """

    study_names: tuple[str, ...]
    home: Home = field(default_factory=Home)
    metric: str | None = None
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    phase: str | None = None
    pivot: tuple[str, str] | None = None
    effects: bool = False
    importance: bool = False
    ranks: str | None = None
    smallest_difference: float | None = None
    correction: str | None = None
    form: str = "terminal"
    out: Path | None = None

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> "ReportRequest":
        """The request of a command line.

        Raises:
            InputError: for options that do not go together.
        """
        request = cls(**given)
        request._check_tables()
        request._check_smallest()
        return request

    def _check_tables(self) -> None:
        asked = [name for name in _ALONE if getattr(self, name)]
        own = ("by", "where", "phase", "correction", "smallest_difference", *_ALONE)
        if self.form in WHOLE_PAGES and (self.metric or any(getattr(self, name) for name in own)):
            raise InputError(
                f"--format {self.form} shows everything: expected no --by, --metric or --phase"
            )
        if self.form == "docs" and self.out is not None and self.out.suffix != ".md":
            raise InputError(f"--out {self.out}: expected a name that ends in .md")
        if not self.ranks and self.form != "docs" and len(self.study_names) > 1:
            raise InputError("several studies go with --ranks FACTOR or --format docs only")
        if len(asked) > 1:
            raise InputError(f"--{asked[1]} is not allowed with --{asked[0]}: expected one of them")
        if asked:
            self._check_table(asked[0])

    def _check_table(self, asked: str) -> None:
        refused = ["by"]
        if asked in ("importance", "ranks"):
            refused += ["where", "correction", "smallest_difference"]
        for name in refused:
            if getattr(self, name):
                raise InputError(f"--{name.replace('_', '-')} does not go with --{asked}")
        if asked == "importance" and self.metric:
            raise InputError(
                "--metric does not go with --importance, which goes by the criterion of the search "
                f"({DEFAULT_METRIC} unless the study file says another)"
            )

    def _check_smallest(self) -> None:
        value = self.smallest_difference
        if value is None:
            return
        if not 0 < value < 1:
            raise InputError(
                f"--smallest-difference {value:g}: expected one between 0 and 1, such as 0.01 for "
                "one point"
            )
        if self.metric in COSTS:
            raise InputError(f"--smallest-difference does not go with the cost '{self.metric}'")


def report_options(function: Function) -> Function:
    """Give a command the options of a report, in the order of its help."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
