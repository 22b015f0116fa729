"""A table on a terminal, through rich."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from study.reporting.table import Table

PLAIN_WIDTH = 100
"""Columns where the output is a file or a pipe, which have no width of their own."""
_COLOURS = {"better": "green", "worse": "red", "equivalent": "cyan", "best": "bold"}
_NARROWEST_LABEL = 18


@dataclass(frozen=True)
class TerminalTable:
    """What a rich console prints of a table: as many columns as fit, with colour as an aid."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's hook: the table, then its remarks."""
        left_out: list[str] = []
        while self._width(left_out) > options.max_width and len(left_out) < len(self.table.spare):
            left_out.append(self.table.spare[len(left_out)])
        yield self._grid(left_out)
        for line in self.table.remarks:
            yield Text(line, "dim")
        if left_out:
            yield Text(f"Left out of a narrow window: {', '.join(left_out)}.", "dim")

    def _shown(self, left_out: Sequence[str]) -> list[int]:
        """Places of the columns that are shown."""
        return [i for i, name in enumerate(self.table.heading[2:]) if name not in left_out]

    def _width(self, left_out: Sequence[str]) -> int:
        """Columns of a terminal that the table takes with the shortest labels."""
        widths = [
            max(self._widest(i), *map(cell_len, self._head(i).split("\n"))) + 1
            for i in self._shown(left_out)
        ]
        return _NARROWEST_LABEL + sum(widths)

    def _head(self, column: int) -> str:
        """A column's heading, broken where what is below it is narrower."""
        return fill(self.table.heading[2 + column], self._widest(column), break_long_words=False)

    def _widest(self, column: int) -> int:
        """Columns of a terminal that the texts below a heading take."""
        lines = [line for section in self.table.sections for line in section.lines]
        return max((cell_len(line.cells[column]) for line in lines), default=1)

    def _grid(self, left_out: Sequence[str]) -> RichTable:
        places = self._shown(left_out)
        grid = RichTable(
            title=self.table.title,
            title_style="bold",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=0,
            pad_edge=False,
        )
        grid.add_column("" if self.table.named else self.table.heading[1], overflow="fold")
        for i in places:
            wordy = self.table.heading[2 + i] in self.table.words
            side: Literal["left", "right"] = "left" if wordy else "right"
            grid.add_column(self._head(i), justify=side, no_wrap=not wordy, overflow="fold")
        for section in self.table.sections:
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
                    style=_COLOURS.get(line.look, ""),
                    end_section=section.heads,
                )
        return grid


def terminal_text(table: Table, width: int = PLAIN_WIDTH) -> str:
    """Plain text, without colour."""
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    with console.capture() as capture:
        console.print(TerminalTable(table))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
