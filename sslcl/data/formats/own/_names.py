"""What the columns of a table are usually called, and which of them hold what."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "conversation": (
        "conversation id", "conv", "conv id", "dialogue", "dialogue id", "dialog", "dialog id",
        "dialog ids", "dia id", "chat id", "call id", "thread id", "scene id", "dialogue no",
        "conversation no",
    ),
    "utterance": ("utterance id", "utt id", "uttr ids", "turn id", "utterance no"),
    "order": ("turn", "turn no", "turn number", "turn index", "utterance index", "position"),
    "speaker": ("speaker id", "speaker name", "speakers", "person", "role", "participant"),
    "text": (
        "utterance text", "utterance", "utterances", "sentence", "transcript", "transcription",
        "message",
    ),
    "split": ("set", "subset", "partition", "data split"),
    "start": ("start time", "start times", "start seconds", "begin", "onset"),
    "end": ("end time", "end times", "end seconds", "offset"),
}  # fmt: skip
"""Columns by what they mean, with other names in use, letters in lower case."""
LABELS = ("label", "labels", "emotion", "emotions", "emotion label", "emo", "sentiment", "class")
"""Names of columns of classes."""


def plain(name: str) -> str:
    """A name without case and signs, in which people differ: ``Dialogue_ID`` as ``dialogueid``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def meanings(cells: pd.DataFrame, given: Mapping[str, str]) -> dict[str, str]:
    """The column that holds each meaning of :data:`SYNONYMS`, where there is one.

    A column that the card names goes first, then the meaning's own name, then the usual others.
    ``utterance`` is the text where most of its cells are several words and nothing else is.

    Args:
        cells: the table.
        given: meaning to column, from the card.
    """
    names = [str(name) for name in cells.columns]
    said = dict(given)
    taken = set(said.values())
    if "text" not in said and (text := _spoken(cells, names, taken)):
        said["text"] = text
        taken.add(text)
    for meaning, others in SYNONYMS.items():
        if meaning in said:
            continue
        known = [plain(meaning), *map(plain, others)]
        fitting = [name for name in names if name not in taken and plain(name) in known]
        # The meaning's own name first, then in the order of the list.
        best = min(fitting, key=lambda n: (n != meaning, known.index(plain(n))), default=None)
        if best is not None:
            said[meaning] = best
            taken.add(best)
    return said


def _spoken(cells: pd.DataFrame, names: Sequence[str], taken: set[str]) -> str | None:
    """``Utterance`` as the column of texts, told by cells of several words."""
    if any(plain(name) == "text" for name in names):
        return None
    for name in names:
        if plain(name) == "utterance" and name not in taken:
            values = cells[name].astype(str).str.strip()
            if values.str.contains(r"\S\s+\S|[\u3000-\u9fff]").mean() > 0.5:
                return name
    return None


def label_column(
    cells: pd.DataFrame, column: str, classes: Sequence[str], taken: set[str]
) -> str | None:
    """The column of a task: the one of its name, else the one usual name whose cells are classes.

    Args:
        cells: the table.
        column: that the task has by the card.
        classes: of the task.
        taken: columns that mean something else.
    """
    names = [str(name) for name in cells.columns if name not in taken]
    if column in names:
        return column
    alike = [name for name in names if plain(name) == plain(column)]
    if len(alike) == 1:
        return alike[0]
    wanted = {name.lower() for name in classes}
    usual = [name for name in names if plain(name) in map(plain, LABELS)]
    fitting = [
        name
        for name in usual
        if wanted & set(cells[name].str.strip().str.lower().unique().tolist())
    ]
    return fitting[0] if len(fitting) == 1 else None
