"""The cells of a table as text, whichever kind of file holds it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sslcl.data.reading.headed_csv import csv_rows, separator
from sslcl.data.reading.texts import first_line, read_text
from sslcl.errors import InputError

_LONGEST_HEADER = 1 << 16
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class Cells:
    """A table as text.

    Args:
        path: of the file.
        header: names of the columns; an empty name is a column that is not read.
        rows: as many cells each as there are names.
        numbers: of the rows as a person counts them in the file.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    numbers: list[int]


def read_cells(path: Path) -> Cells:
    """The cells of a CSV, TSV, XLSX, JSON or JSONL file; empty rows are skipped.

    Raises:
        InputError: one line that says what is wrong with the file and what to change.
    """
    kind = path.suffix.lower()
    if kind in (".json", ".jsonl"):
        return _of_records(path, _json_lines(path) if kind == ".jsonl" else _json(path))
    lines = _excel_rows(path) if kind == ".xlsx" else csv_rows(path)
    rows = [(n, row) for n, row in enumerate(lines, start=1) if any(cell.strip() for cell in row)]
    if not rows:
        return Cells(path, [], [], [])
    header = [name.strip() for name in rows[0][1]]
    return Cells(
        path,
        header,
        [_fitted(path, number, row, header) for number, row in rows[1:]],
        [number for number, _ in rows[1:]],
    )


def _fitted(path: Path, number: int, row: list[str], header: list[str]) -> list[str]:
    if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
        separated = separator(first_line(path, _LONGEST_HEADER))
        raise InputError(
            f"{path}, row {number}: has {len(row)} cells, expected {len(header)} as in row 1; the "
            f"file is separated by {_SEPARATORS[separated]}: put a text that holds {separated!r} "
            "in double quotes"
        )
    return row[: len(header)]


def _excel_rows(path: Path) -> list[list[str]]:
    try:
        frame = pd.read_excel(path, header=None, dtype=str, keep_default_na=False)
    except ImportError:
        raise InputError(
            f"{path} is an Excel file: pip install 'sslcl-studies[excel]', or save it as CSV"
        ) from None
    except Exception as error:  # Damaged bytes raise anything in the library.
        raise _cut_off(path, "Excel", error) from None
    return [[str(cell) for cell in row] for row in frame.itertuples(index=False)]


def _cut_off(path: Path, kind: str, error: Exception) -> InputError:
    problem = " ".join(str(error).split())[:100]
    return InputError(
        f"{path} is not a complete {kind} file, as a download that was cut off leaves it: fetch or "
        f"save it again ({problem})"
    )


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
        raise _cut_off(path, "Parquet", error) from None


def _json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    lines = read_text(path).split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            last = all(not rest.strip() for rest in lines[number:])
            if last and number > 1:
                raise _cut_off(path, "JSONL", error) from None
            raise InputError(
                f"{path}, line {number}: is no JSON: expected one object in braces a line ({error})"
            ) from None
        yield from _records(path, number, value)


def _json(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise _cut_off(path, "JSON", error) from None
    if isinstance(value, dict) and not _inner(value):
        raise InputError(
            f"{path}: is one object without a list of objects, expected a list with an object for "
            "each utterance or conversation"
        )
    for number, one in enumerate(value if isinstance(value, list) else [value], start=1):
        yield from _records(path, number, one)


def _records(path: Path, number: int, value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """An utterance, or those of a conversation, which keeps them in a list."""
    if not isinstance(value, dict):
        raise InputError(
            f"{path}, entry {number}: is {str(value)!r:.40}, expected an object with the values of "
            "an utterance by name"
        )
    name = _inner(value)
    if not name:
        yield number, value
        return
    outer = {key: one for key, one in value.items() if key != name}
    for one in value[name]:
        for _, record in _records(path, number, one):
            yield number, {**outer, **record}


def _inner(value: Mapping[str, Any]) -> str:
    """The one key of an object under which a list of objects is."""
    names = [
        name
        for name, one in value.items()
        if isinstance(one, list) and one and all(isinstance(record, dict) for record in one)
    ]
    return names[0] if len(names) == 1 else ""


def _of_records(path: Path, records: Iterator[tuple[int, Mapping[str, Any]]]) -> Cells:
    numbered = list(records)
    header = list(dict.fromkeys(str(name) for _, record in numbered for name in record))
    rows = [[_cell(record.get(name)) for name in header] for _, record in numbered]
    return Cells(path, header, rows, [number for number, _ in numbered])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
