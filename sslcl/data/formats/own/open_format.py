"""The open format for own data: a card, a table of utterances, and features beside it.

``docs/data-formats.md`` specifies it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.corpus import SPLITS, WARNING, Corpus, Task, held_out
from sslcl.data.formats import Format
from sslcl.data.formats.own._card import CARD, RESERVED, TABLES, Card, load_yaml, read_card
from sslcl.data.formats.own._features import read_features
from sslcl.data.formats.own._labels import classes_of
from sslcl.data.formats.own._split_names import SPLIT_NAMES
from sslcl.data.formats.own._table import RawTable
from sslcl.data.formats.own._tables import read_tables
from sslcl.data.groups import grouping_columns
from sslcl.data.reading.headed_csv import header_of
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError, did_you_mean

TEST_SHARE = 5
"""One in this many conversations tests where the table has no column ``split``; one in
:data:`VALIDATION_SHARE` of the others validates: 70 % remain to train from."""
VALIDATION_SHARE = 8
PAGE = "(see docs/your-data.md)"
"""What every refusal ends with."""
_OURS = frozenset({"columns", "no_label", "classes", "tasks", "modalities", "table"})


class OpenFormat(Format):
    """A folder with ``data.yaml``, a table of utterances and feature files."""

    name = "open"
    summary = "own data: a card data.yaml, a table of utterances, features as arrays or columns"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Everything in a folder with a card, or with a table that wants one."""
        folder = contents.path if contents.path.is_dir() else contents.path.parent
        card = folder / CARD
        ours = _is_card(card) if card in contents.files else _wants_card(contents)
        return frozenset(contents.files) if ours else frozenset()

    def read(self, contents: PathContents) -> Corpus:
        """Read card, table and features.

        Raises:
            InputError: one line with file, row, column, what was expected, and the page to read.
        """
        try:
            return _read(contents.path)
        except InputError as error:
            raise InputError(f"{error} {PAGE}") from None


def _read(folder: Path) -> Corpus:
    if not folder.is_dir():
        raise InputError(f"{folder} is a part of a corpus: expected the folder that holds it")
    if not (folder / CARD).is_file():
        raise InputError(
            f"{folder / CARD} is missing: expected a card with at least the keys 'name' and "
            "'classes'; 'python -m sslcl.data init TABLE' writes one"
        )
    card = read_card(folder / CARD)
    return corpus_of_table(folder, card, *read_tables(folder, card))


def corpus_of_table(folder: Path, card: Card, raw: RawTable, notes: Sequence[str]) -> Corpus:
    """The corpus of a table that has been read.

    Args:
        folder: where feature files are.
        card: what the table is said to hold.
        raw: the table, its columns called by what they mean.
        notes: on how it was read.

    Raises:
        InputError: naming row and column of the first fault.
    """
    tasks = card.all_tasks()
    table, file_rows, more = _utterances(raw, card)
    return Corpus(
        name=card.name,
        table=table,
        features=_features(folder, card, raw, table, file_rows),
        tasks=tasks,
        description=_sentence(card.description, card.source),
        licence=card.licence,
        notes=(*card.notes, *notes, *more),
        groupings=tuple(name for name in table.columns if name not in _columns(card)),
        folds=card.folds,
    )


def _is_card(path: Path) -> bool:
    try:
        values = load_yaml(path)
    except InputError:
        return True  # It is told on reading what is wrong with it.
    return isinstance(values, dict) and bool(_OURS & values.keys())


def _wants_card(contents: PathContents) -> bool:
    """Whether a table of the expected name and header lies there without a card."""
    tables = [contents.path / name for name in TABLES]
    return any("conversation" in header_of(table) for table in tables if table in contents.files)


def _sentence(description: str, source: str) -> str:
    return f"{description} Source: {source}.".strip() if source else description


def _utterances(raw: RawTable, card: Card) -> tuple[pd.DataFrame, NDArray[np.int64], list[str]]:
    """The table in the corpus's order, the row of each utterance in the file, and notes."""
    for column in ("conversation", "speaker"):
        raw.require(column)
    cells = raw.cells
    rows = _order(raw)
    notes = _interleaved(raw)
    table = pd.DataFrame(
        {
            "conversation": cells["conversation"],
            "utterance": _utterance_ids(raw, rows),
            "speaker": cells["speaker"],
            "split": _splits(raw),
        }
    )
    if "split" not in cells:
        notes.append(
            f"no column 'split': one in {TEST_SHARE} conversations tests and one in "
            f"{VALIDATION_SHARE} of the others validates, chosen by the hash of their ids"
        )
    for task in card.all_tasks().values():
        table[task.column], note = _labels(raw, task, card.no_label)
        notes += [f"{task.column}: {note}"] if note else []
    if "text" in cells:
        table["text"] = cells["text"]
    for column in ("start", "end"):
        if column in cells:
            table[column] = raw.numbers(column, required=False)
    further = [str(name) for name in cells.columns if name not in {*RESERVED, *table.columns}]
    for column in grouping_columns(cells, further):
        table[column] = cells[column]
    known = {*RESERVED, *table.columns}
    if ignored := [str(name) for name in cells.columns if name not in known]:
        notes.append(f"columns of {raw.path.name} that are not read: {', '.join(ignored)}")
    return table.iloc[rows].reset_index(drop=True), rows, notes


def _columns(card: Card) -> set[str]:
    """Columns of the table that mean something by themselves."""
    return {*RESERVED, *(task.column for task in card.all_tasks().values())}


def _order(raw: RawTable) -> NDArray[np.int64]:
    """Rows with conversations together as they first appear, each by ``order`` or as it stands."""
    codes = pd.factorize(raw.cells["conversation"])[0]
    if "order" not in raw.cells:
        return np.argsort(codes, kind="stable")
    order = raw.numbers("order", required=True)
    again = pd.DataFrame({"conversation": codes, "order": order}).duplicated().to_numpy()
    if again.any():
        raise raw.fault(int(again.argmax()), "order", "a number only once in a conversation")
    return np.lexsort((order, codes))


def _interleaved(raw: RawTable) -> list[str]:
    """A note where rows of other conversations stand within one, and nothing gives their order."""
    if "order" in raw.cells:
        return []
    names = raw.cells["conversation"]
    pieces = int((names != names.shift()).sum())
    if pieces == names.nunique():
        return []
    return [
        f"{WARNING}the {names.nunique()} conversations of {raw.path.name} are interleaved (in "
        f"{pieces} pieces) and no column 'order' puts them in order: the order of the rows is taken"
    ]


def _utterance_ids(raw: RawTable, rows: NDArray[np.int64]) -> pd.Series:
    conversations = raw.cells["conversation"]
    if "utterance" not in raw.cells:
        position = conversations.iloc[rows].groupby(conversations.iloc[rows]).cumcount()
        return position.astype(str)
    raw.require("utterance")
    again = raw.cells.duplicated(["conversation", "utterance"]).to_numpy()
    if again.any():
        raise raw.fault(int(again.argmax()), "utterance", "an id only once in a conversation")
    return raw.cells["utterance"]


def _splits(raw: RawTable) -> pd.Series:
    conversations = raw.cells["conversation"]
    if "split" not in raw.cells:
        return _hashed_splits(raw.path, conversations)
    raw.require("split")
    split = raw.cells["split"].map(lambda name: SPLIT_NAMES.get(name.strip().lower(), name))
    strange = ~split.isin(SPLITS).to_numpy()
    if strange.any():
        row = int(strange.argmax())
        raise raw.fault(row, "split", did_you_mean(str(split.iloc[row]), SPLITS))
    home = split.groupby(conversations).transform("first")
    away = (split != home).to_numpy()
    if away.any():
        row = int(away.argmax())
        raise raw.fault(
            row, "split", f"'{home.iloc[row]}' as before in conversation '{conversations[row]}'"
        )
    return split


def _hashed_splits(path: Path, conversations: pd.Series) -> pd.Series:
    ids = conversations.unique().tolist()
    if len(ids) < 3:
        raise InputError(f"{path} has {len(ids)} conversations, expected three or more to split")
    test = held_out(ids, TEST_SHARE)
    validation = held_out([one for one in ids if one not in test], VALIDATION_SHARE)
    home = dict.fromkeys(ids, "train")
    home.update(dict.fromkeys(validation, "validation") | dict.fromkeys(test, "test"))
    return conversations.map(home)


def _labels(raw: RawTable, task: Task, no_label: Sequence[str]) -> tuple[pd.Series, str]:
    """Class names, missing where there is no label, and a note."""
    if task.column not in raw.cells:
        hint = did_you_mean(task.column, [str(name) for name in raw.cells.columns])
        raise InputError(
            f"{raw.path} has no column '{task.column}' for the labels: {hint}; name it in {CARD} "
            f"as 'tasks: {{{task.column}: {{column: NAME, classes: [...]}}}}'"
        )
    labels, note = classes_of(raw.cells[task.column], task.classes, no_label)
    strange = (labels.notna() & ~labels.isin(task.classes)).to_numpy()
    if strange.any():
        row = int(strange.argmax())
        cell = str(labels.iloc[row])
        hint = did_you_mean(cell, task.classes)
        raise raw.fault(
            row,
            task.column,
            f"a class of {CARD}, or nothing: {hint}; if it means no label, add it to 'no_label'",
        )
    return labels, note


def _features(
    folder: Path, card: Card, raw: RawTable, table: pd.DataFrame, file_rows: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    features = {}
    for name, modality in card.modalities.items():
        where = f"{folder / modality.file}" if modality.file else f"{raw.path}, '{name}'"
        if modality.file:
            x = read_features(folder / modality.file, name, table, file_rows)
        else:
            x = raw.features[name][file_rows].astype(np.float32)
        if modality.width not in (None, x.shape[1]):
            raise InputError(
                f"{where} has width {x.shape[1]}, expected {modality.width} as {CARD} says of "
                f"'{name}'"
            )
        features[name] = x
    return features
