"""The comparison table: how its rows read, in every format."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from study.reporting import table as sheets
from study.reporting.table import (
    FORMATS,
    PLAIN_WIDTH,
    Line,
    Section,
    Sheet,
    escape_latex,
    render_sheet,
)
from study.reporting.units import MISSING, Unit, unit_of
from study.stats.verdicts import CORRECTION_NAMES, SIGNIFICANCE
from tracking.rows import ComparisonRow

__all__ = [
    "FORMATS",
    "MISSING",
    "SIGNIFICANCE",
    "Table",
    "as_frame",
    "as_rich",
    "escape_latex",
    "interval",
    "is_significant",
    "metric_title",
    "numbers",
    "p_equals",
    "p_heading",
    "p_text",
    "percent",
    "render",
    "terminal",
]

if TYPE_CHECKING:
    import pandas as pd

_EFFECT, _COST = "Effect", "s/trial"


@dataclass(frozen=True)
class Table:
    """A table of comparisons, ready to be shown.

    Args:
        title: a few words.
        label: letters, digits and hyphens, for LaTeX references.
        metric: what the rows score.
        rows: the reference first, the rows of one factor next to each other.
        reference_levels: factor to the level that it has in the reference.
        caption: what was measured on what, and how it was tested.
        notes: what a reader must know besides, such as trials that failed.
        methods: the paragraph for a paper, see :func:`study.reporting.captions.methods_paragraph`.
    """

    title: str
    label: str
    metric: str
    rows: tuple[ComparisonRow, ...]
    reference_levels: Mapping[str, str]
    caption: str
    notes: tuple[str, ...] = ()
    methods: str = ""

    def groups(self) -> list[tuple[str, list[ComparisonRow]]]:
        """Rows by factor, in order."""
        return [(factor, list(rows)) for factor, rows in groupby(self.rows, lambda r: r.factor)]

    @property
    def remarks(self) -> tuple[str, ...]:
        """The lines below a table."""
        return (self.caption, *self.notes)

    @property
    def unit(self) -> Unit:
        """What its numbers are shown in."""
        return unit_of(self.metric)

    @property
    def heading(self) -> tuple[str, ...]:
        """Column headings of every format but CSV."""
        return (
            "Factor",
            "Level",
            "n",
            self.unit.heading,
            "Difference",
            "95 % CI",
            p_heading(self.rows),
            _EFFECT,
            "Verdict",
            _COST,
        )

    def sheet(self) -> Sheet:
        """The table as every format shows it."""
        return Sheet(
            title=self.title,
            label=self.label,
            heading=self.heading,
            sections=tuple(self._section(factor, rows) for factor, rows in self.groups()),
            records=_records(self.rows),
            caption=self.caption,
            notes=self.notes,
            spare=(_COST, _EFFECT),
            methods=self.methods,
        )

    def _section(self, factor: str, rows: Sequence[ComparisonRow]) -> Section:
        lines = tuple(Line(row.level, numbers(row), row.verdict or "") for row in rows)
        return Section(factor, lines, self.reference_levels.get(factor, ""), rows[0].is_reference)


def metric_title(metric: str) -> str:
    """The metric in words.

    Example:
        >>> metric_title("weighted_f1"), metric_title("f1:joy"), metric_title("seconds")
        ('Weighted F1', 'F1 of joy', 'Training time')
    """
    return unit_of(metric).title


def p_heading(rows: Sequence[ComparisonRow]) -> str:
    """Heading of the corrected p-values of a table, such as ``p (Holm)``."""
    used = {row.correction for row in rows if row.correction is not None}
    return f"p ({CORRECTION_NAMES.get(used.pop(), 'corrected')})" if len(used) == 1 else "p (Holm)"


def is_significant(row: ComparisonRow) -> bool:
    """Whether the corrected p-value is below 0.05."""
    return row.p_corrected is not None and row.p_corrected < SIGNIFICANCE


def percent(value: float | None, *, signed: bool = False) -> str:
    """A score in percent points with two decimals, with a true minus sign."""
    return unit_of("accuracy").number(value, signed=signed)


def p_text(value: float | None) -> str:
    """A p-value to three decimals; ``<0.001`` below that."""
    if value is None or value != value:
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def p_equals(value: float) -> str:
    """A p-value as a sentence gives it, such as ``= 0.012`` or ``< 0.001``."""
    shown = p_text(value)
    return shown.replace("<", "< ") if shown.startswith("<") else f"= {shown}"


def interval(row: ComparisonRow) -> str:
    """The confidence interval of the difference, in the unit of the row's metric."""
    if row.ci_low is None or row.ci_high is None:
        return MISSING
    unit = unit_of(row.metric)
    return f"[{unit.number(row.ci_low, signed=True)}, {unit.number(row.ci_high, signed=True)}]"


def numbers(row: ComparisonRow) -> tuple[str, ...]:
    """The texts of a row's columns after factor and level."""
    unit = unit_of(row.metric)
    effect = Unit("", decimals=2).number(row.effect_size, signed=True)
    return (
        str(row.n),
        unit.spread(row.mean, row.sd),
        MISSING if row.is_reference else unit.number(row.difference, signed=True),
        MISSING if row.is_reference else interval(row),
        p_text(row.p_corrected),
        MISSING if row.is_reference else effect,
        row.verdict or MISSING,
        MISSING if row.seconds is None else f"{row.seconds:.1f}",
    )


def render(table: Table, form: str) -> str:
    """``table`` in one of :data:`FORMATS`.

    Raises:
        InputError: for an unknown format.
    """
    return render_sheet(table.sheet(), form)


def as_frame(rows: Sequence[ComparisonRow]) -> "pd.DataFrame":
    """One line per row, all columns of the results database, scores in [0, 1]."""
    import pandas as pd

    return pd.DataFrame(_records(rows))


def _records(rows: Sequence[ComparisonRow]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def terminal(table: Table, width: int = PLAIN_WIDTH) -> str:
    """Plain text, without colour."""
    return sheets.terminal(table.sheet(), width)


def as_rich(table: Table) -> Sheet:
    """For a rich console, with colour as an aid."""
    return table.sheet()
