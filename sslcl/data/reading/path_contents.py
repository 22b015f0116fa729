"""What lies under a path: its files, and what the pickles among them hold."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from sslcl.data.reading.pickles import load_pickle
from sslcl.data.reading.texts import read_text
from sslcl.errors import InputError

PICKLES = (".pkl", ".pickle", ".p")
_DATA = (*PICKLES, ".csv", ".tsv", ".json", ".jsonl", ".txt", ".parquet", ".npy", ".npz")


class PathContents:
    """The files under a path; each pickle and JSON file among them is read once, and safely.

    Args:
        path: a file, or a folder with everything below it but hidden files and folders, such as
            those that version control, notebooks and macOS leave.

    Raises:
        InputError: when there is nothing there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise InputError(f"there is no file or folder {path}")
        inside = [path] if path.is_file() else sorted(_visible(path))
        self.files: tuple[Path, ...] = tuple(inside)
        if not self.files:
            raise InputError(f"{path} is empty: expected the files of a dataset")
        for file in self.of(*_DATA):
            _refuse_stand_in(file)

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

    @cached_property
    def json(self) -> Mapping[Path, Any]:
        """The content of every JSON file that is whole."""
        values = {}
        for file in self.of(".json"):
            with suppress(InputError, ValueError, RecursionError):
                values[file] = json.loads(read_text(file))
        return values


def _visible(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _refuse_stand_in(file: Path) -> None:
    """Refuse what was saved in the place of the data.

    Raises:
        InputError: for a Git LFS pointer and for an HTML page.
    """
    try:
        with file.open("rb") as start:
            head = start.read(64).lstrip().lower()
    except OSError:
        return  # It is told on reading.
    if head.startswith(b"version https://git-lfs"):
        raise InputError(
            f"{file} is a Git LFS pointer, not the data: run 'git lfs pull' where it is from, or "
            "download the file itself"
        )
    if head.startswith((b"<!doctype html", b"<html")):
        raise InputError(
            f"{file} is a web page saved under that name, not the data: use the page's download "
            "link, on GitHub the one called 'raw'"
        )
