"""MIntRec2.0: thirty intents in dialogues of three television series.

Folders ``in-scope``, ``out-of-scope/NAME`` and ``total``, each with ``train.tsv``, ``dev.tsv`` and
``test.tsv`` (header ``Dialogue_id Utterance_id Text Label Start_timestamp End_timestamp Source
speakername``) and pickles of features: a dict from ``dia0_utt0`` to frames, of width 768 for audio
and 256 for video. A modality is the mean over all frames. Of several folders the one with the most
utterances is read, which is ``total``; its out-of-scope utterances, labelled ``UNK``, are context.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sslcl.data.corpus import SPLITS, Corpus, Task
from sslcl.data.formats import Format
from sslcl.data.formats.tables._intents import Row, frames, pooled, read_splits, tables
from sslcl.data.published.corpora.mintrec2 import RECORD
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError, unknown

_HEADER = (
    *("Dialogue_id", "Utterance_id", "Text", "Label", "Start_timestamp", "End_timestamp"),
    *("Source", "speakername"),
)
_KEY = re.compile(r"dia\d+_utt\d+")
_TIME = re.compile(r"(\d+):(\d+):(\d+)[,.](\d+)")
OUT_OF_SCOPE = "UNK"
INTENTS = (
    *("Acknowledge", "Advise", "Agree", "Apologise", "Arrange", "Ask for help"),
    *("Asking for opinions", "Care", "Comfort", "Complain", "Confirm", "Criticize", "Doubt"),
    *("Emphasize", "Explain", "Flaunt", "Greet", "Inform", "Introduce", "Invite", "Joke", "Leave"),
    *("Oppose", "Plan", "Praise", "Prevent", "Refuse", "Taunt", "Thank", "Warn"),
)


class MIntRec2(Format):
    """Three tables with dialogues and speakers, and pickles of frames beside them."""

    name = "mintrec2"
    summary = "MIntRec2.0's TSV files (dialogues with speakers) and pickles of frames"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Tables with MIntRec2.0's header, and dicts with keys ``dia0_utt0``."""
        files = tables(contents, _HEADER)
        return frozenset((*files, *frames(contents, _KEY))) if files else frozenset()

    def read(self, contents: PathContents) -> Corpus:
        """The dialogues of the folder that has the most utterances."""
        folder, splits = _largest(tables(contents, _HEADER))
        rows = [(split, row) for split, content in splits.items() for row in content]
        dialogues, shared = _dialogues(rows)
        places = [_place(folder, split, row) for split, row in rows]
        order = sorted(range(len(rows)), key=places.__getitem__)
        keys = [f"dia{row['Dialogue_id']}_utt{row['Utterance_id']}" for _, row in rows]
        features, notes = pooled(_beside(folder, frames(contents, _KEY)), [keys[i] for i in order])
        table = pd.DataFrame(
            {
                "conversation": dialogues,
                "utterance": keys,
                "speaker": [row["speakername"] for _, row in rows],
                "split": [split for split, _ in rows],
                "text": [row["Text"] for _, row in rows],
                "start": [_seconds(row["Start_timestamp"]) for _, row in rows],
                "end": [_seconds(row["End_timestamp"]) for _, row in rows],
                "intent": [_intent(row, key) for (_, row), key in zip(rows, keys, strict=True)],
            }
        )
        return Corpus(
            name="mintrec2",
            table=table.iloc[order].reset_index(drop=True),
            features=features,
            tasks={"intent": Task("intent", INTENTS)},
            description=f"{RECORD.title}.",
            licence=RECORD.licence,
            notes=(*_scope_notes(table, shared), *notes),
        )


def _largest(files: Sequence[Path]) -> tuple[Path, dict[str, list[Row]]]:
    folders = sorted({file.parent for file in files})
    read = {
        folder: read_splits([f for f in files if f.parent == folder], _HEADER) for folder in folders
    }
    folder = max(folders, key=lambda one: sum(map(len, read[one].values())))
    return folder, read[folder]


def _beside(folder: Path, pickles: dict[Path, Mapping[str, Any]]) -> dict[Path, Mapping[str, Any]]:
    """The pickles under the folder of the tables, where there are any: others repeat them."""
    inside = {file: content for file, content in pickles.items() if folder in file.parents}
    return inside or pickles


def _dialogues(rows: Sequence[tuple[str, Row]]) -> tuple[list[str], int]:
    """A conversation id for each row, and how many dialogues are in more than one split."""
    homes = Counter(name for _, name in {(split, row["Dialogue_id"]) for split, row in rows})
    ids = [
        f"dia{row['Dialogue_id']}" + (f" ({split})" if homes[row["Dialogue_id"]] > 1 else "")
        for split, row in rows
    ]
    return ids, sum(count > 1 for count in homes.values())


def _scope_notes(table: pd.DataFrame, shared: int) -> list[str]:
    notes = []
    outside = int(table["intent"].isna().sum())
    if outside:
        notes.append(f"{outside} utterances out of scope are context only")
    if shared:
        notes.append(f"{shared} dialogues are in more than one split: a conversation in each")
    return notes


def _place(folder: Path, split: str, row: Row) -> tuple[int, int, int]:
    """Split, dialogue and utterance as numbers."""
    numbers = []
    for column in ("Dialogue_id", "Utterance_id"):
        if not row[column].isdecimal():
            raise InputError(f"{folder}: {column} is {row[column]!r}, expected a number")
        numbers.append(int(row[column]))
    return SPLITS.index(split), numbers[0], numbers[1]


def _seconds(text: str) -> float:
    """Seconds from ``HH:MM:SS,mmm``; not a number where there is none."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return float("nan")
    hours, minutes, seconds, fraction = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def _intent(row: Row, key: str) -> str | None:
    if row["Label"] == OUT_OF_SCOPE:
        return None
    if row["Label"] not in INTENTS:
        raise unknown("intent", row["Label"], INTENTS, f"MIntRec2.0's utterance '{key}'")
    return row["Label"]
