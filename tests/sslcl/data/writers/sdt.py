"""SDT's tuples of twelve (IEMOCAP) and thirteen (MELD)."""

from collections.abc import Sequence
from typing import Any

from .cosmic import layers
from .made_up import MELD_SENTIMENTS, Dialogue, ids, speakers


def content(dialogues: Sequence[Dialogue], corpus: str) -> list[Any]:
    """The fields; a tuple in the file."""
    meld = corpus == "meld"
    fields = [
        {d.id: list(range(len(d.labels))) for d in dialogues},
        {d.id: speakers(d, "one-hot" if meld else "letters") for d in dialogues},
        {d.id: list(d.labels) for d in dialogues},
        *layers(dialogues),
        {d.id: d.features(300 if meld else 1582, "audio") for d in dialogues},
        {d.id: d.features(342, "video") for d in dialogues},
        {d.id: d.texts for d in dialogues},
        ids(dialogues, "train", "validation"),
        ids(dialogues, "test"),
    ]
    last = {d.id: [MELD_SENTIMENTS[label] for label in d.labels] for d in dialogues}
    return [*fields, last] if meld else fields
