"""Which files of a folder are its tables, and their columns by what they mean."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sslcl.data.corpus import SPLITS
from sslcl.data.formats import TABLE_FILES
from sslcl.data.formats.own._card import CARD, TABLES, Card
from sslcl.data.formats.own._names import label_column, meanings
from sslcl.data.formats.own._table import RawTable, joined, read_table
from sslcl.errors import InputError, did_you_mean

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "dev": "validation",
    "develop": "validation",
    "development": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "tst": "test",
}
"""What the splits are called in a table or the names of files, in any case."""


def read_tables(folder: Path, card: Card) -> tuple[RawTable, list[str]]:
    """The table of a folder, or its tables of one split each as one, and notes.

    Raises:
        InputError: when it is not clear which file is the table, or one is wrong.
    """
    features = {name: m.columns for name, m in card.modalities.items() if m.columns}
    if card.table:
        return _named(read_table(folder / card.table, features), card)
    whole = [name for name in TABLES if (folder / name).is_file()]
    if len(whole) > 1:
        raise InputError(f"{folder} has {' and '.join(whole)}: name one as 'table' in {CARD}")
    if whole:
        return _named(read_table(folder / whole[0], features), card)
    by_split = _split_tables(folder)
    if by_split:
        read = {s: _named(read_table(path, features), card) for s, path in by_split.items()}
        table, more = joined(folder, {split: one for split, (one, _) in read.items()})
        notes = [note for _, told in read.values() for note in told]
        return table, [*dict.fromkeys(notes), *more]
    others = _table_files(folder)
    if len(others) == 1:
        return _named(read_table(others[0], features), card)
    if others:
        names = ", ".join(path.name for path in others)
        raise InputError(f"{folder} has the tables {names}: name one as 'table' in {CARD}")
    raise InputError(f"{folder / TABLES[0]} is missing: expected a table of utterances")


def split_of_name(path: Path) -> str | None:
    """The split that a word of a file's name is, such as ``my_Dev.csv``."""
    words = re.split(r"[^a-z]+", path.stem.lower())
    splits = {SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES}
    return splits.pop() if len(splits) == 1 else None


def _table_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [path for path in files if path.suffix.lower() in TABLE_FILES]


def _split_tables(folder: Path) -> dict[str, Path]:
    home: dict[str, Path] = {}
    for path in _table_files(folder):
        split = split_of_name(path)
        if split is None:
            continue
        if split in home:
            raise InputError(
                f"{home[split]} and {path.name} both hold the {split} split: take one away, or "
                f"name the table in {CARD}"
            )
        home[split] = path
    if home and not {"train", "test"} <= home.keys():
        lacking = next(split for split in ("train", "test") if split not in home)
        if len(home) > 1:
            raise InputError(
                f"{folder} has no table of the {lacking} split, expected {lacking}.csv"
            )
        return {}
    return {split: home[split] for split in SPLITS if split in home}


def _named(raw: RawTable, card: Card) -> tuple[RawTable, list[str]]:
    """The table with its columns called by what they mean, and a note on the unusual ones."""
    cells = raw.cells
    header = [str(name) for name in cells.columns]
    for meaning, name in card.columns.items():
        if name not in header:
            raise InputError(
                f"{raw.path} has no column '{name}', which {CARD} calls the {meaning}: "
                f"{did_you_mean(name, header)}"
            )
    tasks = {task.column for task in card.all_tasks().values()}
    said = meanings(cells[[name for name in header if name not in tasks]], card.columns)
    taken = set(said.values())
    for task in card.all_tasks().values():
        labels = label_column(cells, task.column, task.classes, taken)
        if labels is not None:
            said[task.column] = labels
            taken.add(labels)
    other = {meaning: name for meaning, name in said.items() if meaning != name}
    # A column that is called as another one's meaning steps aside.
    aside = {name: f"{name} (2)" for name in other if name in header and name not in taken}
    renamed = cells.rename(columns={**aside, **{name: m for m, name in other.items()}})
    guessed = {m: name for m, name in other.items() if card.columns.get(m) != name}
    told = ", ".join(f"'{name}' is the {meaning}" for meaning, name in guessed.items())
    notes = [f"columns by their usual names: {told}"] if told else []
    return replace(raw, cells=pd.DataFrame(renamed), names=other), notes
