"""Any table of a report in several formats; all of them show the same texts."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from sslcl.errors import unknown

if TYPE_CHECKING:
    import pandas as pd

PLAIN_WIDTH = 100
"""Columns where the output is a file or a pipe, which have no width of their own."""
FORMATS = ("terminal", "markdown", "latex", "csv")
LOOKS = {"better": "green", "worse": "red", "equivalent": "cyan", "best": "bold"}
"""Colours of a terminal; every look is told in words or marks as well."""
_NARROWEST_LABEL = 18
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
}


@dataclass(frozen=True)
class Line:
    """One line of numbers.

    Args:
        label: what it is about.
        cells: the texts of its columns.
        look: one of :data:`LOOKS` for the line, or none.
    """

    label: str
    cells: tuple[str, ...]
    look: str = ""


@dataclass(frozen=True)
class Section:
    """Lines that belong together.

    Args:
        name: of what they have in common; empty where there is nothing to name.
        lines: at least one.
        bracket: said once beside the name.
        heads: the only line stands for the name itself.
    """

    name: str
    lines: tuple[Line, ...]
    bracket: str = ""
    heads: bool = False

    @property
    def title(self) -> str:
        """Name and bracket."""
        return f"{self.name} ({self.bracket})" if self.bracket else self.name


@dataclass(frozen=True)
class Sheet:
    """A table, ready to be shown.

    Args:
        title: a few words.
        label: letters, digits and hyphens, for LaTeX references.
        heading: of the section names, of the line labels, then of every column.
        sections: from top to bottom.
        records: the same at full precision, for CSV; one to a line.
        caption: what is shown, and how it came about.
        notes: what a reader must know besides.
        spare: columns that a narrow window leaves out, the most dispensable first.
        words: texts of columns that are read and not compared, and so start at the left.
        methods: how it was done, at length, for a paper.
        columns: of the records, where there may be none of them.
    """

    title: str
    label: str
    heading: tuple[str, ...]
    sections: tuple[Section, ...]
    records: Sequence[Mapping[str, object]]
    caption: str
    notes: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    methods: str = ""
    columns: tuple[str, ...] = ()

    @property
    def frame(self) -> "pd.DataFrame":
        """The records as a table."""
        import pandas as pd

        return pd.DataFrame(self.records, columns=self.columns or None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The lines below a table."""
        return (self.caption, *self.notes) if self.caption else self.notes

    @property
    def named(self) -> bool:
        """Whether sections have names, and so a column of their own."""
        return any(section.name for section in self.sections)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """For a terminal: as many columns as fit, with colour as an aid."""
        left_out: list[str] = []
        while self._width(left_out) > options.max_width and len(left_out) < len(self.spare):
            left_out.append(self.spare[len(left_out)])
        yield self._grid(left_out)
        for line in self.remarks:
            yield Text(line, "dim")
        if left_out:
            yield Text(f"Left out of a narrow window: {', '.join(left_out)}.", "dim")

    def _shown(self, left_out: Sequence[str]) -> list[int]:
        """Places of the columns that are shown."""
        return [i for i, name in enumerate(self.heading[2:]) if name not in left_out]

    def _width(self, left_out: Sequence[str]) -> int:
        """Columns of a terminal that the table takes with the shortest labels."""
        widths = [
            max(self.widest(i), *map(cell_len, self._head(i).split("\n"))) + 1
            for i in self._shown(left_out)
        ]
        return _NARROWEST_LABEL + sum(widths)

    def widest(self, column: int) -> int:
        """Of the texts below a column's heading."""
        lines = [line for section in self.sections for line in section.lines]
        return max((cell_len(line.cells[column]) for line in lines), default=1)

    def _head(self, column: int) -> str:
        """A column's heading, broken where what is below it is narrower."""
        return fill(self.heading[2 + column], self.widest(column), break_long_words=False)

    def _grid(self, left_out: Sequence[str]) -> RichTable:
        places = self._shown(left_out)
        grid = RichTable(
            title=self.title,
            title_style="bold",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=0,
            pad_edge=False,
        )
        grid.add_column("" if self.named else self.heading[1], overflow="fold")
        for i in places:
            wordy = self.heading[2 + i] in self.words
            side: Literal["left", "right"] = "left" if wordy else "right"
            grid.add_column(self._head(i), justify=side, no_wrap=not wordy, overflow="fold")
        for section in self.sections:
            indent = "  " if section.name and not section.heads else ""
            if indent:
                bracket = f" ({section.bracket})" if section.bracket else ""
                grid.add_row(Text.assemble((section.name, "bold"), bracket))
            for line in section.lines:
                label = f"{section.name} {line.label}".strip() if section.heads else line.label
                cells = [Text(line.cells[i]) for i in places]
                style = "bold" if section.heads else ""
                grid.add_row(
                    Text(indent + label, style),
                    *cells,
                    style=LOOKS.get(line.look, ""),
                    end_section=section.heads,
                )
        return grid


def render_sheet(sheet: Sheet, form: str) -> str:
    """``sheet`` in one of :data:`FORMATS`.

    Raises:
        InputError: for an unknown format.
    """
    writers = {"terminal": terminal, "markdown": markdown, "latex": latex, "csv": csv}
    if form not in writers:
        raise unknown("format", form, FORMATS)
    return writers[form](sheet)


def terminal(sheet: Sheet, width: int = PLAIN_WIDTH) -> str:
    """Plain text, without colour."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(sheet)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def csv(sheet: Sheet) -> str:
    """Comma-separated values at full precision."""
    return sheet.frame.to_csv(index=False)


def markdown(sheet: Sheet) -> str:
    """A GitHub-flavoured table with its caption and notes below."""
    heading = _headings(sheet)
    left = len(heading) - len(sheet.heading[2:])
    sides = [":--" if i < left or n in sheet.words else "--:" for i, n in enumerate(heading)]
    rows = [_pipes([_escape_markdown(text) for text in row]) for row in _rows(sheet)]
    below = "\n\n".join(_escape_markdown(line) for line in sheet.remarks)
    head = [_pipes([_escape_markdown(name) for name in heading]), _pipes(sides)]
    return "\n".join([f"**{_escape_markdown(sheet.title)}**", "", *head, *rows, "", below, ""])


def latex(sheet: Sheet) -> str:
    r"""A floating table for a document that loads ``booktabs``."""
    heading = ("" if sheet.named else sheet.heading[1], *sheet.heading[2:])
    sides = "".join("l" if i == 0 or n in sheet.words else "r" for i, n in enumerate(heading))
    body: list[str] = []
    for section in sheet.sections:
        if body and sheet.named:
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
            *(f"% {escape_latex(line)}" for line in sheet.methods.splitlines()),
            r"\begin{table}[t]",
            r"\centering",
            r"\footnotesize" if _letters(sheet) <= _ROOMY else r"\scriptsize",
            r"\setlength{\tabcolsep}{2pt}",
            rf"\caption{{{escape_latex(f'{sheet.title}. {sheet.caption}')}}}",
            rf"\label{{tab:{sheet.label}}}",
            rf"\begin{{tabular}}{{@{{}}{sides}@{{}}}}",
            r"\toprule",
            " & ".join(map(_latex_heading, heading)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\smallskip {escape_latex(note)}" for note in sheet.notes),
            r"\end{table}",
            "",
        ]
    )


def escape_latex(value: str) -> str:
    """``value`` as LaTeX shows it literally, in text mode."""
    return "".join(_LATEX.get(character, character) for character in value)


def _letters(sheet: Sheet) -> int:
    """Letters in a line of the table with the longest text of every column."""
    lines = [line for section in sheet.sections for line in section.lines]
    labels = max((len(line.label) + 2 for line in lines), default=0)
    return labels + sum(sheet.widest(column) for column in range(len(sheet.heading) - 2))


def _latex_label(section: Section, line: Line) -> str:
    if section.heads:
        return escape_latex(f"{section.name} {line.label}".strip())
    return (r"\quad " if section.name else "") + escape_latex(line.label)


def _latex_heading(name: str) -> str:
    """A heading, of two lines where it is long and can be broken."""
    if len(name) < _LONG or " " not in name:
        return escape_latex(name)
    parts = fill(name, -(-len(name) // 2) + 1, break_long_words=False).split("\n")
    return rf"\shortstack[r]{{{(chr(92) * 2).join(map(escape_latex, parts))}}}"


def _headings(sheet: Sheet) -> tuple[str, ...]:
    return sheet.heading if sheet.named else sheet.heading[1:]


def _rows(sheet: Sheet) -> list[tuple[str, ...]]:
    """Every line's texts, the section's name in its first line only."""
    rows: list[tuple[str, ...]] = []
    for section in sheet.sections:
        for index, line in enumerate(section.lines):
            name = (section.title if index == 0 else "",) if sheet.named else ()
            rows.append((*name, line.label, *line.cells))
    return rows


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape_markdown(value: str) -> str:
    for character in "\\|*<`":
        value = value.replace(character, f"\\{character}")
    return value
