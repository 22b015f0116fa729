"""Reading pickles from strangers: plain data only, and nothing runs."""

import mmap
import struct
import zipfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslcl.data.reading.pickles._arrays import NAMES, finish
from sslcl.data.reading.pickles._machine import (
    Machine,
    Name,
    NotPlainError,
    Unfinished,
    describe,
    printable,
)
from sslcl.data.reading.pickles._steps import run
from sslcl.errors import InputError

MAX_BYTES = 16 << 30
MAX_DEPTH = 32
"""Levels of containers within containers; published files have three or four."""
_EXPANSION, _FREE = 16, 64 << 20
_WORD = 8
_NUMBERS = (bool, int, float, complex)
ALLOWED = (
    "allowed are numbers, text, lists, tuples, dicts, sets, NumPy arrays and torch tensors, "
    "nothing else"
)
_DAMAGE = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError, struct.error)


def load_pickle(path: Path) -> Any:
    """The plain data in a pickle of any protocol, or in a file of ``torch.save``.

    Nothing that the file names is imported or called, and what it claims of sizes, depth and
    sharing is checked. Text of Python 2 is read as Latin-1.

    Raises:
        InputError: one line, when the file is damaged, too large, or asks for anything but
            numbers, text, builtin containers, NumPy arrays and torch tensors.
    """
    try:
        return _load(path)
    except NotPlainError as error:
        advice = "; save a pandas table as CSV or Parquet" if "pandas." in str(error) else ""
        raise InputError(f"{path} {error}: {ALLOWED}{advice}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except _DAMAGE as error:
        what = printable(str(error)) or type(error).__name__
        raise InputError(f"{path} is a damaged pickle ({what}): {ALLOWED}") from None


def _load(path: Path) -> Any:
    size = path.stat().st_size
    if not size:
        raise NotPlainError("is empty, not a pickle")
    if size > MAX_BYTES:
        raise NotPlainError(f"has {size:,} bytes, more than the {MAX_BYTES:,} that are read")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] == b"PK\x03\x04":
            content = _from_torch(path)
        else:
            machine = Machine(data, _EXPANSION * size + _FREE, NAMES, finish)
            content = run(machine)
            if machine.position != size:
                raise NotPlainError(
                    f"goes on for {size - machine.position:,} bytes behind the end of its pickle"
                )
    _check_plain(content, _EXPANSION * size + _FREE)
    return content


def _from_torch(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        packed = [member.filename for member in members if member.compress_type]
        if packed:
            raise NotPlainError(f"holds the compressed part {printable(packed[0])}")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise NotPlainError("claims parts that together are larger than the file")
        return torch.load(path, map_location="cpu", weights_only=True)
    except NotPlainError:
        raise
    except Exception as error:  # torch raises whatever a stranger's file makes it raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NotPlainError(f"is refused by torch: {printable(reason)}") from None


def _check_plain(content: Any, room: int) -> None:
    if _Inspection().size(content, 0) > room:
        raise NotPlainError("would take more memory than its size allows when it is copied")


class _Inspection:
    """One walk over what was read; what is shared is looked into once and counted every time."""

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.open: set[int] = set()

    def size(self, value: Any, depth: int) -> int:
        """Bytes that ``value`` would take without sharing.

        Raises:
            NotPlainError: when something in it is not plain, nests too deep or contains itself.
        """
        kind = type(value)
        if value is None or kind in _NUMBERS:
            return _WORD
        if kind in (str, bytes, bytearray):
            return _WORD + len(value)
        if kind is torch.Tensor or isinstance(value, np.generic):
            return _WORD + int(value.nbytes)
        if kind is np.ndarray and not value.dtype.hasobject:
            return _WORD + int(value.nbytes)
        if id(value) not in self.sizes:
            self.sizes[id(value)] = self._container(value, depth)
        return self.sizes[id(value)]

    def _container(self, value: Any, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise NotPlainError(f"nests containers more than {MAX_DEPTH} levels deep")
        if id(value) in self.open:
            raise NotPlainError("holds a container that contains itself")
        self.open.add(id(value))
        total = _WORD + sum(self.size(item, depth + 1) for item in _inside(value))
        self.open.remove(id(value))
        return total


def _inside(value: Any) -> Iterable[Any]:
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        return value  # type: ignore[no-any-return]
    if kind is dict:
        return chain(value.keys(), value.values())
    if kind is np.ndarray:
        return value.flat  # type: ignore[no-any-return]
    name = describe(value) if kind in (Name, Unfinished) else f"{kind.__module__}.{kind.__name__}"
    raise NotPlainError(f"asks for {printable(name)} in its data")
