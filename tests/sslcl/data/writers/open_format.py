"""A folder of own data, written as a person would, with plain file writes."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = ("joy", "anger", "neutral")
WIDTHS = {"text": 6, "audio": 4}
SPLITS = ("train",) * 6 + ("validation",) * 2 + ("test",) * 2
HEADER = ("conversation", "order", "speaker", "label", "split", "text", "utterance")

CARD = """\
name: ten_talks
description: Ten conversations, made up.
licence: CC0
source: the author
classes: [joy, anger, neutral]
modalities:
  text: {file: text.npy, width: 6}
  audio: {file: audio.npy, width: 4}
"""


def rows() -> list[list[str]]:
    """Ten conversations of three to five utterances, as cells of :data:`HEADER`."""
    made = []
    for talk, split in enumerate(SPLITS):
        for turn in range(3 + talk % 3):
            label = CLASSES[(talk + turn) % 3]
            speaker = f"person {(talk + turn) % 2}"
            text = f'In talk {talk}, turn {turn}, they said "{label}"'
            made.append([f"c{talk}", str(turn), speaker, label, split, text, f"c{talk}_{turn}"])
    return made


def features(table: Sequence[Sequence[str]]) -> dict[str, NDArray[np.float32]]:
    """A row for each utterance; the first columns give the class away."""
    rng = np.random.default_rng(0)
    made = {}
    for name, width in WIDTHS.items():
        x = rng.normal(size=(len(table), width)).astype(np.float32)
        for at, row in enumerate(table):
            if row[3]:
                x[at, CLASSES.index(row[3])] += 3
        made[name] = x
    return made


def csv_text(header: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """The table as a spreadsheet program saves it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *table])
    return buffer.getvalue()


def write_open(
    folder: Path,
    card: str = CARD,
    header: Sequence[str] = HEADER,
    table: Sequence[Sequence[str]] | None = None,
    arrays: Mapping[str, NDArray[np.float32]] | None = None,
) -> Path:
    """Write card, table and one ``.npy`` a modality into ``folder``."""
    table = rows() if table is None else table
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.yaml").write_text(card, encoding="utf-8")
    (folder / "utterances.csv").write_text(csv_text(header, table), encoding="utf-8")
    for name, x in (features(table) if arrays is None else arrays).items():
        np.save(folder / f"{name}.npy", x)
    return folder
