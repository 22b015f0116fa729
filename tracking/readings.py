"""Bulk reads for statistics: what all trials of a phase predicted, in a few queries."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, text

_GOLD = text("""
    SELECT u.position, u.conversation, u.label
    FROM utterances u JOIN studies s ON s.data_fingerprint = u.data_fingerprint
    WHERE s.name = :study AND u.split = :split
    ORDER BY u.position
""")

_PREDICTED = text("""
    SELECT t.id, p.position, p.predicted
    FROM trials t
    JOIN studies s ON s.name = t.study AND s.data_fingerprint = t.data_fingerprint
    JOIN predictions p ON p.trial = coalesce(t.original, t.id)
    WHERE t.study = :study AND t.phase = :phase AND t.status IN ('COMPLETE', 'CACHED')
      AND t.current = :current AND p.split = :split
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
      AND p.trial = (SELECT coalesce(t.original, t.id) FROM trials t WHERE t.id = :trial)
""")


@dataclass(frozen=True)
class Scored:
    """What the finished trials of a phase were scored on.

    Args:
        trials: ids of those that have predictions.
        conversations: conversations of the split.
        utterances: scored utterances of a trial.
    """

    trials: frozenset[str]
    conversations: int
    utterances: int


def scored(engine: Engine, study: str, phase: str, split: str) -> Scored:
    """The trials that :func:`confusions` counts, without reading what they predicted."""
    own = {"study": study, "split": split}
    with engine.connect() as connection:
        trials = connection.scalars(_SCORED, {**own, "phase": phase, "current": True}).all()
        if not trials:
            return Scored(frozenset(), 0, 0)
        conversations = connection.scalar(_CONVERSATIONS, own)
        utterances = connection.scalar(_UTTERANCES, {"trial": trials[0], "split": split})
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


def confusions(engine: Engine, study: str, phase: str, split: str, classes: int) -> Confusions:
    """The confusion counts of the finished, current trials of a phase on the study's present data.

    A trial taken from the ledger (CACHED) counts with the predictions of its original; trials
    without predictions on the split are left out.

    Args:
        classes: number of classes ``C``.
    """
    with engine.connect() as connection:
        gold = connection.execute(_GOLD, {"study": study, "split": split}).all()
        rows = connection.execute(
            _PREDICTED, {"study": study, "phase": phase, "split": split, "current": True}
        ).all()
    conversations = {name: index for index, name in enumerate(dict.fromkeys(g[1] for g in gold))}
    trials = {name: index for index, name in enumerate(dict.fromkeys(row[0] for row in rows))}
    counts = np.zeros((len(trials), len(conversations), classes, classes), dtype=np.int64)
    if rows:
        place = {position: index for index, (position, _, _) in enumerate(gold)}
        conversation = np.array([conversations[name] for _, name, _ in gold])
        label = np.array([value for _, _, value in gold])
        trial = np.array([trials[row[0]] for row in rows])
        utterance = np.array([place[row[1]] for row in rows])
        predicted = np.array([row[2] for row in rows])
        where = (trial, conversation[utterance], label[utterance], predicted)
        np.add.at(counts, where, 1)
    return Confusions(tuple(trials), tuple(conversations), counts)
