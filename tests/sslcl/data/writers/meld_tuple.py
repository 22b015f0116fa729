"""MELD's tuples of nine and ten, the development set merged into train."""

from collections.abc import Sequence
from typing import Any

from .made_up import MELD_SENTIMENTS, Dialogue, ids, speakers


def content(dialogues: Sequence[Dialogue], length: int = 10) -> list[Any]:
    """The fields; a tuple in the file."""
    widths = {"text": 600, "audio": 300, **({"video": 342} if length == 10 else {})}
    return [
        {d.id: list(range(len(d.labels))) for d in dialogues},
        {d.id: speakers(d, "one-hot") for d in dialogues},
        {d.id: list(d.labels) for d in dialogues},
        *({d.id: d.features(w, name) for d in dialogues} for name, w in widths.items()),
        {d.id: d.texts for d in dialogues},
        ids(dialogues, "train", "validation"),
        ids(dialogues, "test"),
        {d.id: [MELD_SENTIMENTS[label] for label in d.labels] for d in dialogues},
    ]
