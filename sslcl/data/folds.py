"""Folds: every conversation tests once, with a model that has never seen it.

The splits of a corpus are put together and divided anew. In each fold one part tests; the
validation conversations, by which a search and early stopping choose, come from the other parts;
all the rest trains. Which conversation goes where follows from the ids and groups alone, so it is
the same for every seed, cell and machine.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from sslcl.data.types import PAD_LABEL, Conversation, Dataset, Fold
from sslcl.errors import InputError, unknown

VALIDATION_SHARE = 8
"""One in this many conversations that do not test validates, at least one."""
_OF_TRAINING = ("training labels", "training clips")
"""What notes say of features that were made with the corpus's own training split."""
_EXPECTED = "expected a number of folds from 2, or what conversations are grouped by"


def fold_scheme(value: object) -> str | None:
    """Folds as they are stored: a number of them as text, or what conversations are grouped by.

    Args:
        value: a whole number from 2, a name such as ``session``, or ``None`` for no folds.

    Raises:
        InputError: for anything else.
    """
    if value is None:
        return None
    text = str(value).strip()
    number = int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None
    if isinstance(value, bool) or not isinstance(value, int | str) or not text:
        raise InputError(f"folds is {value!r}: {_EXPECTED}, such as session")
    if number is not None and number < 2:
        raise InputError(f"folds is {number}: {_EXPECTED}, such as session")
    return text if number is None else str(number)


def with_folds(dataset: Dataset, scheme: str) -> Dataset:
    """The corpus divided into folds; its own splits are merged first and mean nothing any more.

    A number k makes k folds of conversations, as equal as can be: the conversations are ranked by
    the SHA-256 of their ids and dealt out in turn. One in :data:`VALIDATION_SHARE` of those that do
    not test validates, those of the smallest hash with the fold's name.

    A name makes one fold of each group (leave one group out). The next groups validate, as whole
    groups, until they hold one in :data:`VALIDATION_SHARE` of the conversations that do not test;
    with two groups there is no third one, and conversations validate as with a number.

    The fingerprint becomes that of the divided corpus.

    Args:
        dataset: with all three splits.
        scheme: see :func:`fold_scheme`.

    Raises:
        InputError: when the corpus cannot be divided so, or a part of a fold has no label.
    """
    conversations = _conversations(dataset)
    ids = [conversation.id for conversation in conversations]
    groups: Sequence[str]
    if scheme.isdigit():
        groups, validates = _dealt(dataset, ids, int(scheme)), _by_hash(ids)
    else:
        groups = _grouped(dataset, ids, scheme)
        validates = _by_hash(ids) if len(set(groups)) == 2 else _next_groups(groups)
    folds = tuple(_fold(name, groups, validates) for name in sorted(set(groups), key=_natural))
    for fold in folds:
        _require_labels(dataset, fold, conversations)
    told = [
        [fold.name, *([ids[at] for at in part] for part in fold.parts.values())] for fold in folds
    ]
    text = json.dumps([dataset.fingerprint, scheme, told])
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return replace(dataset, folds=folds, fingerprint=fingerprint)


def of_fold(dataset: Dataset, name: str | None) -> Dataset:
    """The dataset with the splits of one fold; unchanged where there is no fold.

    Raises:
        InputError: when the corpus has no such fold.
    """
    if name is None:
        return dataset
    by_name = {fold.name: fold for fold in dataset.folds}
    if name not in by_name:
        raise unknown("fold", name, by_name, f"dataset '{dataset.name}'")
    fold, conversations = by_name[name], _conversations(dataset)
    starts = [0, *accumulate(len(conversation) for conversation in conversations)]

    def places(part: Sequence[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        spans = [np.arange(starts[at], starts[at + 1], dtype=np.int64) for at in part]
        return np.concatenate(spans)

    def chosen(part: Sequence[int]) -> tuple[Conversation, ...]:
        return tuple(conversations[at] for at in part)

    return replace(
        dataset,
        fold=name,
        train=chosen(fold.train),
        validation=chosen(fold.validation),
        test=chosen(fold.test),
        places={split: places(part) for split, part in fold.parts.items()},
    )


def fold_warnings(dataset: Dataset) -> list[str]:
    """What makes scores on folds of this corpus better than they are; nothing without folds."""
    if not dataset.folds:
        return []
    return [
        f"folds: {note}; in folds these rows test too, so that scores are flattered"
        for note in dataset.notes
        if any(words in note for words in _OF_TRAINING)
    ]


def _conversations(dataset: Dataset) -> list[Conversation]:
    if dataset.test is None or dataset.fold is not None:
        raise ValueError("folds need the whole corpus with all three splits")
    return [*dataset.train, *dataset.validation, *dataset.test]


def _dealt(dataset: Dataset, ids: Sequence[str], count: int) -> list[str]:
    """The fold in which each conversation tests."""
    if len(ids) < max(count, 3):
        raise InputError(
            f"folds is {count}, but dataset '{dataset.name}' has {len(ids)} conversations: "
            f"expected at least {max(count, 3)} of them, or fewer folds"
        )
    ranked = sorted(range(len(ids)), key=lambda at: _hash(ids[at]))
    names = {at: str(rank % count + 1) for rank, at in enumerate(ranked)}
    return [names[at] for at in range(len(ids))]


def _grouped(dataset: Dataset, ids: Sequence[str], scheme: str) -> Sequence[str]:
    """The group of each conversation, which is the fold in which it tests."""
    if scheme not in dataset.groups:
        hint = "a number such as 5 is always fine"
        if not dataset.groups:
            raise InputError(
                f"folds is '{scheme}', but dataset '{dataset.name}' has nothing that its "
                f"conversations are grouped by: {hint}"
            )
        where = f"folds of dataset '{dataset.name}'"
        raise InputError(f"{unknown('group', scheme, dataset.groups, where)}; {hint}")
    groups = dataset.groups[scheme]
    if "" in groups:
        lacking = ids[groups.index("")]
        raise InputError(
            f"folds is '{scheme}', but conversation '{lacking}' of dataset '{dataset.name}' has "
            f"none: expected one for every conversation"
        )
    if len(set(groups)) < 2 or len(ids) < 3:
        raise InputError(
            f"folds is '{scheme}', but all conversations of dataset '{dataset.name}' are of one "
            f"group by it ({groups[0]}): expected two groups or more"
        )
    return groups


def _by_hash(ids: Sequence[str]) -> Callable[[str, Sequence[int]], frozenset[int]]:
    def chosen(fold: str, others: Sequence[int]) -> frozenset[int]:
        ranked = sorted(others, key=lambda at: _hash(f"{fold}\0{ids[at]}"))
        return frozenset(ranked[: _wanted(others)])

    return chosen


def _next_groups(groups: Sequence[str]) -> Callable[[str, Sequence[int]], frozenset[int]]:
    order = sorted(set(groups), key=_natural)

    def chosen(fold: str, others: Sequence[int]) -> frozenset[int]:
        at = order.index(fold)
        following = [*order[at + 1 :], *order[:at]]
        held: set[int] = set()
        # The last group always trains.
        for name in following[:-1]:
            if len(held) >= _wanted(others):
                break
            held |= {number for number in others if groups[number] == name}
        return frozenset(held)

    return chosen


def _wanted(others: Sequence[int]) -> int:
    """How many conversations validate."""
    return max(1, round(len(others) / VALIDATION_SHARE))


def _fold(
    name: str,
    groups: Sequence[str],
    validates: Callable[[str, Sequence[int]], frozenset[int]],
) -> Fold:
    others = [at for at, group in enumerate(groups) if group != name]
    held = validates(name, others)
    return Fold(
        name=name,
        train=tuple(at for at in others if at not in held),
        validation=tuple(sorted(held)),
        test=tuple(at for at, group in enumerate(groups) if group == name),
    )


def _require_labels(dataset: Dataset, fold: Fold, conversations: Sequence[Conversation]) -> None:
    if not fold.train:
        raise InputError(
            f"dataset '{dataset.name}', fold '{fold.name}' leaves one conversation that does not "
            "test: expected at least two, one to train from and one to validate"
        )
    for split, part in fold.parts.items():
        if not any(bool((conversations[at].labels != PAD_LABEL).any()) for at in part):
            raise InputError(
                f"dataset '{dataset.name}', fold '{fold.name}': its {split} conversations "
                f"({len(part)}) have no labelled utterance: expected at least one"
            )


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _natural(name: str) -> tuple[object, ...]:
    """``2`` comes before ``10``, and ``Ses2`` before ``Ses10``."""
    parts: Iterable[str] = re.split(r"([0-9]+)", name)
    return tuple(int(part) if at % 2 else part for at, part in enumerate(parts))
