"""CMU-MOSI, binary sentiment, as the feature files released with Poria et al., ACL 2017.

A folder holds (no file has a header)

- ``transcripts.csv``: id ``VIDEO_UTTERANCE``, transcript, an index, label 0 or 1;
- ``text_train.csv``, ``text_test.csv``: 0-based row in ``transcripts.csv``, then the text features;
- ``{text,audio,video}/{text,audio,video}_{train,test}0.csv``: one utterance a row in the same
  order, features and, last, the label.

A conversation is one video, its utterances ordered by the number after the last ``_``, one
speaker throughout. The release has no development split: validation is the fifth of the training
videos whose ids have the smallest SHA-256 hashes, which depends on nothing but the ids.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sslcl.data.corpus import Corpus, Task
from sslcl.data.formats import Format
from sslcl.data.published.corpora.mosi import RECORD
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.plain_csv import read_numbers, read_texts
from sslcl.data.types import Conversation
from sslcl.errors import InputError

WIDTHS = {"text": 100, "audio": 73, "video": 100}
LABELS = ("negative", "positive")
FILES = (
    "transcripts.csv",
    *(f"text_{split}.csv" for split in ("train", "test")),
    *(f"{name}/{name}_{split}0.csv" for name in WIDTHS for split in ("train", "test")),
)
DESCRIPTION = (
    "CMU-MOSI (Zadeh et al., 2016), features of Poria et al. (ACL 2017): text CNN, audio "
    "openSMILE, video 3D-CNN. One conversation a video, speakers disjoint. No licence is stated "
    "for the files."
)
FITTED = (
    "the released features of text and video were fitted with the corpus's own training labels: "
    "the training and validation videos are easier by them than the test videos"
)
VALIDATION_SHARE = 5
"""One in this many training videos validates."""

_ID = re.compile(r"(?P<video>.+)_(?P<number>\d+)")


@dataclass(frozen=True)
class Released:
    """What the files hold, videos sorted by id.

    Args:
        train, test: the released splits.
        validation: ids of the training videos that validate.
        texts: utterance id to transcript.
    """

    train: tuple[Conversation, ...]
    test: tuple[Conversation, ...]
    validation: frozenset[str]
    texts: Mapping[str, str]


def read_released(folder: Path) -> Released:
    """Read the nine files in ``folder``.

    Raises:
        InputError: naming file and row of the first fault.
    """
    utterances = _transcripts(folder / "transcripts.csv")
    train = _read_split(folder, "train", utterances)
    test = _read_split(folder, "test", utterances)
    _refuse_shared_videos(folder, train, test)
    texts = {utterance.id: utterance.text for utterance in utterances}
    return Released(train, test, validation_videos(c.id for c in train), texts)


class PoriaMosi(Format):
    """Nine CSV files without a header, told by their names."""

    name = "poria_mosi"
    summary = "CMU-MOSI of Poria et al. (2017): transcripts.csv and features as CSV, binary labels"

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """The nine files, which no header tells, of the one folder that has them all."""
        for path in contents.of("transcripts.csv"):
            files = frozenset(path.parent / name for name in FILES)
            if files <= frozenset(contents.files):
                return files
        return frozenset()

    def read(self, contents: PathContents) -> Corpus:
        """The released splits, and the validation videos that the dataset ``mosi`` has."""
        folder = min(self.claims(contents), key=lambda path: len(path.parts)).parent
        released = read_released(folder)
        conversations = (*released.train, *released.test)
        rows = [
            (c.id, utterance, c.id, _split(released, number, c.id), LABELS[int(label)])
            for number, c in enumerate(conversations)
            for utterance, label in zip(c.utterance_ids, c.labels, strict=True)
        ]
        columns = ["conversation", "utterance", "speaker", "split", "sentiment"]
        table = pd.DataFrame(rows, columns=columns)
        return Corpus(
            name=RECORD.name,
            table=table.assign(text=[released.texts[one] for one in table["utterance"]]),
            features={
                name: np.concatenate([c.features[name].numpy() for c in conversations])
                for name in WIDTHS
            },
            tasks={"sentiment": Task("sentiment", LABELS)},
            description=DESCRIPTION,
            licence=RECORD.licence,
            notes=(FITTED,),
        )


def _split(released: Released, number: int, video: str) -> str:
    if number >= len(released.train):
        return "test"
    return "validation" if video in released.validation else "train"


def validation_videos(videos: Iterable[str]) -> frozenset[str]:
    """The fifth of ``videos``, rounded but at least one, with the smallest SHA-256 of the id."""
    ranked = sorted(videos, key=lambda video: hashlib.sha256(video.encode()).digest())
    return frozenset(ranked[: max(1, round(len(ranked) / VALIDATION_SHARE))])


@dataclass(frozen=True)
class _Utterance:
    """One row of ``transcripts.csv``."""

    id: str
    text: str
    video: str
    number: int
    label: int


def _transcripts(path: Path) -> list[_Utterance]:
    utterances = []
    for row, (name, text, _, label) in enumerate(read_texts(path, columns=4), start=1):
        match = _ID.fullmatch(name)
        if match is None:
            raise InputError(f"{path}, row {row}: id is {name!r}, expected VIDEO_NUMBER")
        if label not in ("0", "1"):
            raise InputError(f"{path}, row {row}: label is {label!r}, expected 0 or 1")
        utterances.append(_Utterance(name, text, match["video"], int(match["number"]), int(label)))
    return utterances


def _read_split(folder: Path, split: str, utterances: list[_Utterance]) -> tuple[Conversation, ...]:
    index_path = folder / f"text_{split}.csv"
    index = read_numbers(index_path, columns=1 + WIDTHS["text"])
    chosen = [utterances[row] for row in _rows(index_path, index[:, 0], len(utterances))]
    labels = np.array([utterance.label for utterance in chosen], dtype=np.int64)
    features = {}
    for modality in WIDTHS:
        path = folder / modality / f"{modality}_{split}0.csv"
        features[modality] = _read_modality(path, modality, labels, index_path)
    _check_same_text(index_path, index[:, 1:], features["text"])
    return _conversations(chosen, labels, features)


def _rows(path: Path, column: NDArray[np.float64], count: int) -> list[int]:
    """The first column as distinct row numbers below ``count``."""
    first_at: dict[int, int] = {}
    for row, value in enumerate(column.tolist(), start=1):
        if not (value.is_integer() and 0 <= value < count):
            raise InputError(
                f"{path}, row {row}: index is {value:g}, expected a row of transcripts.csv, "
                f"0 to {count - 1}"
            )
        if int(value) in first_at:
            raise InputError(
                f"{path}, row {row}: index {value:g} is also in row {first_at[int(value)]}, "
                "expected each utterance once"
            )
        first_at[int(value)] = row
    return list(first_at)


def _read_modality(
    path: Path, modality: str, labels: NDArray[np.int64], index_path: Path
) -> NDArray[np.float32]:
    table = read_numbers(path, columns=WIDTHS[modality] + 1)
    if len(table) != len(labels):
        raise InputError(
            f"{path} has {len(table)} rows, expected {len(labels)}, as {index_path.name}"
        )
    for row, (got, expected) in enumerate(zip(table[:, -1], labels, strict=True), start=1):
        if got not in (0, 1):
            raise InputError(f"{path}, row {row}: label is {got:g}, expected 0 or 1")
        if got != expected:
            raise InputError(
                f"{path}, row {row}: label is {got:g}, expected {expected}, as transcripts.csv"
            )
    return table[:, :-1].astype(np.float32)


def _check_same_text(
    index_path: Path, repeated: NDArray[np.float64], text: NDArray[np.float32]
) -> None:
    """The index file repeats the text features to six digits: the rows must be in one order."""
    same = np.isclose(repeated, text, rtol=1e-4, atol=1e-5).all(axis=1)
    if not same.all():
        row = int((~same).argmax()) + 1
        raise InputError(
            f"{index_path}, row {row}: text features differ from those in the folder 'text', "
            "expected the same utterance in the same row"
        )


def _conversations(
    utterances: list[_Utterance],
    labels: NDArray[np.int64],
    features: dict[str, NDArray[np.float32]],
) -> tuple[Conversation, ...]:
    by_video: dict[str, list[int]] = {}
    for row, utterance in enumerate(utterances):
        by_video.setdefault(utterance.video, []).append(row)
    conversations = []
    for video, members in sorted(by_video.items()):
        rows = sorted(members, key=lambda row: utterances[row].number)
        conversations.append(
            Conversation(
                id=video,
                utterance_ids=tuple(utterances[row].id for row in rows),
                speakers=torch.zeros(len(rows), dtype=torch.int64),
                labels=torch.from_numpy(labels[rows]),
                features={name: torch.from_numpy(x[rows]) for name, x in features.items()},
            )
        )
    return tuple(conversations)


def _refuse_shared_videos(
    folder: Path, train: Sequence[Conversation], test: Sequence[Conversation]
) -> None:
    shared = {c.id for c in train} & {c.id for c in test}
    if shared:
        raise InputError(
            f"{folder / 'text_test.csv'}: video '{min(shared)}' is also in text_train.csv, "
            "expected each video in one split"
        )
