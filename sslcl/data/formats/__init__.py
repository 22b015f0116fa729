"""Formats by content: which publisher's layout a file or folder holds, whatever it is called."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from sslcl.data.corpus import Corpus
from sslcl.data.formats._widths import width_of
from sslcl.data.published.sizes import known_notes
from sslcl.data.reading.pickles import load_pickle
from sslcl.errors import InputError
from sslcl.registry import Registry

PICKLES = (".pkl", ".pickle", ".p")
_LISTED = 8
_FIELDS = 16


class Found:
    """The files under a path; each pickle among them is read once, and safely.

    Args:
        path: a file, or a folder with everything below it.

    Raises:
        InputError: when there is nothing there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise InputError(f"there is no file or folder {path}")
        inside = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        self.files: tuple[Path, ...] = tuple(inside)
        if not self.files:
            raise InputError(f"{path} is empty: expected the files of a dataset")

    def of(self, *suffixes: str) -> tuple[Path, ...]:
        """The files whose names end in one of ``suffixes``, in any case."""
        return tuple(file for file in self.files if file.name.lower().endswith(suffixes))

    @cached_property
    def pickles(self) -> Mapping[Path, Any]:
        """The content of every pickle.

        Raises:
            InputError: for one that is damaged, too large, or holds more than plain data.
        """
        return {file: load_pickle(file) for file in self.of(*PICKLES)}


class Format(ABC):
    """One layout in which a corpus is published."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for the documentation and for error messages."""

    @abstractmethod
    def claims(self, found: Found) -> frozenset[Path]:
        """The files that together are one corpus in this format; empty when there is none.

        Judged by structure (columns, tuple lengths, widths), never by a file's name, and without
        raising for what belongs to another format.
        """

    @abstractmethod
    def read(self, found: Found) -> Corpus:
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
    found = Found(path)
    return read_noted(format_of(found), found)


def read_noted(layout: Format, found: Found) -> Corpus:
    """The corpus in its format, with a note on how its sizes compare with the usual files'."""
    corpus = layout.read(found)
    return replace(corpus, notes=(*corpus.notes, *known_notes(corpus)))


def format_of(found: Found) -> Format:
    """The format of what was found.

    Where one format claims all the files of another and more, such as text features beside a
    feature tuple, it goes before.

    Raises:
        InputError: when no format fits, or more than one, listing what was found.
    """
    path = found.path
    claimed = {name: FORMATS.get(name)().claims(found) for name in FORMATS.names()}
    claimed = {name: files for name, files in claimed.items() if files}
    best = {
        name: files
        for name, files in claimed.items()
        if not any(files < other for other in claimed.values())
    }
    if not best:
        raise InputError(f"{path}: no known format; found {_listing(found)}")
    if len(best) > 1:
        what = "; ".join(f"{n} ({_names(files)})" for n, files in best.items())
        raise InputError(f"{path} could be read as {what}: give the path of one of them")
    return FORMATS.get(next(iter(best)))()


def _listing(found: Found) -> str:
    shown = [describe_file(found, file) for file in found.files[:_LISTED]]
    more = len(found.files) - len(shown)
    return "; ".join(shown) + (f" and {more} more" if more > 0 else "")


def describe_file(found: Found, file: Path) -> str:
    """A few words on what a file holds, for a person who must find out why it is not known."""
    if file not in found.of(*PICKLES):
        return file.name
    content = found.pickles[file]
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
