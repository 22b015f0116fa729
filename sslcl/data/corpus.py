"""What a reader of any format finds: a table of utterances, their features and their labels."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sslcl.data.groups import groups_of
from sslcl.data.types import PAD_LABEL, Conversation, Dataset
from sslcl.errors import InputError, unknown

SPLITS = ("train", "validation", "test")
COLUMNS = ("conversation", "utterance", "speaker", "split")
"""Columns that every table has; ``text``, ``start`` and ``end`` may be there besides."""
VALIDATION_SHARE = 10
"""One in this many training conversations validates where a corpus has no validation split."""


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Args:
        column: of the table; it holds class names, or nothing where an utterance is context only.
        classes: their names in the order of the class indices.
    """

    column: str
    classes: tuple[str, ...]


WARNING = "warning: "
"""What a note begins with that somebody should act on."""


@dataclass(frozen=True)
class Corpus:
    """Everything a format holds, before a task and its features are chosen.

    Args:
        name: short and lower case, e.g. ``meld``.
        table: one row an utterance, the rows of a conversation together and in order, with the
            columns :data:`COLUMNS` (all text; ``utterance`` unique within its conversation,
            ``conversation`` within the corpus), one column a task, and, where known, ``text``,
            ``start`` and ``end`` (seconds).
        features: modality name to ``(N, width)`` float32, rows as in the table.
        tasks: by name, the default first.
        description: one or two sentences: what it is, source.
        licence: as its publisher states it.
        notes: repairs made, and departures from the usual files.
        groupings: further columns of the table, with one value or nothing in each conversation, by
            which conversations can be grouped.
        folds: the folds that its owner asks for, see :func:`sslcl.data.folds.fold_scheme`.
    """

    name: str
    table: pd.DataFrame
    features: Mapping[str, NDArray[np.float32]]
    tasks: Mapping[str, Task]
    description: str = ""
    licence: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
    groupings: tuple[str, ...] = ()
    folds: str | None = None

    def task(self, name: str = "") -> Task:
        """The task called ``name``, the first one when empty.

        Raises:
            InputError: naming the nearest task when there is none of that name.
        """
        if not name:
            return next(iter(self.tasks.values()))
        if name not in self.tasks:
            raise unknown("task", name, self.tasks, f"dataset '{self.name}'")
        return self.tasks[name]

    def counts(self, task: str = "") -> dict[str, list[int]]:
        """Utterances of each class, by split, in the order of the class indices."""
        chosen = self.task(task)
        return {
            str(split): [int((rows[chosen.column] == name).sum()) for name in chosen.classes]
            for split, rows in self.table.groupby("split", sort=False)
        }


def with_validation(corpus: Corpus) -> Corpus:
    """The corpus with a validation split, held out of the training conversations if need be.

    Held out is the tenth of them, rounded but at least one, whose ids have the smallest SHA-256
    hashes, which depends on nothing but the ids.
    """
    split = corpus.table["split"]
    if (split == "validation").any():
        return corpus
    training = corpus.table.loc[split == "train", "conversation"].unique()
    chosen = held_out(training, VALIDATION_SHARE)
    table = corpus.table.assign(
        split=split.mask(
            corpus.table["conversation"].isin(chosen) & (split == "train"), "validation"
        )
    )
    note = (
        f"no validation split: {len(chosen)} of {len(training)} training conversations validate, "
        "chosen by the hash of their ids"
    )
    return replace(corpus, table=table, notes=(*corpus.notes, note))


def held_out(ids: Iterable[str], share: int) -> frozenset[str]:
    """One in ``share`` of ``ids``, rounded but at least one: those of the smallest SHA-256."""
    ranked = sorted(ids, key=lambda one: hashlib.sha256(one.encode()).digest())
    return frozenset(ranked[: max(1, round(len(ranked) / share))])


def dataset_of(corpus: Corpus, task: str = "") -> Dataset:
    """The corpus as a dataset for one task; the fingerprint is left empty.

    Speakers become the n-th participant to speak in their conversation; utterances without a
    label are context only.

    Raises:
        InputError: when the table or the features do not fit together, a label has no class, or
            there is nothing to train from.
    """
    chosen = corpus.task(task)
    _check_table(corpus, chosen)
    if not corpus.features:
        raise InputError(f"dataset '{corpus.name}' has neither features nor text to encode")
    labels = _labels(corpus, chosen)
    splits: dict[str, list[Conversation]] = {name: [] for name in SPLITS}
    speakers = 1
    ids = corpus.table["conversation"].to_numpy()
    ends = np.flatnonzero(np.append(ids[1:] != ids[:-1], True)) + 1
    for start, end in zip(np.append(0, ends[:-1]).tolist(), ends.tolist(), strict=True):
        rows = slice(start, end)
        turns, names = pd.factorize(corpus.table["speaker"].iloc[rows])
        speakers = max(speakers, len(names))
        splits[str(corpus.table["split"].iloc[start])].append(
            Conversation(
                id=str(ids[start]),
                utterance_ids=tuple(corpus.table["utterance"].iloc[rows].astype(str)),
                speakers=torch.from_numpy(turns.astype(np.int64)),
                labels=torch.from_numpy(labels[rows].copy()),
                features={
                    name: torch.from_numpy(np.array(x[rows], dtype=np.float32))
                    for name, x in corpus.features.items()
                },
            )
        )
    licence = f" Licence: {corpus.licence}." if corpus.licence else ""
    everything = [one.id for name in SPLITS for one in splits[name]]
    grouped = groups_of(corpus.table, corpus.groupings)
    return Dataset(
        name=corpus.name,
        label_names=chosen.classes,
        modalities={name: int(x.shape[1]) for name, x in corpus.features.items()},
        speakers=speakers,
        train=tuple(splits["train"]),
        validation=tuple(splits["validation"]),
        test=tuple(splits["test"]),
        fingerprint="",
        description=corpus.description + licence,
        notes=corpus.notes,
        groups={name: tuple(group[one] for one in everything) for name, group in grouped.items()},
        own_folds=corpus.folds,
    )


def _check_table(corpus: Corpus, task: Task) -> None:
    where = f"dataset '{corpus.name}'"
    for column in (*COLUMNS, task.column):
        if column not in corpus.table:
            raise InputError(f"{where}: the table has no column '{column}'")
    for name, x in corpus.features.items():
        if x.ndim != 2 or len(x) != len(corpus.table):
            raise InputError(
                f"{where}: features of '{name}' have shape {x.shape}, expected a row for each of "
                f"the {len(corpus.table)} utterances"
            )
    strange = set(corpus.table["split"].unique()) - set(SPLITS)
    if strange:
        raise unknown("split", str(min(strange, key=str)), SPLITS, where)
    ids = corpus.table["conversation"]
    starts = ids[ids != ids.shift()]
    if starts.duplicated().any():
        again = starts[starts.duplicated()].iloc[0]
        raise InputError(f"{where}: the rows of conversation '{again}' are not together")
    homes = corpus.table.groupby("conversation", sort=False)["split"].nunique()
    if (homes > 1).any():
        raise InputError(f"{where}: conversation '{homes.idxmax()}' is in two splits")


def _labels(corpus: Corpus, task: Task) -> NDArray[np.int64]:
    column = corpus.table[task.column]
    index = {name: number for number, name in enumerate(task.classes)}
    found = column.map(index)
    wrong = column.notna() & found.isna()
    if wrong.any():
        row = corpus.table[wrong].iloc[0]
        place = f"dataset '{corpus.name}', conversation '{row['conversation']}', {task.column}"
        raise unknown("class", str(row[task.column]), task.classes, place)
    return np.array(found.fillna(PAD_LABEL), dtype=np.int64)
