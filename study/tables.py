"""One comparison table in several formats; all of them show the same numbers."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

from sslcl.errors import unknown
from tracking.rows import ComparisonRow

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("terminal", "markdown", "latex", "csv")
SIGNIFICANCE = 0.05
MISSING = "–"
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "±": r"$\pm$",
    "−": r"$-$",
    "×": r"$\times$",
    "–": "--",
    "*": r"$^{*}$",
}


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
    """

    title: str
    label: str
    metric: str
    rows: tuple[ComparisonRow, ...]
    reference_levels: Mapping[str, str]
    caption: str
    notes: tuple[str, ...] = ()

    def groups(self) -> list[tuple[str, list[ComparisonRow]]]:
        """Rows by factor, in order."""
        return [(factor, list(rows)) for factor, rows in groupby(self.rows, lambda r: r.factor)]

    @property
    def remarks(self) -> tuple[str, ...]:
        """The lines below a table."""
        return (f"{self.caption} * corrected p < {SIGNIFICANCE}.", *self.notes)

    @property
    def heading(self) -> tuple[str, ...]:
        """Column headings of every format but CSV."""
        score = metric_title(self.metric)
        return (
            "Factor",
            "Level",
            "n",
            f"{score}, %",
            "Difference",
            "95 % CI",
            "p (Holm)",
            "s/trial",
        )


def metric_title(metric: str) -> str:
    """The metric in words.

    Example:
        >>> metric_title("weighted_f1"), metric_title("f1:joy")
        ('Weighted F1', 'F1 of joy')
    """
    if metric.startswith("f1:"):
        return f"F1 of {metric[3:]}"
    return metric.replace("_", " ").capitalize().replace("f1", "F1")


def is_significant(row: ComparisonRow) -> bool:
    """Whether the corrected p-value is below 0.05."""
    return row.p_corrected is not None and row.p_corrected < SIGNIFICANCE


def percent(value: float | None, *, signed: bool = False) -> str:
    """A score in percent points with two decimals, with a true minus sign."""
    if value is None or math.isnan(value):
        return MISSING
    shown = f"{100 * value:+.2f}" if signed else f"{100 * value:.2f}"
    shown = "0.00" if float(shown) == 0 else shown
    return shown.replace("-", "−")


def p_text(value: float | None) -> str:
    """A p-value to three decimals; ``<0.001`` below that."""
    if value is None or math.isnan(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def interval(row: ComparisonRow) -> str:
    """The confidence interval of the difference."""
    if row.ci_low is None or row.ci_high is None:
        return MISSING
    return f"[{percent(row.ci_low, signed=True)}, {percent(row.ci_high, signed=True)}]"


def numbers(row: ComparisonRow) -> tuple[str, ...]:
    """The texts of a row's columns after factor and level."""
    spread = "" if row.sd is None else f" ± {percent(row.sd)}"
    return (
        str(row.n),
        percent(row.mean) + spread,
        MISSING if row.is_reference else percent(row.difference, signed=True),
        MISSING if row.is_reference else interval(row),
        p_text(row.p_corrected) + ("*" if is_significant(row) else ""),
        MISSING if row.seconds is None else f"{row.seconds:.1f}",
    )


def render(table: Table, form: str) -> str:
    """``table`` in one of :data:`FORMATS`.

    Raises:
        InputError: for an unknown format.
    """
    writers = {"terminal": terminal, "markdown": markdown, "latex": latex, "csv": csv}
    if form not in writers:
        raise unknown("format", form, FORMATS)
    return writers[form](table)


def as_frame(rows: Sequence[ComparisonRow]) -> "pd.DataFrame":
    """One line per row, all columns of the results database, scores in [0, 1]."""
    import pandas as pd

    return pd.DataFrame([asdict(row) for row in rows])


def csv(table: Table) -> str:
    """Comma-separated values at full precision."""
    return as_frame(table.rows).to_csv(index=False)


def terminal(table: Table, width: int = 120) -> str:
    """Plain text, without colour."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(as_rich(table))
    return capture.get()


def as_rich(table: Table) -> Group:
    """For a rich console at least 80 columns wide, with colour as an aid."""
    grid = RichTable(
        title=table.title,
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    for column, name in enumerate(("", *table.heading[2:])):
        grid.add_column(
            name, justify="right" if column else "left", no_wrap=column > 0, overflow="fold"
        )
    for factor, rows in table.groups():
        if rows[0].is_reference:
            name = f"{factor} {rows[0].level}".strip()
            grid.add_row(Text(name, "bold"), *numbers(rows[0]), end_section=True)
            continue
        grid.add_row(Text.assemble((factor, "bold"), _bracket(table, factor)))
        for row in rows:
            grid.add_row(Text(f"  {row.level}"), *numbers(row), style=_style(row))
    return Group(grid, *(Text(line, "dim") for line in table.remarks))


def markdown(table: Table) -> str:
    """A GitHub-flavoured table with its caption and notes below."""
    lines = [_pipes(table.heading), _pipes([":--", ":--"] + ["--:"] * (len(table.heading) - 2))]
    for factor, rows in table.groups():
        for index, row in enumerate(rows):
            first = f"{factor}{_bracket(table, factor)}" if index == 0 else ""
            lines.append(_pipes([_escape_markdown(t) for t in (first, row.level, *numbers(row))]))
    below = "\n\n".join(_escape_markdown(line) for line in table.remarks)
    return "\n".join([f"**{_escape_markdown(table.title)}**", "", *lines, "", below, ""])


def latex(table: Table) -> str:
    r"""A floating table for a document that loads ``booktabs``."""
    body: list[str] = []
    for factor, rows in table.groups():
        if body:
            body.append(r"\midrule")
        for index, row in enumerate(rows):
            first = f"{factor}{_bracket(table, factor)}" if index == 0 else ""
            cells = (first, row.level, *numbers(row))
            body.append(" & ".join(escape_latex(cell) for cell in cells) + r" \\")
    caption = escape_latex(f"{table.title}. {table.remarks[0]}")
    notes = [rf"\par\smallskip\footnotesize {escape_latex(note)}" for note in table.notes]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            r"\small",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{table.label}}}",
            rf"\begin{{tabular}}{{ll{'r' * (len(table.heading) - 2)}}}",
            r"\toprule",
            " & ".join(escape_latex(name) for name in table.heading) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
            "",
        ]
    )


def escape_latex(value: str) -> str:
    """``value`` as LaTeX shows it literally, in text mode."""
    return "".join(_LATEX.get(character, character) for character in value)


def _bracket(table: Table, factor: str) -> str:
    level = table.reference_levels.get(factor)
    return "" if level is None else f" ({level})"


def _style(row: ComparisonRow) -> str:
    if row.is_reference or not is_significant(row) or row.difference is None:
        return ""
    return "green" if row.difference > 0 else "red"


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape_markdown(value: str) -> str:
    for character in "\\|*<`":
        value = value.replace(character, f"\\{character}")
    return value
