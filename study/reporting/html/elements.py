"""What a page is made of: sections with words, pictures and tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from study.reporting.figures.svg import Picture
from study.reporting.table import Line, Table, TableSection


@dataclass(frozen=True)
class PageSection:
    """A part of the page.

    Args:
        anchor: its name in the page's address.
        title: its heading.
        words: paragraphs that come first; they also say what is missing, and why.
        pictures, tables: shown in this order.
        folded: tables that are closed until a reader opens them.
        notes: small print.
        paste: text to copy from.
    """

    anchor: str
    title: str
    words: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    folded: Sequence[Table] = ()
    notes: Sequence[str] = ()
    paste: str = ""


def plain_table(
    title: str,
    heading: Sequence[str],
    rows: Iterable[Sequence[str]],
    words: Sequence[str] = (),
) -> Table:
    """A table of texts that only a page shows.

    Args:
        title: a few words.
        heading: of every column.
        rows: a text for every column.
        words: headings of columns after the first that hold words rather than numbers.
    """
    lines = tuple(Line(first, tuple(rest)) for first, *rest in rows)
    return Table(
        title=title,
        label="",
        heading=("", *heading),
        sections=(TableSection("", lines),),
        records=(),
        caption="",
        words=tuple(words),
    )
