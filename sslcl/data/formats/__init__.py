"""Formats by content: which publisher's layout a file or folder holds, whatever it is called."""

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, ClassVar

import pandas as pd

from sslcl.data.corpus import Corpus
from sslcl.data.published.merged import with_merged_classes
from sslcl.data.published.sizes import known_notes
from sslcl.data.reading.feature_width import width_of
from sslcl.data.reading.path_contents import PICKLES, PathContents
from sslcl.data.reading.texts import encoding_note, mended
from sslcl.errors import InputError
from sslcl.registry import Registry

TABLE_FILES = (".csv", ".tsv", ".jsonl", ".json", ".xlsx", ".parquet")
TEXT_FILES = (".csv", ".tsv", ".txt", ".json", ".jsonl")
_ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst")
_LISTED = 8
_FIELDS = 16


class Format(ABC):
    """One layout in which a corpus is published."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for the documentation and for error messages."""

    @abstractmethod
    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The files that together are one corpus in this format; empty when there is none.

        Judged by structure (columns, tuple lengths, widths), never by a file's name, and without
        raising for what belongs to another format.
        """

    @abstractmethod
    def read(self, contents: PathContents) -> Corpus:
        """Read what :meth:`claims` found.

        Raises:
            InputError: one line naming the file and what in it is wrong.
        """


FORMATS: Registry[Format] = Registry("format", "sslcl.data.formats", Format)  # type: ignore[type-abstract]


def recognise(path: Path) -> Corpus:
    """Read the corpus at ``path``, in whichever known format it is.

    Raises:
        InputError: when no format fits, or more than one, listing what was found.
    """
    contents = PathContents(path)
    return read_noted(format_of(contents), contents)


def read_noted(layout: Format, contents: PathContents) -> Corpus:
    """The corpus in its format, with a note on how its sizes compare with the usual files'."""
    encodings = _encoding_notes(layout.claims(contents))
    corpus = with_merged_classes(_mended(layout.read(contents)))
    rivals = _rival_notes(layout, contents)
    return replace(corpus, notes=(*corpus.notes, *rivals, *encodings, *known_notes(corpus)))


def _encoding_notes(files: frozenset[Path]) -> list[str]:
    texts = sorted(file for file in files if file.suffix.lower() in TEXT_FILES)
    return [note for file in texts if (note := encoding_note(file)) is not None]


def _mended(corpus: Corpus) -> Corpus:
    """The corpus with the control characters in its texts and speakers read as what they are."""
    table, counts = corpus.table, {}
    for column in ("text", "speaker"):
        if column in table:
            values, counts[column] = mended(table[column].fillna("").astype(str))
            if counts[column]:
                table = table.assign(
                    **{column: pd.Series(values, index=table.index).astype(table[column].dtype)}
                )
    if not any(counts.values()):
        return corpus
    note = (
        f"{max(counts.values())} texts had Windows-1252 characters read as Latin-1 (control "
        "characters U+0080 to U+009F): mended"
    )
    return replace(corpus, table=table, notes=(*corpus.notes, note))


def format_of(contents: PathContents) -> Format:
    """The format of what was found.

    Where one format claims all the files of another and more, such as text features beside a
    feature tuple, it goes before; where two claim some of the same files, the one with more.

    Raises:
        InputError: when no format fits, or more than one, listing what was found.
    """
    path = contents.path
    claimed = _claims(contents)
    best = {
        name: files
        for name, files in claimed.items()
        if not any(_goes_before(other, files) for other in claimed.values())
    }
    if not best:
        raise InputError(f"{path}: no known format; found {_listing(contents)}{_advice(contents)}")
    if len(best) > 1:
        what = "; ".join(f"{n} ({_names(files)})" for n, files in best.items())
        raise InputError(f"{path} could be read as {what}: give the path of one of them")
    return FORMATS.get(next(iter(best)))()


def _advice(contents: PathContents) -> str:
    """What to do with a table that is nobody's layout."""
    tables = contents.of(*TABLE_FILES)
    if not tables:
        archives = contents.of(*_ARCHIVES)
        return f"; unpack {archives[0].name} first" if archives else ""
    several = len(tables) > 1 and contents.path.is_dir()
    command = f"python -m sslcl.data init {quote(str(contents.path if several else tables[0]))}"
    return f"; if it is a table of your own, {command} writes a card for it (see docs/your-data.md)"


def _claims(contents: PathContents) -> dict[str, frozenset[Path]]:
    claimed = {name: FORMATS.get(name)().claims(contents) for name in FORMATS.names()}
    return {name: files for name, files in claimed.items() if files}


def _goes_before(one: frozenset[Path], other: frozenset[Path]) -> bool:
    return bool(one & other) and len(one) > len(other)


def _rival_notes(layout: Format, contents: PathContents) -> list[str]:
    """A note on each other format that claims some of the files and some of its own."""
    claimed = _claims(contents)
    files = claimed.get(layout.name, frozenset())
    return [
        f"read as {layout.name} ({_names(files)}), which fits more files than {name} "
        f"({_names(others)})"
        for name, others in claimed.items()
        if name != layout.name and files & others and others - files
    ]


def _listing(contents: PathContents) -> str:
    shown = [describe_file(contents, file) for file in contents.files[:_LISTED]]
    more = len(contents.files) - len(shown)
    return "; ".join(shown) + (f" and {more} more" if more > 0 else "")


def describe_file(contents: PathContents, file: Path) -> str:
    """A few words on what a file holds, for a person who must find out why it is not known."""
    if file not in contents.of(*PICKLES):
        return file.name
    content = contents.pickles[file]
    if isinstance(content, list | tuple) and len(content) <= _FIELDS:
        fields = ", ".join(map(_describe_field, content))
        return f"{file.name}: {type(content).__name__} of {len(content)} ({fields})"
    return f"{file.name}: {_describe_field(content)}"


def _describe_field(content: Any) -> str:
    kind = type(content).__name__
    if isinstance(content, dict) and width_of(content):
        return f"dict of {len(content)} with rows of {width_of(content)}"
    return f"{kind} of {len(content)}" if isinstance(content, list | tuple | dict | set) else kind


def _names(files: frozenset[Path]) -> str:
    names = sorted(file.name for file in files)
    return ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
