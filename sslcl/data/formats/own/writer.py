"""Writing any corpus in the open format."""

import csv
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslcl.data.corpus import COLUMNS, Corpus
from sslcl.data.formats.own._card import CARD, TABLES, read_card
from sslcl.data.formats.own.open_format import OpenFormat
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError
from sslcl.plain_yaml import as_yaml


def write_corpus(corpus: Corpus, folder: Path) -> None:
    """Write ``corpus`` as a folder that :func:`sslcl.data.formats.recognise` reads back.

    The folder appears when all of it is written and has been read once, or not at all. A missing
    text is written as an empty one.

    Args:
        corpus: with finite features.
        folder: new, or empty.

    Raises:
        InputError: when something is there already, or the corpus does not fit the format.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: expected a new or an empty folder")
    folder = folder.absolute()
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        partial.mkdir(parents=True)
        _write_and_read(corpus, partial, folder)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_and_read(corpus: Corpus, partial: Path, folder: Path) -> None:
    try:
        _write_card(corpus, partial / CARD)
        _write_table(corpus, partial / TABLES[0])
        for name, x in corpus.features.items():
            np.save(partial / f"{name}.npy", np.asarray(x, dtype=np.float32), allow_pickle=False)
        OpenFormat().read(PathContents(partial))
    except InputError as error:
        problem = str(error).replace(f"{partial}{os.sep}", "")
        raise InputError(f"{folder}: the corpus does not fit the open format: {problem}") from None
    except UnicodeEncodeError as error:
        raise InputError(f"{folder}: the corpus holds text that is not Unicode: {error}") from None


def _write_card(corpus: Corpus, path: Path) -> None:
    path.write_text(as_yaml(_card(corpus)), encoding="utf-8")
    # The names of the modalities become names of files: they are checked before.
    read_card(path)


def _write_table(corpus: Corpus, path: Path) -> None:
    columns = [*COLUMNS, *dict.fromkeys(task.column for task in corpus.tasks.values())]
    columns += [name for name in ("text", "start", "end") if name in corpus.table]
    columns += corpus.groupings
    with path.open("w", newline="", encoding="utf-8") as file:
        # Everything in quotes: a lone carriage return would end a row otherwise.
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(columns)
        cells = (corpus.table[name].tolist() for name in columns)
        writer.writerows([_cell(value) for value in row] for row in zip(*cells, strict=True))


def _card(corpus: Corpus) -> dict[str, Any]:
    texts = {
        "name": corpus.name,
        "description": corpus.description,
        "licence": corpus.licence,
        "notes": list(corpus.notes),
    }
    return {
        **{key: value for key, value in texts.items() if value},
        **({"folds": corpus.folds} if corpus.folds else {}),
        "table": TABLES[0],
        "tasks": {
            name: {"column": task.column, "classes": list(task.classes)}
            for name, task in corpus.tasks.items()
        },
        "modalities": {
            name: {"file": f"{name}.npy", "width": int(x.shape[1])}
            for name, x in corpus.features.items()
        },
    }


def _cell(value: Any) -> str:
    missing = value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value)
