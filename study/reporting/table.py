"""A table of a report: the one object that every format draws."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

TABLE_FORMATS = ("terminal", "markdown", "latex", "csv")
LOOKS = ("better", "worse", "equivalent", "not shown", "best")
"""How a line can be marked; its texts say the same in words."""


@dataclass(frozen=True)
class Line:
    """One line of numbers.

    Args:
        label: what it is about.
        cells: the texts of its columns.
        look: one of :data:`LOOKS` for the line, or none.
        bar: a share in [0, 1] that a page draws beside the first column.
    """

    label: str
    cells: tuple[str, ...]
    look: str = ""
    bar: float | None = None


@dataclass(frozen=True)
class TableSection:
    """Lines that belong together.

    Args:
        name: what they have in common; empty for lines without a common name.
        lines: at least one.
        bracket: shown once, in brackets after the name.
        heads: whether the section is a single line that carries the section's name.
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
class Table:
    """A table, ready to be shown.

    Args:
        title: a few words.
        label: letters, digits and hyphens, for LaTeX references.
        heading: of the section names, of the line labels, then of every column.
        sections: from top to bottom.
        records: the same at full precision, for CSV; one to a line.
        caption: what is shown, and how it came about.
        notes: what a reader must know besides.
        spare: headings of the columns that a narrow window leaves out, in this order.
        words: headings of the columns that hold words, which start at the left.
        methods: how it was done, at length, for a paper.
        columns: names of the records' columns, for a table that may have no records.
    """

    title: str
    label: str
    heading: tuple[str, ...]
    sections: tuple[TableSection, ...]
    records: Sequence[Mapping[str, object]]
    caption: str
    notes: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    methods: str = ""
    columns: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """The lines below a table."""
        return (self.caption, *self.notes) if self.caption else self.notes

    @property
    def named(self) -> bool:
        """Whether sections have names, and so a column of their own."""
        return any(section.name for section in self.sections)

    @property
    def headings(self) -> tuple[str, ...]:
        """Headings of the columns, that of the section names only where sections have names."""
        return self.heading if self.named else self.heading[1:]

    def rows(self) -> Iterator[tuple[TableSection, Line, tuple[str, ...]]]:
        """Every line with its section and its texts, the section's name in its first line only."""
        for section in self.sections:
            for index, line in enumerate(section.lines):
                name = (section.title if index == 0 else "",) if self.named else ()
                yield section, line, (*name, line.label, *line.cells)
