"""MMSA's pickles of CMU-MOSI, CMU-MOSEI and CH-SIMS, aligned or not.

A dict of ``train``, ``valid`` and ``test``; each is a dict of columns of ``N`` entries: ``id``
(``video$_$clip``), ``raw_text``, ``text`` ``(N, L, 768)`` by BERT, ``text_bert`` ``(N, 3, L)``
(token ids, mask, segment), ``audio`` and ``vision`` ``(N, steps, width)`` with ``audio_lengths``
and ``vision_lengths`` where unaligned, ``annotations`` in words, ``classification_labels`` (0
negative, 1 neutral, 2 positive) and ``regression_labels``.

The sequences become one vector an utterance, the mean over its valid steps: for text those of the
BERT mask, for audio and vision those below the length, and where a file has neither, the steps
that are not all zero. ``-inf`` in audio counts as 0, and an utterance without a valid step is a
zero vector. The clips of one video, in the order of their numbers, are one conversation.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.corpus import Corpus
from sslcl.data.formats import Format
from sslcl.data.formats.pickles._mult import as_mmsa, is_mult
from sslcl.data.formats.pickles._scores import (
    BINARY,
    SENTIMENTS,
    SEVEN,
    TERNARY,
    are_seven_steps,
    by_nonzero_sign,
    by_step,
)
from sslcl.data.published.corpora import RECORDS
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError, unknown

_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_MARKS = frozenset({"id", "audio", "vision"})
_SEQUENCES = {"text": "text", "audio": "audio", "vision": "video"}
"""Column of the file to modality of the corpus."""
_ROWS = 256
"""Utterances pooled at a time: unaligned MOSEI has gigabytes of padding."""


class _Known(NamedTuple):
    name: str
    train: tuple[int, ...]
    """Utterances that the training split may have."""


_KNOWN = {
    (5, 20): _Known("mosi_mmsa", (1284,)),
    (74, 35): _Known("mosei", (16326,)),
    (33, 709): _Known("sims", (1368, 2722)),
}
"""By the widths of audio and vision."""


class Mmsa(Format):
    """One pickle with all splits."""

    name = "mmsa"
    summary = (
        "MMSA's or MulT's pickle: train, valid, test, dicts of id, text, audio, vision, labels"
    )

    def claims(self, contents: PathContents) -> frozenset[Path]:
        """Pickles of a dict of the three splits, each with ids, audio and vision."""
        return frozenset(file for file, content in contents.pickles.items() if _fits(content))

    def read(self, contents: PathContents) -> Corpus:
        """Pool the sequences and put the clips of a video together."""
        files = sorted(self.claims(contents))
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise InputError(f"{contents.path} holds {names}: give the path of one of them")
        content = contents.pickles[files[0]]
        mult = all(is_mult(content[key]) for key in _SPLITS)
        parts = [
            _Part(
                files[0], split, _as_mmsa(files[0], split, content[key]) if mult else content[key]
            )
            for key, split in _SPLITS.items()
        ]
        corpus = _corpus(files[0], parts)
        return _of_mult(corpus) if mult else corpus


def _fits(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(key), dict) and content[key].keys() >= _MARKS for key in _SPLITS
    )


def _as_mmsa(path: Path, split: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return as_mmsa(columns)
    except (IndexError, TypeError, ValueError):
        raise InputError(
            f"{path}, split '{split}': 'labels' and 'id' are no scores (N, 1, 1) and ids (N, 3), "
            "as in MulT's files"
        ) from None


def _of_mult(corpus: Corpus) -> Corpus:
    """The corpus by a name of its own: its features are others than MMSA's."""
    return replace(
        corpus,
        name=f"{corpus.name.removesuffix('_mmsa')}_mult",
        description=corpus.description.replace("packed by MMSA", "packed by MulT"),
        licence="none stated",
    )


class _Part:
    """One split of the file: columns that are checked as they are read."""

    def __init__(self, path: Path, split: str, columns: Mapping[str, Any]) -> None:
        self.split = split
        self.columns = columns
        self.where = f"{path}, split '{split}'"
        ids = columns["id"]
        if not isinstance(ids, list | tuple | np.ndarray) or len(ids) == 0:
            raise InputError(f"{self.where}: 'id' is not a list of ids video$_$clip")
        self.ids = [str(one) for one in ids]

    def column(self, name: str) -> Sequence[Any] | NDArray[Any]:
        """The column, with one entry an utterance."""
        values = self.columns.get(name)
        if not isinstance(values, list | tuple | np.ndarray) or (
            isinstance(values, np.ndarray) and values.ndim == 0
        ):
            raise InputError(f"{self.where}: there is no column '{name}'")
        if len(values) != len(self.ids):
            raise InputError(
                f"{self.where}: '{name}' has {len(values)} entries, expected {len(self.ids)}, "
                "one for each id"
            )
        return values

    def numbers(self, name: str, dimensions: int) -> NDArray[Any]:
        """The column as an array of numbers."""
        values = self.column(name)
        try:
            array = np.asarray(values)
        except ValueError:
            raise InputError(f"{self.where}: '{name}' has rows of unequal length") from None
        if array.dtype.kind not in "fiu" or array.ndim != dimensions:
            raise InputError(
                f"{self.where}: '{name}' is {array.dtype} of shape {array.shape}, expected "
                f"numbers in {dimensions} dimensions"
            )
        return array

    def parts_of_ids(self) -> list[tuple[str, str]]:
        """Video and clip of each utterance."""
        parts = [one.rpartition("$_$") for one in self.ids]
        for one, (video, _, clip) in zip(self.ids, parts, strict=True):
            if not (video and clip):
                raise InputError(f"{self.where}: id is {one!r}, expected video$_$clip")
        return [(video, clip) for video, _, clip in parts]

    def valid(self, name: str, sequence: NDArray[Any]) -> NDArray[np.bool_]:
        """``(N, steps)``: the steps of a sequence that are not padding."""
        steps = sequence.shape[1]
        if name == "text" and "text_bert" in self.columns:
            mask = self.numbers("text_bert", 3)
            if mask.shape[1:] != (3, steps):
                raise InputError(
                    f"{self.where}: 'text_bert' has shape {mask.shape}, expected "
                    f"({len(self.ids)}, 3, {steps}), as 'text'"
                )
            return np.asarray(mask[:, 1] > 0)
        if f"{name}_lengths" in self.columns:
            lengths = self.numbers(f"{name}_lengths", 1)
            return np.arange(steps) < lengths[:, None]
        return np.asarray((sequence != 0).any(axis=2))

    def pooled(self, name: str) -> tuple[NDArray[np.float32], int]:
        """Mean over the valid steps, and how many utterances have none."""
        sequence = self.numbers(name, 3)
        valid = self.valid(name, sequence)
        pooled = np.zeros((len(sequence), sequence.shape[2]), dtype=np.float32)
        for start in range(0, len(sequence), _ROWS):
            rows = slice(start, start + _ROWS)
            steps = np.where(valid[rows, :, None], sequence[rows], 0).astype(np.float64)
            if name == "audio":
                steps[np.isneginf(steps)] = 0
            count = np.maximum(valid[rows].sum(axis=1), 1)
            pooled[rows] = steps.sum(axis=1) / count[:, None]
        wrong = ~np.isfinite(pooled).all(axis=1)
        if wrong.any():
            at = self.ids[int(wrong.argmax())]
            raise InputError(f"{self.where}: '{name}' of '{at}' is not finite, expected numbers")
        return pooled, int((~valid.any(axis=1)).sum())

    def sentiment3(self) -> list[str]:
        """The annotation in words, else the class index, as a class name."""
        if "annotations" in self.columns:
            words = [str(one).lower().split()[-1:] for one in self.column("annotations")]
            names = [word[0] if word else "" for word in words]
        else:
            numbers = self.numbers("classification_labels", 1)
            index = dict(enumerate(SENTIMENTS))
            names = [index.get(number, f"{number:g}") for number in numbers.tolist()]
        for name in names:
            if name not in SENTIMENTS:
                raise unknown("sentiment", name, SENTIMENTS, self.where)
        return names

    def scores(self) -> NDArray[np.float64]:
        """The score of each utterance."""
        scores = self.numbers("regression_labels", 1)
        if not np.isfinite(scores).all():
            at = self.ids[int((~np.isfinite(scores)).argmax())]
            raise InputError(f"{self.where}: the score of '{at}' is not finite")
        return scores.astype(np.float64)


def _corpus(path: Path, parts: Sequence[_Part]) -> Corpus:
    notes = ["sequences are averaged over their valid steps, one vector an utterance"]
    features = {}
    for column, modality in _SEQUENCES.items():
        if column == "text" and not all("text" in part.columns for part in parts):
            continue
        features[modality], empty = _joined(path, parts, column)
        if empty:
            notes.append(f"{empty} utterances have no valid step of {modality}: zero vectors")
    known = _identify(path, features)
    if len(parts[0].ids) not in known.train:
        usual = " or ".join(map(str, known.train)) or "unknown"
        notes.append(f"the training split has {len(parts[0].ids)} utterances, usual: {usual}")
    record = RECORDS.get(known.name)
    title = record.title if record else "A corpus in MMSA's layout"
    table, order, shared = _table(parts)
    if shared:
        notes.append(
            f"{shared} videos have clips in more than one split: their clips are a conversation "
            "in each, so that the splits share speakers and scenes"
        )
    return Corpus(
        name=known.name,
        table=table,
        features={name: x[order] for name, x in features.items()},
        tasks={t.column: t for t in (TERNARY, BINARY, SEVEN) if t.column in table},
        description=f"{title}; features as packed by MMSA. One conversation a video.",
        licence=record.licence if record else "none stated (features), MIT (MMSA)",
        notes=tuple(notes),
    )


def _joined(path: Path, parts: Sequence[_Part], column: str) -> tuple[NDArray[np.float32], int]:
    pooled = [part.pooled(column) for part in parts]
    widths = [x.shape[1] for x, _ in pooled]
    if len(set(widths)) > 1:
        shown = ", ".join(map(str, widths))
        raise InputError(f"{path}: '{column}' has widths {shown} in train, valid, test")
    return np.concatenate([x for x, _ in pooled]), sum(empty for _, empty in pooled)


def _identify(path: Path, features: Mapping[str, NDArray[np.float32]]) -> _Known:
    widths = (features["audio"].shape[1], features["video"].shape[1])
    if widths[::-1] in _KNOWN:
        raise InputError(
            f"{path}: audio has width {widths[0]} and vision {widths[1]}, expected the other way "
            f"round, as in {_KNOWN[widths[::-1]].name}"
        )
    return _KNOWN.get(widths, _Known("mmsa", ()))


def _table(parts: Sequence[_Part]) -> tuple[pd.DataFrame, list[int], int]:
    """The utterances by video and clip, their rows in the file, and how many videos are shared."""
    ids = [(part, *pair) for part in parts for pair in part.parts_of_ids()]
    scores = np.concatenate([part.scores() for part in parts])
    homes = Counter(video for _, video in {(part.split, video) for part, video, _ in ids})
    columns: dict[str, list[Any]] = {
        "conversation": [
            f"{video} ({part.split})" if homes[video] > 1 else video for part, video, _ in ids
        ],
        "utterance": [one for part in parts for one in part.ids],
        "speaker": [video for _, video, _ in ids],
        "split": [part.split for part, _, _ in ids],
        "sentiment3": [label for part in parts for label in part.sentiment3()],
        "sentiment2": by_nonzero_sign(scores),
    }
    if are_seven_steps(scores):
        columns["sentiment7"] = by_step(scores)
    if all("raw_text" in part.columns for part in parts):
        columns["text"] = [str(text) for part in parts for text in part.column("raw_text")]

    def place(row: int) -> tuple[int, str, bool, int, str]:
        part, video, clip = ids[row]
        number = int(clip) if clip.isdecimal() else 0
        return list(_SPLITS.values()).index(part.split), video, not clip.isdecimal(), number, clip

    order = sorted(range(len(ids)), key=place)
    table = pd.DataFrame(columns).iloc[order].reset_index(drop=True)
    return table, order, sum(count > 1 for count in homes.values())
