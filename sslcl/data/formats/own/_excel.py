"""The rows of a workbook: of its sheet of utterances, or of a sheet for each split."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from sslcl.data.formats.own._cut_off import cut_off
from sslcl.data.formats.own._split_names import split_of_word
from sslcl.errors import InputError

Row = tuple[int | str, list[str]]
"""Its number as a person finds it, and its cells."""


def excel_rows(path: Path) -> tuple[list[Row], bool, tuple[str, ...]]:
    """The rows of a workbook, the header first; whether splits are apart; and notes.

    Where several sheets are called as splits, they are read as one table with the column ``split``;
    else the first sheet with rows is read, and a note names the others.

    Raises:
        InputError: when it is damaged, or the sheets of splits have different columns.
    """
    sheets = {name: rows for name, rows in _sheets(path).items() if len(rows) > 1}
    splits = {name: split for name in sheets if (split := split_of_word(name)) is not None}
    if len(set(splits.values())) > 1:
        rows = _joined(path, {name: sheets[name] for name in splits})
        return rows, True, _left_out(sheets, splits)
    first = next(iter(sheets), None)
    if first is None:
        return [], False, ()
    return list(enumerate(sheets[first], start=1)), False, _left_out(sheets, [first])


def _sheets(path: Path) -> Mapping[str, list[list[str]]]:
    try:
        frames = pd.read_excel(path, sheet_name=None, header=None, dtype=str, keep_default_na=False)
    except ImportError:
        raise InputError(
            f"{path} is an Excel file: pip install 'sslcl-studies[excel]', or save it as CSV"
        ) from None
    except Exception as error:  # Damaged bytes raise anything in the library.
        raise cut_off(path, "Excel", error) from None
    return {
        str(name): [[str(cell) for cell in row] for row in frame.itertuples(index=False)]
        for name, frame in frames.items()
    }


def _joined(path: Path, sheets: Mapping[str, list[list[str]]]) -> list[Row]:
    first = next(iter(sheets))
    header = sheets[first][0]
    rows: list[Row] = [(1, [*header, "split"])]
    for name, (own, *below) in sheets.items():
        if own != header:
            raise InputError(
                f"{path}: sheet '{name}' has the columns {', '.join(own)}, expected "
                f"{', '.join(header)} as in sheet '{first}'"
            )
        rows += [
            (f"{number} of sheet '{name}'", [*row, name if any(map(str.strip, row)) else ""])
            for number, row in enumerate(below, start=2)
        ]
    return rows


def _left_out(sheets: Collection[str], read: Collection[str]) -> tuple[str, ...]:
    others = [f"'{name}'" for name in sheets if name not in read]
    names = ", ".join(f"'{name}'" for name in read)
    said = f"sheet {names} is read" if len(read) == 1 else f"sheets {names} are read"
    return (f"{said}, {', '.join(others)} not",) if others else ()
