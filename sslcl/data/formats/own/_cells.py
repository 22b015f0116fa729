"""The cells of a table as text, whichever kind of file holds it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sslcl.data.formats.own._cut_off import cut_off
from sslcl.data.formats.own._excel import excel_rows
from sslcl.data.formats.own._json import json_lines, json_records
from sslcl.data.reading.headed_csv import csv_rows, separator
from sslcl.data.reading.texts import first_line
from sslcl.errors import InputError

_LONGEST_HEADER = 1 << 16
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Cells:
    """A table as text.

    Args:
        path: of the file.
        header: names of the columns; an empty name is a column that is not read.
        rows: as many cells each as there are names.
        numbers: of the rows as a person counts them in the file.
        notes: what was left out of it, and why.
        apart: whether the file keeps its splits apart, so that each may count from 1.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    numbers: Sequence[int | str]
    notes: tuple[str, ...] = ()
    apart: bool = False


def read_cells(path: Path) -> Cells:
    """The cells of a CSV, TSV, XLSX, JSON or JSONL file; empty rows are skipped.

    Raises:
        InputError: one line that says what is wrong with the file and what to change.
    """
    kind = path.suffix.lower()
    if kind in (".json", ".jsonl"):
        records, apart = json_records(path) if kind == ".json" else (list(json_lines(path)), False)
        return _of_records(path, records, apart)
    notes: tuple[str, ...] = ()
    apart = False
    lines: Sequence[tuple[int | str, list[str]]]
    if kind == ".xlsx":
        lines, apart, notes = excel_rows(path)
    else:
        lines = list(enumerate(csv_rows(path), start=1))
    rows = [(number, row) for number, row in lines if any(cell.strip() for cell in row)]
    if not rows:
        return Cells(path, [], [], [])
    header = [name.strip() for name in rows[0][1]]
    return Cells(
        path,
        header,
        [_fitted(path, number, row, header) for number, row in rows[1:]],
        [number for number, _ in rows[1:]],
        notes,
        apart,
    )


def _fitted(path: Path, number: int | str, row: list[str], header: list[str]) -> list[str]:
    if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
        separated = separator(first_line(path, _LONGEST_HEADER))
        raise InputError(
            f"{path}, row {number}: has {len(row)} cells, expected {len(header)} as in row 1; the "
            f"file is separated by {_SEPARATORS[separated]}: put a text that holds {separated!r} "
            "in double quotes"
        )
    return row[: len(header)]


def read_parquet(path: Path) -> pd.DataFrame:
    """The columns of a Parquet file.

    Raises:
        InputError: when it is damaged.
    """
    try:
        frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
        # Damaged texts are only told when they are decoded.
        frame.select_dtypes("string").to_numpy(dtype=object)
        return frame
    except Exception as error:  # Damaged bytes raise anything in the library.
        raise cut_off(path, "Parquet", error) from None


def _of_records(path: Path, records: Sequence[tuple[int, Mapping[str, Any]]], apart: bool) -> Cells:
    header = list(dict.fromkeys(str(name) for _, record in records for name in record))
    rows = [[_cell(record.get(name)) for name in header] for _, record in records]
    return Cells(path, header, rows, [number for number, _ in records], apart=apart)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
