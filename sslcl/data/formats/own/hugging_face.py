"""Hugging Face folders without a card: Arrow and Parquet, by the usual names of columns."""

from pathlib import Path
from typing import Any

import pandas as pd

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.own._card import CARD, UNNAMED, Card
from sslcl.data.formats.own._hub import INFO, HubTables, hub_files, read_hub_tables
from sslcl.data.formats.own._names import meanings, plain
from sslcl.data.formats.own._tables import read_hub
from sslcl.data.formats.own.guess import guessed_tasks, label_columns
from sslcl.data.formats.own.open_format import PAGE, corpus_of_table
from sslcl.data.published.corpora import RECORDS
from sslcl.data.published.texts import corpus_of_texts, folder_name
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError
from sslcl.validation import validated

_BESIDE = (INFO, "dataset_dict.json", "state.json")


class HuggingFace(Format):
    """``train/data-00000-of-00001.arrow``, ``data/train-00000-of-00001.parquet`` and the like."""

    name = "hugging_face"
    summary = "Hugging Face folders: Arrow of save_to_disk, Parquet named after splits"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The shards of all splits and the descriptions beside them, where there is no card."""
        if any(path.name == CARD for path in contents.files):
            return frozenset()
        home = hub_files(contents.files)
        shards = {path for paths in home.values() for path in paths}
        beside = {path for path in contents.files if path.name in _BESIDE} if shards else set()
        return frozenset(shards | beside)

    def read(self, contents: PathContents) -> Corpus:
        """The tables with a card made from the features that they declare."""
        folder = contents.path if contents.path.is_dir() else contents.path.parent
        try:
            hub = read_hub_tables(hub_files(contents.files))
            card = _card(contents.path, hub)
            return corpus_of_table(folder, card, *read_hub(folder, hub, card))
        except InputError as error:
            raise InputError(f"{error} {PAGE}") from None


def _card(path: Path, hub: HubTables) -> Card:
    cells = pd.concat([raw.cells for raw in hub.tables.values()], ignore_index=True).fillna("")
    declared = [name for name in hub.classes if name in cells]
    others = cells[[name for name in cells.columns if name not in declared]]
    said = meanings(others, {})
    tasks: dict[str, Any] = {
        plain(name) or name: {"column": name, "classes": list(hub.classes[name])}
        for name in [*label_columns(cells, declared), *declared]
    }
    rest = [str(name) for name in others.columns if name not in said.values()]
    guessed, absent = guessed_tasks(cells, label_columns(cells, rest), [])
    tasks |= {name: task for name, task in guessed.items() if name not in tasks}
    if not tasks:
        shown = ", ".join(map(str, cells.columns))
        raise InputError(
            f"{path} has no column of classes among {shown}: write a card {CARD} that names it in "
            "'tasks'"
        )
    texts = cells[said["text"]].tolist() if "text" in said else []
    known = corpus_of_texts(texts)
    record = RECORDS[known] if known else None
    return validated(
        Card,
        {
            "name": known or folder_name(path),
            "description": f"{record.title}; texts." if record else "A Hugging Face dataset.",
            "licence": record.licence if record else hub.licence,
            "columns": {} if "speaker" in said else {"speaker": UNNAMED},
            "no_label": absent,
            "tasks": tasks,
        },
        str(path),
    )
