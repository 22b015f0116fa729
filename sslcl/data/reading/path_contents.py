"""What lies under a path: its files, and what the pickles among them hold."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from sslcl.data.reading.pickles import load_pickle
from sslcl.errors import InputError

PICKLES = (".pkl", ".pickle", ".p")


class PathContents:
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
