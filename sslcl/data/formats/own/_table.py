"""The table of the open format, as CSV or Parquet: text, and numbers where features are columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.formats.own._card import RESERVED
from sslcl.data.reading.headed_csv import csv_rows
from sslcl.errors import InputError, did_you_mean

Columns = str | tuple[str, ...]
"""Names, or what the names begin with."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RawTable:
    """What a table says, in its own order.

    Args:
        path: of the file.
        cells: text columns; an empty cell is the empty text.
        features: modality name to ``(N, width)`` numbers from columns.
        first_row: number of the first utterance's row as a person counts them.
    """

    path: Path
    cells: pd.DataFrame
    features: Mapping[str, Floats]
    first_row: int

    def fault(self, row: int, column: str, expected: str) -> InputError:
        """The error for one cell, ``row`` counted from 0."""
        value = str(self.cells[column].iloc[row])
        shown = value if len(value) <= 40 else value[:37] + "..."
        return InputError(
            f"{self.path}, row {row + self.first_row}, column '{column}': is {shown!r}, "
            f"expected {expected}"
        )

    def require(self, column: str) -> None:
        """Refuse a table without ``column``, or with an empty cell in it."""
        if column not in self.cells:
            hint = did_you_mean(column, [str(name) for name in self.cells.columns])
            raise InputError(f"{self.path} has no column '{column}': {hint}")
        empty = (self.cells[column] == "").to_numpy()
        if empty.any():
            raise self.fault(int(empty.argmax()), column, "a value in every row")

    def numbers(self, column: str, *, required: bool) -> Floats:
        """A column as numbers, NaN where it is empty.

        Raises:
            InputError: for the first cell that is no finite number.
        """
        values = np.full(len(self.cells), np.nan)
        for row, cell in enumerate(self.cells[column]):
            if not cell and not required:
                continue
            values[row] = _number(cell)
            if not np.isfinite(values[row]):
                raise self.fault(row, column, "a finite number")
        return values


def read_table(path: Path, modalities: Mapping[str, Columns]) -> RawTable:
    """Read the table at ``path``.

    Args:
        path: ``.csv`` (commas, semicolons or tabs, one header row) or ``.parquet``.
        modalities: those whose features are columns.

    Raises:
        InputError: naming file, row and column of the first fault.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: expected a table of utterances")
    table = (_read_parquet if path.suffix == ".parquet" else _read_csv)(path, modalities)
    if table.cells.empty:
        raise InputError(f"{path} has no rows, expected one for each utterance")
    return table


def _read_csv(path: Path, modalities: Mapping[str, Columns]) -> RawTable:
    rows = _rows(path)
    header = next(rows, (1, []))[1]
    chosen = _feature_columns(path, header, modalities)
    numeric = {name for names in chosen.values() for name in names}
    kept = [at for at, name in enumerate(header) if name not in numeric]
    places = {m: [header.index(name) for name in names] for m, names in chosen.items()}
    texts: list[list[str]] = []
    features: dict[str, list[NDArray[np.float32]]] = {m: [] for m in places}
    for number, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{path}, row {number}: has {len(row)} cells, expected {len(header)} as in row 1"
            )
        texts.append([row[at] for at in kept])
        for modality, at in places.items():
            features[modality].append(_numbers(path, number, row, header, at))
    cells = pd.DataFrame(texts, columns=[header[at] for at in kept], dtype=str)
    return RawTable(path, cells, {m: np.stack(x) for m, x in features.items() if x}, first_row=2)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(csv_rows(path), start=1):
        if any(cell.strip() for cell in row):
            yield number, row


def _numbers(
    path: Path, number: int, row: list[str], header: Sequence[str], at: list[int]
) -> NDArray[np.float32]:
    values = np.array([_number(row[i]) for i in at], dtype=np.float32)
    if not np.isfinite(values).all():
        worst = at[int((~np.isfinite(values)).argmax())]
        raise InputError(
            f"{path}, row {number}, column '{header[worst]}': is {row[worst]!r:.40}, "
            "expected a finite number"
        )
    return values


def _number(cell: str) -> float:
    try:
        # A decimal comma can only stand in a cell where it does not separate cells.
        return float(cell.replace(",", ".")) if cell.count(",") == 1 else float(cell)
    except ValueError:
        return float("nan")


def _read_parquet(path: Path, modalities: Mapping[str, Columns]) -> RawTable:
    try:
        frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
    except Exception as error:  # Damaged bytes raise anything in the library.
        problem = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is not a complete Parquet file: {problem}") from None
    header = [str(name) for name in frame.columns]
    chosen = _feature_columns(path, header, modalities)
    features = {m: _column_numbers(path, frame[list(names)]) for m, names in chosen.items()}
    numeric = {name for names in chosen.values() for name in names}
    cells = pd.DataFrame(
        {
            name: frame[name].astype("string").fillna("").astype(str)
            for name in header
            if name not in numeric
        }
    )
    return RawTable(path, cells.reset_index(drop=True), features, first_row=1)


def _column_numbers(path: Path, frame: pd.DataFrame) -> Floats:
    columns: list[Any] = []
    for name in frame.columns:
        try:
            values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError):
            raise InputError(f"{path}, column '{name}': expected numbers") from None
        bad = ~np.isfinite(values.astype(np.float32))
        if bad.any():
            row = int(bad.argmax())
            raise InputError(
                f"{path}, row {row + 1}, column '{name}': is {values[row]}, "
                "expected a finite number"
            )
        columns.append(values)
    return np.stack(columns, axis=1)


def _feature_columns(
    path: Path, header: Sequence[str], modalities: Mapping[str, Columns]
) -> dict[str, list[str]]:
    """The columns of each modality, every column in one of them at most."""
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        again = next(name for number, name in enumerate(named) if name in named[:number])
        raise InputError(f"{path}: column '{again}' is there twice, expected different names")
    owner: dict[str, str] = {}
    by_modality: dict[str, list[str]] = {}
    for modality, columns in modalities.items():
        by_modality[modality] = _resolved(path, header, modality, columns)
        for name in by_modality[modality]:
            if name in RESERVED or name in owner:
                use = f"the modality '{owner[name]}'" if name in owner else "the table itself"
                raise InputError(
                    f"{path}: column '{name}' of the modality '{modality}' also belongs to {use}"
                )
            owner[name] = modality
    return by_modality


def _resolved(path: Path, header: Sequence[str], modality: str, columns: Columns) -> list[str]:
    if isinstance(columns, str):
        names = [name for name in header if name.startswith(columns)]
        if not names:
            raise InputError(
                f"{path} has no column that begins with '{columns}', expected the features of "
                f"'{modality}'"
            )
        return names
    for name in columns:
        if name not in header:
            hint = did_you_mean(name, header)
            raise InputError(f"{path} has no column '{name}' for '{modality}': {hint}")
    return list(columns)
