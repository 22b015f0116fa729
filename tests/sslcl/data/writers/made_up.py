"""Made-up dialogues, their labels and features, for the writers of published layouts."""

import pickle
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslcl.data.published.corpora.iemocap import IEMOCAP_VALIDATION

MELD_SENTIMENTS = {0: 0, 1: 1, 2: 2, 3: 2, 4: 1, 5: 2, 6: 2}
Id = str | int


@dataclass(frozen=True)
class Dialogue:
    id: Id
    split: str
    parties: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def texts(self) -> list[str]:
        return [f"utterance {n} of {self.id}" for n in range(len(self.labels))]

    def features(self, width: int, salt: str) -> list[NDArray[np.float32]]:
        """A row an utterance, the same at every call."""
        rng = np.random.default_rng(zlib.crc32(f"{self.id} {salt}".encode()))
        return list(rng.normal(size=(len(self.labels), width)).astype(np.float32))


def _dialogues(ids: Sequence[tuple[Id, str]], classes: int, parties: int) -> tuple[Dialogue, ...]:
    rng = np.random.default_rng(0)
    made: list[Dialogue] = []
    for one, split in ids:
        # The first dialogue to train has every class.
        whole = split == "train" and not any(d.split == "train" for d in made)
        count = classes if whole else int(rng.integers(2, 5))
        labels = rng.permutation(classes) if whole else rng.integers(0, classes, count)
        first = [0, *rng.integers(0, parties, count - 1).tolist()]
        order = list(dict.fromkeys(first))
        turns = tuple(order.index(p) for p in first)
        made.append(Dialogue(one, split, turns, tuple(labels.tolist())))
    return tuple(made)


def iemocap() -> tuple[Dialogue, ...]:
    """The twelve that usually validate, three more to train, and three to test."""
    ids = [(one, "validation") for one in IEMOCAP_VALIDATION]
    ids += [(f"Ses0{n}F_impro09", "train") for n in (3, 1, 2)]
    ids += [(f"Ses05{sex}_impro01", "test") for sex in "MF"]
    return _dialogues(ids, 6, 2)


def meld() -> tuple[Dialogue, ...]:
    """Numbered through the three splits."""
    ids = [(n, "train") for n in (10, 2, 0, 59)] + [(n, "validation") for n in (1039, 1152)]
    return _dialogues([*ids, (1153, "test"), (1432, "test")], 7, 9)


def emorynlp() -> tuple[Dialogue, ...]:
    """Identified by season, episode and scene."""
    ids = [("1_01_2", "train"), ("1_01_1", "train"), ("2_03_4", "validation"), ("3_01_1", "test")]
    return _dialogues(ids, 7, 9)


def dailydialog() -> tuple[Dialogue, ...]:
    """Speakers take turns."""
    ids = [("tr_1", "train"), ("tr_0", "train"), ("va_0", "validation"), ("te_0", "test")]
    return _dialogues(ids, 7, 2)


MADE = {"iemocap": iemocap, "meld": meld, "emorynlp": emorynlp, "dailydialog": dailydialog}


def speakers(dialogue: Dialogue, kind: str) -> list[Any]:
    """As ``letters``, ``digits`` or ``one-hot`` of nine."""
    if kind == "one-hot":
        return [[int(p == n) for n in range(9)] for p in dialogue.parties]
    return [{"letters": "MF", "digits": "01"}[kind][p] for p in dialogue.parties]


def ids(dialogues: Sequence[Dialogue], *splits: str) -> list[Id]:
    """Ids of the dialogues of ``splits``, in the order given."""
    return [d.id for d in dialogues if d.split in splits]


def write(path: Path, content: Any) -> Path:
    """Pickle as Python 2 and 3 both can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, 2))
    return path
