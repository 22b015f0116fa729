"""The comparison table: how its rows read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

from search_spaces.factors import level_name
from study.analysis.validity import CellMarks
from study.reporting.marks import mark_of, marked_verdict
from study.reporting.phrases import correction_of, interval_heading, p_heading
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import MISSING, MetricUnit, decimal, p_text, unit_of
from study.stats.verdicts import SIGNIFICANCE
from tracking.rows import ComparisonRow

_EFFECT, _COST, _SIZE = "Effect", "s/trial", "Parameters"


@dataclass(frozen=True)
class ComparisonTable:
    """A table of comparisons with what its text and its forest plot need.

    Args:
        title: a few words.
        label: letters, digits and hyphens, for LaTeX references.
        metric: what the rows score.
        rows: the reference first, the rows of one factor next to each other.
        reference_levels: factor to the level that it has in the reference.
        caption: what was measured on what, and how it was tested.
        notes: what a reader must know besides, such as trials that failed.
        methods: the paragraph for a paper, see :func:`study.reporting.methods.methods_paragraph`.
        marks: what must be known of a cell before its row is believed, for the cells that have any.
        parameters: cell to the trained parameters of its model, for the cells where it is known;
            a table that knows none has no column of them.
        retuned: factor to cell to the value that the cell's own search chose; a column for each.
    """

    title: str
    label: str
    metric: str
    rows: tuple[ComparisonRow, ...]
    reference_levels: Mapping[str, str]
    caption: str
    notes: tuple[str, ...] = ()
    methods: str = ""
    marks: Mapping[str, CellMarks] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    retuned: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def verdict_of(self, row: ComparisonRow) -> str:
        """The verdict in words, empty where there is none."""
        reference = next((r.cell for r in self.rows if r.is_reference), "")
        return marked_verdict(row, self.marks, reference)

    def label_of(self, row: ComparisonRow) -> str:
        """What a row is called where its section is named, and its marks."""
        name = row.level if row.question is None else f"{asked(row)} {self.change_of(row)}"
        return f"{name} {mark_of(self.marks.get(row.cell))}".strip()

    def change_of(self, row: ComparisonRow) -> str:
        """The cell of a row by its levels that are not the reference's, as ``batch_size=8``."""
        texts = (row.factor, row.level, self.reference_levels.get(row.factor, ""))
        factors, levels, usual = (text.split(", ") for text in texts)
        if not 1 < len(factors) == len(levels) == len(usual):
            return row.cell
        changed = zip(factors, levels, usual, strict=True)
        return ", ".join(f"{name}={own}" for name, own, other in changed if own != other)

    def groups(self) -> list[tuple[str, list[ComparisonRow]]]:
        """Rows by factor, in order, after those that answer planned questions."""
        return [(factor, list(rows)) for factor, rows in groupby(self.rows, section_name)]

    @property
    def unit(self) -> MetricUnit:
        """What its numbers are shown in."""
        return unit_of(self.metric)

    @property
    def p_heading(self) -> str:
        """Heading of the corrected p-values."""
        return p_heading(correction_of(self.rows))

    @property
    def interval_heading(self) -> str:
        """Heading of the intervals, which are those of the verdicts."""
        return interval_heading(correction_of(self.rows))

    def as_table(self) -> Table:
        """The table as every format shows it."""
        return Table(
            title=self.title,
            label=self.label,
            heading=(
                "Factor",
                "Level",
                "n",
                self.unit.heading,
                "Difference",
                self.interval_heading,
                self.p_heading,
                _EFFECT,
                "Verdict",
                _COST,
                *self._size_column,
                *self.retuned,
            ),
            sections=tuple(self._section(factor, rows) for factor, rows in self.groups()),
            records=[self._record(row) for row in self.rows],
            caption=self.caption,
            notes=self.notes,
            spare=(*self._size_column, _COST, _EFFECT, *self.retuned),
            methods=self.methods,
        )

    @property
    def _size_column(self) -> tuple[str, ...]:
        return (_SIZE,) if self.parameters else ()

    def _size(self, row: ComparisonRow) -> tuple[str, ...]:
        known = self.parameters.get(row.cell)
        return tuple(unit_of("parameters").number(known) for _ in self._size_column)

    def _retuned(self, row: ComparisonRow) -> tuple[str, ...]:
        return tuple(_level_text(by_cell.get(row.cell)) for by_cell in self.retuned.values())

    def _section(self, factor: str, rows: Sequence[ComparisonRow]) -> TableSection:
        lines = tuple(map(self._line, rows))
        bracket = self.reference_levels.get(factor, "")
        exploratory = any(row.question for row in self.rows) and rows[0].question is None
        name = f"{factor}, exploratory" if exploratory and not rows[0].is_reference else factor
        return TableSection(name, lines, bracket, rows[0].is_reference)

    def _line(self, row: ComparisonRow) -> Line:
        verdict = self.verdict_of(row)
        look = row.verdict if verdict == row.verdict else ""
        settings = (*self._size(row), *self._retuned(row))
        return Line(self.label_of(row), (*row_texts(row, verdict), *settings), look or "")

    def _record(self, row: ComparisonRow) -> dict[str, object]:
        marks = self.marks.get(row.cell, CellMarks(row.n))
        return {
            **asdict(row),
            "parameters": self.parameters.get(row.cell),
            "still_improving": marks.improving,
            "warnings": "; ".join(marks.faults),
            "extension_gain": marks.gain,
            **{f"retuned_{name}": by_cell.get(row.cell) for name, by_cell in self.retuned.items()},
        }


def _level_text(level: object) -> str:
    if level is None:
        return MISSING
    return f"{level:.3g}" if isinstance(level, float) else level_name(level)


def asked(row: ComparisonRow) -> str:
    """The planned question that a row answers, with the mark at its end."""
    question = row.question or ""
    return question if question.endswith("?") else f"{question}:"


def section_name(row: ComparisonRow) -> str:
    """What a row stands under."""
    return row.factor if row.question is None else "planned questions"


def is_significant(row: ComparisonRow) -> bool:
    """Whether the corrected p-value is below 0.05."""
    return row.p_corrected is not None and row.p_corrected < SIGNIFICANCE


def interval_text(row: ComparisonRow) -> str:
    """The interval that belongs to the row's verdict, in the unit of the row's metric."""
    unit = unit_of(row.metric)
    low, high = shown_interval(row)
    if row.side == "greater" and low is not None and high is None:
        return f"≥ {unit.number(low, signed=True)}"
    if row.side == "less" and high is not None and low is None:
        return f"≤ {unit.number(high, signed=True)}"
    return unit.interval(low, high)


def shown_interval(row: ComparisonRow) -> tuple[float | None, float | None]:
    """The ends of the interval that decided the row: of equivalence where that is its verdict."""
    if row.verdict == "equivalent":
        return row.equivalence_low, row.equivalence_high
    return row.ci_low_corrected, row.ci_high_corrected


def row_texts(row: ComparisonRow, verdict: str | None = None) -> tuple[str, ...]:
    """The texts of a row's columns after factor and level.

    Args:
        row: of a table.
        verdict: in words; the row's own when left out.
    """
    unit = unit_of(row.metric)
    return (
        str(row.n),
        unit.spread(row.mean, row.sd),
        MISSING if row.is_reference else unit.number(row.difference, signed=True),
        MISSING if row.is_reference else interval_text(row),
        p_text(row.p_corrected),
        MISSING if row.is_reference else decimal(row.effect_size, 2, signed=True),
        (row.verdict if verdict is None else verdict) or MISSING,
        MISSING if row.seconds is None else f"{row.seconds:.1f}",
    )
