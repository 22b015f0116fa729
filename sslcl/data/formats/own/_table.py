"""The table of the open format: text, and numbers where features are columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.formats.own._card import CARD, RESERVED
from sslcl.data.formats.own._cells import read_cells, read_parquet
from sslcl.data.reading.clock_times import CLOCK, clock_seconds
from sslcl.errors import InputError, did_you_mean

Columns = str | tuple[str, ...]
"""Names, or what the names begin with."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RawTable:
    """What one or more tables say, in their own order.

    Args:
        path: of the file, or the folder of several.
        cells: text columns by what they mean; an empty cell is the empty text.
        features: modality name to ``(N, width)`` numbers from columns.
        places: file and row of each utterance as a person finds it.
        names: what a column means to the name it has in the file, where that is another.
        notes: what of the file is not in it, and why.
        apart: whether the file keeps its splits apart, so that each may count from 1.
    """

    path: Path
    cells: pd.DataFrame
    features: Mapping[str, Floats]
    places: Sequence[str]
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    apart: bool = False

    def fault(self, row: int, column: str, expected: str) -> InputError:
        """The error for one cell, ``row`` counted from 0."""
        value = str(self.cells[column].iloc[row])
        shown = value if len(value) <= 40 else value[:37] + "..."
        name = self.names.get(column, column)
        return InputError(f"{self.places[row]}, column '{name}': is {shown!r}, expected {expected}")

    def require(self, column: str) -> None:
        """Refuse a table without ``column``, or with an empty cell in it."""
        if column not in self.cells:
            hint = did_you_mean(column, [str(name) for name in self.cells.columns])
            raise InputError(
                f"{self.path} has no column '{column}': {hint}; name it in {CARD} as "
                f"'columns: {{{column}: NAME}}'"
                + (", or 'speaker: none' if nobody is named" if column == "speaker" else "")
            )
        empty = (self.cells[column] == "").to_numpy()
        if empty.any():
            raise self.fault(int(empty.argmax()), column, "a value in every row")

    def numbers(self, column: str, *, required: bool) -> Floats:
        """A column as numbers, NaN where it is empty; times such as ``09:34.9`` are seconds.

        Raises:
            InputError: for the first cell that is no finite number.
        """
        cells = self.cells[column]
        values = np.array([_number(cell) for cell in cells], dtype=np.float64)
        clock = cells.where(cells.str.contains(":"), "").str.strip()
        times = clock.str.fullmatch(CLOCK) & (column != "order")
        if times.any():
            seconds = clock_seconds(self.path, clock.where(times, ""))
            values = np.where(times, seconds, values)
        wrong = ~np.isfinite(values) & (required | (cells != "")).to_numpy()
        if wrong.any():
            expected = "a finite number" if column == "order" else "a finite number of seconds"
            raise self.fault(int(wrong.argmax()), column, expected)
        return values


def read_table(path: Path, modalities: Mapping[str, Columns]) -> RawTable:
    """Read the table at ``path``.

    Args:
        path: it ends as one of :data:`sslcl.data.formats.TABLE_FILES`, with a header row where it
            has rows.
        modalities: those whose features are columns.

    Raises:
        InputError: naming file, row and column of the first fault.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: expected a table of utterances")
    parquet = path.suffix.lower() == ".parquet"
    table = (_read_parquet if parquet else _read_text)(path, modalities)
    if table.cells.empty:
        raise InputError(f"{path} has no rows, expected one for each utterance")
    return table


def joined(folder: Path, tables: Mapping[str, RawTable]) -> tuple[RawTable, list[str]]:
    """Tables of one split each as one, with the column ``split``, and notes.

    Args:
        folder: of the tables.
        tables: by split, the columns by what they mean.

    Raises:
        InputError: when one has another width of features than the first.
    """
    parts = [table.cells.assign(split=split) for split, table in tables.items()]
    first = next(iter(tables.values()))
    for table in tables.values():
        for name, x in table.features.items():
            if x.shape[1] != first.features[name].shape[1]:
                raise InputError(
                    f"{table.path} has {x.shape[1]} columns of '{name}', expected "
                    f"{first.features[name].shape[1]} as in {first.path.name}"
                )
    features = {
        name: np.concatenate([table.features[name] for table in tables.values()])
        for name in first.features
    }
    places = [place for table in tables.values() for place in table.places]
    cells, notes = told_apart(pd.concat(parts, ignore_index=True).fillna(""))
    return RawTable(folder, cells, features, places, first.names), notes


def told_apart(cells: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The cells with ids that no two splits share, and a note where they did share some."""
    if "conversation" not in cells:
        return cells, []
    splits = cells.groupby("conversation", sort=False)["split"].nunique()
    if not (splits > 1).any():
        return cells, []
    note = "splits number their conversations alike: ids begin with the split"
    return cells.assign(conversation=cells["split"] + " " + cells["conversation"]), [note]


def _read_text(path: Path, modalities: Mapping[str, Columns]) -> RawTable:
    table = read_cells(path)
    header = table.header
    chosen = _feature_columns(path, header, modalities)
    numeric = {name for names in chosen.values() for name in names}
    kept = [at for at, name in enumerate(header) if name and name not in numeric]
    features = {}
    for modality, names in chosen.items():
        at = [header.index(name) for name in names]
        rows = zip(table.numbers, table.rows, strict=True)
        x = [_numbers(path, number, row, header, at) for number, row in rows]
        features[modality] = np.array(x, dtype=np.float64).reshape(len(x), len(at))
    texts = [[row[at] for at in kept] for row in table.rows]
    cells = pd.DataFrame(texts, columns=[header[at] for at in kept], dtype=str)
    places = [f"{path}, row {number}" for number in table.numbers]
    return RawTable(path, cells, features, places, notes=table.notes, apart=table.apart)


def _numbers(
    path: Path, number: int | str, row: list[str], header: Sequence[str], at: list[int]
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
    frame = read_parquet(path)
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
    places = [f"{path}, row {number}" for number in range(1, len(frame) + 1)]
    return RawTable(path, cells.reset_index(drop=True), features, places)


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
