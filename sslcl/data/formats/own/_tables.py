"""Which files of a folder are its tables, and their columns by what they mean."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from sslcl.data.corpus import SPLITS
from sslcl.data.formats import TABLE_FILES
from sslcl.data.formats.own._card import CARD, TABLES, UNNAMED, Card
from sslcl.data.formats.own._hub import WHOLE, HubTables, hub_files, read_hub_tables
from sslcl.data.formats.own._names import label_column, meanings
from sslcl.data.formats.own._split_names import split_of_name
from sslcl.data.formats.own._table import RawTable, joined, read_table, told_apart
from sslcl.data.formats.own._turns import with_a_row_a_turn
from sslcl.errors import InputError, did_you_mean


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
    if hub := hub_files(sorted(path for path in folder.rglob("*") if path.is_file())):
        return read_hub(folder, read_hub_tables(hub), card)
    raise InputError(f"{folder / TABLES[0]} is missing: expected a table of utterances")


def read_hub(folder: Path, hub: HubTables, card: Card) -> tuple[RawTable, list[str]]:
    """The tables of a Hugging Face folder as one, its columns by what they mean, and notes."""
    named = {split: _named(raw, card) for split, raw in hub.tables.items()}
    notes = [note for _, told in named.values() for note in told]
    if list(named) == [WHOLE]:
        return named[WHOLE]
    table, more = joined(folder, {split: raw for split, (raw, _) in named.items()})
    return table, [*dict.fromkeys(notes), *more]


def table_of_folder(folder: Path) -> Path:
    """The one table in a folder, or that of the training split where each split has its own.

    Raises:
        InputError: when there is none, or several that are no splits.
    """
    files = _table_files(folder)
    if len(files) == 1:
        return files[0]
    names = ", ".join(path.name for path in files) or "no table"
    by_split = _split_tables(folder)
    if not by_split:
        raise InputError(f"{folder} holds {names}: expected one table, or the path of one")
    return by_split["train"]


def sibling_tables(path: Path) -> list[Path]:
    """The tables that are read with ``path``, itself among them: those of all splits."""
    by_split = _split_tables(path.parent)
    return list(by_split.values()) if path in by_split.values() else [path]


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
    given = dict(card.columns)
    unnamed = given.get("speaker") == UNNAMED and UNNAMED not in header
    if unnamed:
        del given["speaker"]
    for meaning, name in given.items():
        if name not in header:
            raise InputError(
                f"{raw.path} has no column '{name}', which {CARD} calls the {meaning}: "
                f"{did_you_mean(name, header)}"
            )
    tasks = {task.column for task in card.all_tasks().values()}
    said = meanings(cells[[name for name in header if name not in tasks]], given)
    if unnamed:
        said.pop("speaker", None)
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
    guessed = {m: name for m, name in other.items() if given.get(m) != name}
    told = ", ".join(f"'{name}' is the {meaning}" for meaning, name in guessed.items())
    notes = [*raw.notes, *([f"columns by their usual names: {told}"] if told else [])]
    if unnamed:
        renamed["speaker"] = "unknown"
        notes.append("speakers are not known: each conversation counts as one speaker's")
    named, more = with_a_row_a_turn(replace(raw, cells=pd.DataFrame(renamed), names=other), card)
    if raw.apart:
        cells, alike = told_apart(named.cells)
        named, more = replace(named, cells=cells), [*more, *alike]
    return named, [*notes, *more]
