"""Bulk reads for statistics: what all trials of a phase predicted, in a few queries."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Select, Text, and_, cast, func, select, text

from tracking.ledger.schema import PREDICTIONS, STUDIES, TRIALS
from tracking.ledger.steps import step
from tracking.records import Status

_GOLD = text("""
    SELECT u.position, u.conversation, u.label
    FROM utterances u JOIN studies s ON s.data_fingerprint = u.data_fingerprint
    WHERE s.name = :study AND u.split = :split
    ORDER BY u.position
""")

_SCORED = text("""
    SELECT t.id FROM trials t
    JOIN studies s ON s.name = t.study AND s.data_fingerprint = t.data_fingerprint
    WHERE t.study = :study AND t.phase = :phase AND t.status IN ('COMPLETE', 'CACHED')
      AND t.current = :current
      AND EXISTS (SELECT 1 FROM predictions p
                  WHERE p.trial = coalesce(t.original, t.id) AND p.split = :split)
    ORDER BY t.ordinal, t.id
""")

_CONVERSATIONS = text("""
    SELECT count(DISTINCT u.conversation)
    FROM utterances u JOIN studies s ON s.data_fingerprint = u.data_fingerprint
    WHERE s.name = :study AND u.split = :split
""")

_UTTERANCES = text("""
    SELECT count(*) FROM predictions p
    WHERE p.split = :split
      AND p.trial IN (
        SELECT coalesce(t.original, t.id) FROM trials t
        JOIN trials first ON first.id = :trial
          AND t.study = first.study AND t.phase = first.phase AND t.cell = first.cell
          AND t.seed = first.seed AND t.data_fingerprint = first.data_fingerprint
        WHERE t.id = first.id OR t.fold IS NOT NULL AND t.current = :current)
""")
"""On folds those of all trials of a cell and seed, since each tests some of them."""


@dataclass(frozen=True)
class Scored:
    """What the finished trials of a phase were scored on.

    Args:
        trials: ids of those that have predictions.
        conversations: conversations of the split.
        utterances: scored utterances of a trial; on folds of its seed.
    """

    trials: frozenset[str]
    conversations: int
    utterances: int


@step
def scored(engine: Engine, study_name: str, phase: str, split: str) -> Scored:
    """The trials that :func:`confusions` counts, without reading what they predicted."""
    own = {"study": study_name, "split": split}
    with engine.connect() as connection:
        trials = connection.scalars(_SCORED, {**own, "phase": phase, "current": True}).all()
        if not trials:
            return Scored(frozenset(), 0, 0)
        conversations = connection.scalar(_CONVERSATIONS, own)
        utterances = connection.scalar(
            _UTTERANCES, {"trial": trials[0], "split": split, "current": True}
        )
    return Scored(frozenset(trials), int(conversations or 0), int(utterances or 0))


@dataclass(frozen=True)
class Confusions:
    """Counts of label and prediction, one matrix per trial and conversation.

    Args:
        trials: ``T`` trial ids.
        conversations: ``K`` conversation ids, in the split's order.
        counts: ``(T, K, C, C)`` utterances by label (rows) and prediction (columns).
    """

    trials: tuple[str, ...]
    conversations: tuple[str, ...]
    counts: NDArray[np.int64]


@step
def confusions(engine: Engine, study_name: str, phase: str, split: str, classes: int) -> Confusions:
    """The confusion counts of the finished, current trials of a phase on the study's present data.

    A trial taken from the ledger (CACHED) counts with the predictions of its original; trials
    without predictions on the split are left out.

    Args:
        classes: number of classes ``C``.
    """
    with engine.connect() as connection:
        gold = connection.execute(_GOLD, {"study": study_name, "split": split}).all()
        rows = connection.execute(_predicted(study_name, phase, split, classes)).all()
    conversations = {name: index for index, name in enumerate(dict.fromkeys(g[1] for g in gold))}
    counts = np.zeros((len(rows), len(conversations), classes, classes), dtype=np.int64)
    if rows:
        # Labels and conversations by position, which may have gaps.
        label, conversation = np.zeros((2, 1 + max(place for place, _, _ in gold)), dtype=np.int64)
        for place, name, value in gold:
            label[place], conversation[place] = value, conversations[name]
    for count, (_, told) in zip(counts, rows, strict=True):
        place, predicted = np.divmod(np.fromstring(told, dtype=np.int64, sep=","), classes)
        np.add.at(count, (conversation[place], label[place], predicted), 1)
    return Confusions(tuple(row[0] for row in rows), tuple(conversations), counts)


def _predicted(study_name: str, phase: str, split: str, classes: int) -> Select[Any]:
    """One row per trial: its id, and position * classes + prediction of each utterance, as text.

    Millions of rows cost seconds as Python's objects; so the database packs those of a trial.
    """
    trials, found = TRIALS.c, PREDICTIONS.c
    packed = cast(found.position * classes + found.predicted, Text)
    return (
        select(trials.id, func.aggregate_strings(packed, ","))
        .select_from(TRIALS)
        .join(
            STUDIES,
            and_(
                STUDIES.c.name == trials.study,
                STUDIES.c.data_fingerprint == trials.data_fingerprint,
            ),
        )
        .join(PREDICTIONS, found.trial == func.coalesce(trials.original, trials.id))
        .where(
            trials.study == study_name,
            trials.phase == phase,
            trials.status.in_((Status.COMPLETE.value, Status.CACHED.value)),
            trials.current.is_(True),
            found.split == split,
        )
        .group_by(trials.id)
        .order_by(trials.id)
    )
