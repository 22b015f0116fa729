"""COSMIC's lists: RoBERTa features, or texts and labels alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .made_up import MELD_SENTIMENTS, Dialogue, ids, speakers

KINDS = {"iemocap": "letters", "meld": "one-hot", "emorynlp": "one-hot", "dailydialog": "digits"}


def layers(dialogues: Sequence[Dialogue]) -> list[dict[Any, Any]]:
    """Four layers of 1024 numbers an utterance."""
    return [
        {d.id: np.stack(d.features(1024, f"layer {n}")) for d in dialogues} for n in range(1, 5)
    ]


def content(dialogues: Sequence[Dialogue], corpus: str, features: bool = True) -> list[Any]:
    """The fields; the test ids come before the validation ids."""
    sentiment = [{d.id: [MELD_SENTIMENTS[x] for x in d.labels] for d in dialogues}]
    return [
        {d.id: speakers(d, KINDS[corpus]) for d in dialogues},
        {d.id: list(d.labels) for d in dialogues},
        *(sentiment if corpus == "meld" else []),
        *(layers(dialogues) if features else []),
        {d.id: d.texts for d in dialogues},
        ids(dialogues, "train"),
        ids(dialogues, "test"),
        ids(dialogues, "validation"),
    ]
