"""CMU-MOSI, binary sentiment, from the feature files released with Poria et al., ACL 2017.

The folder ``mosi`` under the data folder holds (no file has a header)

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
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel

from sslcl.data.datasets import DatasetSource
from sslcl.data.published.corpora.mosi import RECORD
from sslcl.data.reading.plain_csv import read_numbers, read_texts
from sslcl.data.types import Conversation, Dataset, Split
from sslcl.errors import InputError

WIDTHS = {"text": 100, "audio": 73, "video": 100}
LABELS = ("negative", "positive")
VALIDATION_SHARE = 5
"""One in this many training videos validates."""

_ID = re.compile(r"(?P<video>.+)_(?P<number>\d+)")


class Mosi(DatasetSource):
    """Film reviews by 93 speakers, one video each: text, audio and video features."""

    name = RECORD.name
    summary = RECORD.summary

    def files(self, options: BaseModel, data_dir: Path | None) -> list[Path]:
        """The released files under ``data_dir / 'mosi'``."""
        del options
        return sorted(_folder(data_dir).rglob("*.csv"))

    def load(self, options: BaseModel, data_dir: Path | None) -> Dataset:
        """Read the released files under ``data_dir / 'mosi'``."""
        del options
        folder = _folder(data_dir)
        utterances = _transcripts(folder / "transcripts.csv")
        train = _read_split(folder, "train", utterances)
        test = _read_split(folder, "test", utterances)
        _refuse_shared_videos(folder, train, test)
        held_out = validation_videos(c.id for c in train)
        return Dataset(
            name=self.name,
            label_names=LABELS,
            modalities=WIDTHS,
            speakers=1,
            train=tuple(c for c in train if c.id not in held_out),
            validation=tuple(c for c in train if c.id in held_out),
            test=test,
            fingerprint="",
            description=(
                "CMU-MOSI (Zadeh et al., 2016), features of Poria et al. (ACL 2017): text CNN, "
                "audio openSMILE, video 3D-CNN. One conversation a video, speakers disjoint. No "
                "licence is stated for the files."
            ),
        )


def validation_videos(videos: Iterable[str]) -> frozenset[str]:
    """The fifth of ``videos``, rounded but at least one, with the smallest SHA-256 of the id."""
    ranked = sorted(videos, key=lambda video: hashlib.sha256(video.encode()).digest())
    return frozenset(ranked[: max(1, round(len(ranked) / VALIDATION_SHARE))])


@dataclass(frozen=True)
class _Utterance:
    """One row of ``transcripts.csv``."""

    id: str
    video: str
    number: int
    label: int


def _folder(data_dir: Path | None) -> Path:
    how = "give the folder that holds 'mosi' with --data-dir or SSLCL_DATA"
    if data_dir is None:
        raise InputError(f"dataset 'mosi' is read from files: {how}")
    folder = data_dir / "mosi"
    if not folder.is_dir():
        raise InputError(f"dataset 'mosi': there is no folder {folder}: {how}")
    return folder


def _transcripts(path: Path) -> list[_Utterance]:
    utterances = []
    for row, (name, _, _, label) in enumerate(read_texts(path, columns=4), start=1):
        match = _ID.fullmatch(name)
        if match is None:
            raise InputError(f"{path}, row {row}: id is {name!r}, expected VIDEO_NUMBER")
        if label not in ("0", "1"):
            raise InputError(f"{path}, row {row}: label is {label!r}, expected 0 or 1")
        utterances.append(_Utterance(name, match["video"], int(match["number"]), int(label)))
    return utterances


def _read_split(folder: Path, split: str, utterances: list[_Utterance]) -> Split:
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
) -> Split:
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


def _refuse_shared_videos(folder: Path, train: Split, test: Split) -> None:
    shared = {c.id for c in train} & {c.id for c in test}
    if shared:
        raise InputError(
            f"{folder / 'text_test.csv'}: video '{min(shared)}' is also in text_train.csv, "
            "expected each video in one split"
        )
