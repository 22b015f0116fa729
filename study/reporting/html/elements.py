"""What a page is made of; the template knows nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

Kind = Literal["", "better", "worse", "equivalent", "not-shown"]


@dataclass(frozen=True)
class Cell:
    """One entry of a grid.

    Args:
        text: shown as it is.
        kind: how it is marked, besides by its words.
        bar: a share in [0, 1] to draw beside the text.
    """

    text: str
    kind: Kind = ""
    bar: float | None = None


Entry = str | Cell


@dataclass(frozen=True)
class Grid:
    """A table.

    Args:
        caption: what it shows.
        heading: names of the columns.
        rows: one entry for each column.
        texts: how many of the first columns are words rather than numbers.
        strong: indices of rows to set apart.
        folded: whether it is closed until a reader opens it.
    """

    caption: str
    heading: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    texts: int = 1
    strong: frozenset[int] = frozenset()
    folded: bool = False

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows, every entry a :class:`Cell`."""
        return [[e if isinstance(e, Cell) else Cell(e) for e in row] for row in self.rows]


@dataclass(frozen=True)
class Picture:
    """A drawing.

    Args:
        svg: an ``<svg>`` element.
        caption: what it shows and how to read it.
        width: its natural width in CSS pixels.
        small: whether several stand beside each other.
    """

    svg: Markup
    caption: str
    width: int
    small: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        anchor: its name in the page's address.
        title: its heading.
        words: paragraphs that come first; what is missing, and why, stands here too.
        pictures, grids: shown in this order.
        notes: small print.
        paste: text to copy from.
    """

    anchor: str
    title: str
    words: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    grids: Sequence[Grid] = ()
    notes: Sequence[str] = ()
    paste: str = ""
