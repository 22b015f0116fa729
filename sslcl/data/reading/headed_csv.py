"""CSV files with a header, as text; what is wrong in one is told in one line."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sslcl.errors import InputError, did_you_mean, unknown

FIRST_ROW = 2
"""Number of the first row under the header, as a spreadsheet counts."""
_LONGEST_HEADER = 1 << 16


def header_of(path: Path) -> tuple[str, ...]:
    """The names in the first line; empty when the file has none or cannot be read.

    Made for telling layouts apart: it reads one line and never raises.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_HEADER).decode("utf-8-sig", errors="replace")
        return tuple(name.strip() for name in next(csv.reader([line]), []))
    except (OSError, csv.Error):
        return ()


def read_headed(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """Every cell as text without surrounding blanks, the rows numbered as a spreadsheet does.

    Args:
        path: UTF-8, with or without a byte order mark.
        required: columns that must be there; others are kept as well.

    Raises:
        InputError: naming the file, and the row or column that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = list(csv.reader(file, strict=True)) or [[]]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from None
    except (csv.Error, OSError) as error:
        raise InputError(f"{path} is not a complete CSV file: {error}") from None
    names = [" ".join(name.split()) for name in header]
    for name in required:
        if name not in names:
            raise InputError(f"{path} has no column '{name}': {_nearest(name, names)}")
    if len(set(names)) < len(names):
        again = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path} has the column '{again}' twice, expected each once")
    rows = [[cell.strip() for cell in row] for row in rows]
    for number, row in enumerate(rows, start=FIRST_ROW):
        if len(row) != len(names):
            raise InputError(f"{path}, row {number}: has {len(row)} cells, expected {len(names)}")
    if not rows:
        raise InputError(f"{path} has a header only, expected at least one row")
    index = pd.RangeIndex(FIRST_ROW, FIRST_ROW + len(rows))
    return pd.DataFrame(rows, columns=names, index=index, dtype=object)


def whole_numbers(path: Path, column: pd.Series) -> pd.Series:
    """A column of :func:`read_headed` as integers from 0.

    Raises:
        InputError: naming the file, row and column of the first cell that is none.
    """
    wrong = ~column.str.fullmatch(r"[0-9]{1,15}")
    if wrong.any():
        raise cell_error(path, column[wrong], "a whole number")
    return column.astype("int64")


def class_names(path: Path, column: pd.Series, classes: Sequence[str]) -> pd.Series:
    """Class names, or nothing where the cell of a column of :func:`read_headed` is blank.

    Raises:
        InputError: naming the file, row and nearest class for any other.
    """
    wrong = column[~column.isin([*classes, ""])]
    if not wrong.empty:
        where = f"{path}, row {wrong.index[0]}"
        raise unknown(str(column.name).lower(), _shown(wrong.iloc[0])[1:-1], classes, where)
    return column.where(column != "", None)


def cell_error(path: Path, wrong: pd.Series, expected: str) -> InputError:
    """What to say of the first cell of ``wrong``, a part of a column of :func:`read_headed`."""
    where = f"{path}, row {wrong.index[0]}, column '{wrong.name}'"
    return InputError(f"{where}: is {_shown(wrong.iloc[0])}, expected {expected}")


def _shown(cell: object) -> str:
    """A cell in quotes, on one line and not too long."""
    text = str(cell)
    return repr(text if len(text) <= 30 else text[:27] + "...")


def _nearest(name: str, names: Sequence[str]) -> str:
    return did_you_mean(name, [one for one in names if one])
