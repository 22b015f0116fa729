"""A published corpus taken apart becomes a table and matrices, checked row by row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.corpus import Corpus
from sslcl.data.formats.pickles._labels import tasks_of, with_official_validation
from sslcl.data.formats.pickles._tuples import ByDialogue, Feature, Parts, length, shown
from sslcl.data.published.corpora import RECORDS
from sslcl.errors import InputError


def corpus_of(parts: Parts) -> Corpus:
    """The corpus, checked row by row.

    Raises:
        InputError: naming the dialogue when fields disagree on its rows, a value is not finite, or
            a label has no class.
    """
    parts = with_official_validation(parts)
    parts, tasks, names = tasks_of(parts)
    rows: dict[str, list[Any]] = {"conversation": [], "utterance": [], "speaker": [], "split": []}
    columns = {task.column: names[task.column] for task in tasks.values()}
    rows |= {column: [] for column in (*columns, "text")}
    for split, ids in parts.splits.items():
        for one in ids:
            count = _rows_of(parts, one)
            rows["conversation"] += [one] * count
            rows["split"] += [split] * count
            rows["utterance"] += _utterance_ids(parts, one, count)
            rows["speaker"] += [_speaker(s, parts.file, one) for s in parts.fields["speakers"][one]]
            rows["text"] += [_text(x, parts.file, one) for x in parts.fields["sentences"][one]]
            for column, labels in columns.items():
                rows[column] += labels(one)
    features = {name: _matrix(parts, name) for name in parts.features}
    record = RECORDS[parts.corpus]
    return Corpus(
        name=parts.corpus,
        table=pd.DataFrame(rows),
        features=features,
        tasks=tasks,
        description=f"{record.title}; published features.",
        licence=record.licence,
        notes=(*parts.notes, *_zero_notes(features), *_left_out(parts)),
    )


def _rows_of(parts: Parts, one: str) -> int:
    """The utterances of a dialogue, on which all fields must agree."""
    expected = 0
    fields = [("labels", parts.file, parts.fields["labels"])]
    fields += [(name, parts.file, x) for name, x in parts.fields.items()]
    fields += [(name, f.file, x) for name, f in parts.features.items() for x in f.fields]
    for name, file, by_dialogue in fields:
        if one not in by_dialogue:
            raise InputError(f"{file}: {name} has no dialogue '{one}'")
        count = length(by_dialogue[one])
        if not count:
            raise InputError(f"{file}: {name} of dialogue '{one}' is not a list of utterances")
        expected = expected or count
        if count != expected:
            raise InputError(
                f"{file}: dialogue '{one}' has {expected} labels and {count} rows of {name}"
            )
    return expected


def _utterance_ids(parts: Parts, one: str, count: int) -> list[str]:
    if "utterances" in parts.fields:
        ids = [str(x) for x in parts.fields["utterances"][one]]
        if len(set(ids)) == count:
            return ids
    return [str(number) for number in range(count)]


def _speaker(value: Any, file: Path, one: str) -> str:
    if isinstance(value, str) and value.isprintable():
        return value
    marks = list(value) if length(value) else []
    numbers = all(isinstance(mark, int | float | np.number | np.bool_) for mark in marks)
    if not numbers or sorted(marks) != [0] * (len(marks) - 1) + [1]:
        raise InputError(f"{file}: dialogue '{one}' has a speaker that is not one of several")
    return f"participant {marks.index(1) + 1}"


def _text(value: Any, file: Path, one: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{file}: dialogue '{one}' has {shown(value)} where a text was expected")
    return str(value)


def _matrix(parts: Parts, name: str) -> NDArray[np.float32]:
    feature = parts.features[name]
    blocks = []
    for ids in parts.splits.values():
        for one in ids:
            count = len(parts.fields["labels"][one])
            layers = [_block(feature, name, f, one, count) for f in feature.fields]
            blocks.append(layers[0] if len(layers) == 1 else np.mean(layers, axis=0))
    return np.concatenate(blocks).astype(np.float32, copy=False)


def _block(
    feature: Feature, name: str, by_dialogue: ByDialogue, one: str, count: int
) -> NDArray[np.float32]:
    where = f"{feature.file}: {name} of dialogue '{one}'"
    try:
        with np.errstate(over="ignore"):
            rows = np.asarray(by_dialogue[one], dtype=np.float32)
    except (OverflowError, TypeError, ValueError):
        raise InputError(f"{where} is not a table of numbers") from None
    if rows.shape != (count, feature.width):
        raise InputError(f"{where} has shape {rows.shape}, expected ({count}, {feature.width})")
    if not np.isfinite(rows).all():
        row = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise InputError(f"{where} is not finite in row {row}")
    return rows


def _zero_notes(features: Mapping[str, NDArray[np.float32]]) -> tuple[str, ...]:
    zeros = {name: int((~x.any(axis=1)).sum()) for name, x in features.items()}
    return tuple(f"{n} utterances have no {name}: all zeros" for name, n in zeros.items() if n)


def _left_out(parts: Parts) -> tuple[str, ...]:
    used = {one for ids in parts.splits.values() for one in ids}
    left = len(parts.fields["labels"].keys() - used)
    return (f"{left} dialogues of no split are left out",) if left else ()
