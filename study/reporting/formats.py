"""A table as text: for a terminal, in Markdown, in LaTeX and as CSV."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from sslcl.errors import unknown
from study.reporting.table import TABLE_FORMATS, Line, Table, TableSection
from study.reporting.terminal import terminal_text

if TYPE_CHECKING:
    import pandas as pd

_LONG = 12
"""Letters of a heading from which LaTeX breaks it."""
_ROOMY = 64
"""Letters in a line that fit a column of text at a size that reads well."""
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
    "→": r"$\rightarrow$",
    "≥": r"$\geq$",
    "η": r"$\eta$",
    "²": r"$^{2}$",
    "–": "--",
    "*": r"$^{*}$",
    "†": r"$^{\dagger}$",
    "‡": r"$^{\ddagger}$",
}


def render(table: Table, form: str) -> str:
    """``table`` in one of :data:`~study.reporting.table.TABLE_FORMATS`.

    Raises:
        InputError: for an unknown format.
    """
    writers = {
        "terminal": terminal_text,
        "markdown": _markdown,
        "latex": _latex,
        "csv": _csv,
    }
    if form not in writers:
        raise unknown("format", form, TABLE_FORMATS)
    return writers[form](table)


def frame_of(table: Table) -> "pd.DataFrame":
    """The records at full precision, one row to a record."""
    import pandas as pd

    return pd.DataFrame(table.records, columns=table.columns or None)


def _csv(table: Table) -> str:
    """Comma-separated values at full precision."""
    return frame_of(table).to_csv(index=False)


def _markdown(table: Table) -> str:
    """A GitHub-flavoured table with its caption and notes below."""
    heading = table.headings
    left = len(heading) - len(table.heading[2:])
    sides = [":--" if i < left or n in table.words else "--:" for i, n in enumerate(heading)]
    rows = [_pipes([escape_markdown(text) for text in row]) for _, _, row in table.rows()]
    below = "\n\n".join(escape_markdown(line) for line in table.remarks)
    head = [_pipes([escape_markdown(name) for name in heading]), _pipes(sides)]
    return "\n".join([f"**{escape_markdown(table.title)}**", "", *head, *rows, "", below, ""])


def _latex(table: Table) -> str:
    r"""A floating table for a document that loads ``booktabs``."""
    heading = ("" if table.named else table.heading[1], *table.heading[2:])
    sides = "".join("l" if i == 0 or n in table.words else "r" for i, n in enumerate(heading))
    body: list[str] = []
    for section in table.sections:
        if body and table.named:
            body.append(r"\midrule")
        if section.name and not section.heads:
            name = escape_latex(section.title)
            body.append(rf"\multicolumn{{{len(heading)}}}{{l}}{{{name}}} \\")
        for line in section.lines:
            cells = [escape_latex(text) for text in line.cells]
            body.append(f"{_latex_label(section, line)} & {' & '.join(cells)} \\\\")
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            *(f"% {escape_latex(line)}" for line in table.methods.splitlines()),
            r"\begin{table}[t]",
            r"\centering",
            r"\footnotesize" if _letters(table) <= _ROOMY else r"\scriptsize",
            r"\setlength{\tabcolsep}{2pt}",
            rf"\caption{{{escape_latex(f'{table.title}. {table.caption}')}}}",
            rf"\label{{tab:{table.label}}}",
            rf"\begin{{tabular}}{{@{{}}{sides}@{{}}}}",
            r"\toprule",
            " & ".join(map(_latex_heading, heading)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\smallskip {escape_latex(note)}" for note in table.notes),
            r"\end{table}",
            "",
        ]
    )


def escape_latex(value: str) -> str:
    """``value`` as LaTeX shows it literally, in text mode."""
    return "".join(_LATEX.get(character, character) for character in value)


def _letters(table: Table) -> int:
    """Letters in a line of the table with the longest text of every column."""
    lines = [line for section in table.sections for line in section.lines]
    labels = max((len(line.label) + 2 for line in lines), default=0)
    columns = zip(*(line.cells for line in lines), strict=True)
    return labels + sum(max(map(len, texts)) for texts in columns)


def _latex_label(section: TableSection, line: Line) -> str:
    if section.heads:
        return escape_latex(f"{section.name} {line.label}".strip())
    return (r"\quad " if section.name else "") + escape_latex(line.label)


def _latex_heading(name: str) -> str:
    """A heading, of two lines where it is long and can be broken."""
    if len(name) < _LONG or " " not in name:
        return escape_latex(name)
    parts = fill(name, -(-len(name) // 2) + 1, break_long_words=False).split("\n")
    return rf"\shortstack[r]{{{(chr(92) * 2).join(map(escape_latex, parts))}}}"


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape_markdown(value: str) -> str:
    """``value`` as Markdown shows it literally."""
    for character in "\\|*<`":
        value = value.replace(character, f"\\{character}")
    return value
