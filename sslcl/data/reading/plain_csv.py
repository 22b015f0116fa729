"""Reading CSV files without a header; what is wrong in one is told in one line."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.errors import InputError


def read_numbers(path: Path, columns: int) -> NDArray[np.float64]:
    """A table of finite numbers, ``(rows, columns)``.

    Raises:
        InputError: naming the file, and row and column where a cell is the cause.
    """
    _require_file(path)
    try:
        table = pd.read_csv(path, header=None, dtype=np.float64).to_numpy()
        if table.shape[1] == columns and np.isfinite(table).all():
            return table
    except (ValueError, OSError):
        pass  # The fast reader does not say where; the slow one below does.
    raise _first_fault(path, columns)


def read_texts(path: Path, columns: int) -> list[list[str]]:
    """The rows of a table of ``columns`` texts each.

    Raises:
        InputError: naming the file and the row where there are more or fewer.
    """
    _require_file(path)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} is not a complete CSV file: {error}") from None
    if not rows:
        raise InputError(f"{path} is empty, expected rows of {columns} columns")
    for number, row in enumerate(rows, start=1):
        if len(row) != columns:
            raise InputError(f"{path}, row {number}: has {len(row)} columns, expected {columns}")
    return rows


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} is missing: expected a CSV file")


def _first_fault(path: Path, columns: int) -> InputError:
    """The first row with a wrong number of cells, or cell that is not a finite number."""
    for number, row in enumerate(read_texts(path, columns), start=1):
        for column, cell in enumerate(row, start=1):
            if not _is_finite(cell):
                shown = cell if len(cell) <= 30 else cell[:27] + "..."
                return InputError(
                    f"{path}, row {number}, column {column}: is {shown!r}, expected a finite number"
                )
    return InputError(f"{path} is not a table of numbers in CSV form")


def _is_finite(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
