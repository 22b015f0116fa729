"""CSV files with a header, as text; what is wrong in one is told in one line."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sslcl.data.reading.texts import first_line, read_text
from sslcl.errors import InputError, did_you_mean, unknown

FIRST_ROW = 2
"""Number of the first row under the header, as a spreadsheet counts."""
_LONGEST_HEADER = 1 << 16
_SEPARATORS = ",;\t|"
# A cell may hold a whole text; the default limit is 128 KiB.
csv.field_size_limit(2**31 - 1)


def header_of(path: Path) -> tuple[str, ...]:
    """The names in the first line; empty when the file has none or cannot be read.

    Made for telling layouts apart: it reads one line and never raises.
    """
    line = first_line(path, _LONGEST_HEADER)
    try:
        return tuple(
            name.strip() for name in next(csv.reader([line], delimiter=separator(line)), [])
        )
    except csv.Error:
        return ()


def read_headed(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """Every cell as text without surrounding blanks, the rows numbered as a spreadsheet does.

    Args:
        path: separated by commas, semicolons, tabs or bars, in any encoding that
            :func:`sslcl.data.reading.texts.read_text` knows.
        required: columns that must be there; others are kept as well.

    Raises:
        InputError: naming the file, and the row or column that is wrong.
    """
    header, *rows = csv_rows(path) or [[]]
    names = [" ".join(name.split()) for name in header]
    for name in required:
        if name not in names:
            raise InputError(f"{path} has no column '{name}': {_nearest(name, names)}")
    kept = [at for at, name in enumerate(names) if name]
    named = [names[at] for at in kept]
    if len(set(named)) < len(named):
        again = next(name for name in named if named.count(name) > 1)
        raise InputError(f"{path} has the column '{again}' twice, expected each once")
    filled = {
        number: [cell.strip() for cell in row]
        for number, row in enumerate(rows, start=FIRST_ROW)
        if any(cell.strip() for cell in row)
    }
    for number, row in filled.items():
        if len(row) < len(names) or any(row[len(names) :]):
            raise InputError(f"{path}, row {number}: has {len(row)} cells, expected {len(names)}")
    if not filled:
        raise InputError(f"{path} has a header only, expected at least one row")
    cells = [[row[at] for at in kept] for row in filled.values()]
    return pd.DataFrame(cells, columns=named, index=pd.Index(list(filled)), dtype=object)


def csv_rows(path: Path) -> list[list[str]]:
    """All rows of a file with a header, empty ones too, whatever separates the cells.

    Raises:
        InputError: when it is no complete CSV file.
    """
    text = read_text(path)
    try:
        delimiter = separator(text.split("\n", 1)[0])
        return list(csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path} is not a complete CSV file: {error}") from None


def separator(header: str) -> str:
    """What separates the cells of a header: the most frequent of comma, semicolon, tab and bar."""
    return max(_SEPARATORS, key=header.count)


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
