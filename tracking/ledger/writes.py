"""Writing what a trial leaves: scores, predictions, gold labels and diagnostics."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from sslcl.errors import unknown
from tracking.costs import COSTS
from tracking.ledger.schema import (
    EVALUATIONS,
    FINDINGS,
    PREDICTIONS,
    TRIALS,
    UTTERANCES,
)
from tracking.records import Diagnostic, Evaluation, Outcome


def known(value: float | None) -> float | None:
    """What is stored of a measurement: NULL for NaN, which SQLite cannot hold."""
    return None if value is None or math.isnan(value) else float(value)


def write_outcome(connection: Connection, trial: str, fingerprint: str, outcome: Outcome) -> None:
    """Store an outcome; the trial's status is the caller's business.

    Args:
        connection: in a transaction.
        trial: id of the trial.
        fingerprint: of the data that it was trained on.
        outcome: what it leaves.

    Raises:
        ValueError: when an evaluation's columns differ in length.
        RuntimeError: when its gold labels are not those already stored for this data.
    """
    connection.execute(update(TRIALS).where(TRIALS.c.id == trial).values(_summary(outcome)))
    for evaluation in outcome.evaluations:
        _write_evaluation(connection, trial, fingerprint, evaluation)
    insert_all(connection, FINDINGS, (_diagnostic(trial, d) for d in outcome.diagnostics))


def insert_all(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert ``rows`` in one go; none is fine too."""
    if rows := list(rows):
        connection.execute(insert(table), rows)


def _summary(outcome: Outcome) -> dict[str, Any]:
    for name in outcome.cost:
        if name not in COSTS:
            raise unknown("cost", name, COSTS, "an outcome")
    cost: dict[str, float | None] = {name: known(outcome.cost.get(name)) for name in COSTS}
    parameters = cost["parameters"]
    return {
        **cost,
        "parameters": None if parameters is None else int(parameters),
        "best_epoch": outcome.best_epoch,
        "epochs_run": outcome.epochs,
        "score": known(outcome.score),
        "worker": outcome.worker,
    }


def _diagnostic(trial: str, found: Diagnostic) -> dict[str, Any]:
    return {
        "trial": trial,
        "name": found.name,
        "value": known(found.value),
        "warning": found.warning,
    }


def _write_evaluation(
    connection: Connection, trial: str, fingerprint: str, evaluation: Evaluation
) -> None:
    places = evaluation.positions
    if places is None:
        places = range(len(evaluation.utterances))
    columns = (evaluation.conversations, evaluation.utterances, evaluation.labels)
    try:
        gold = {
            int(place): (str(conversation), str(utterance), int(label))
            for place, conversation, utterance, label in zip(places, *columns, strict=True)
        }
        predictions = dict(zip(places, evaluation.predictions, strict=True))
    except ValueError:
        lengths = (
            f"{len(evaluation.conversations)} conversations, {len(evaluation.utterances)} "
            f"utterances, {len(evaluation.labels)} labels, {len(evaluation.predictions)} "
            "predictions"
        )
        raise ValueError(
            f"the {evaluation.split} evaluation has {lengths}: expected one of each per utterance"
        ) from None
    split = evaluation.split
    own = {"trial": trial, "split": split}
    _write_gold(connection, fingerprint, split, gold)
    scores = evaluation.metrics.items()
    insert_all(
        connection,
        EVALUATIONS,
        (own | {"metric": name, "value": known(value)} for name, value in scores),
    )
    insert_all(
        connection,
        PREDICTIONS,
        (own | {"position": i, "predicted": int(p)} for i, p in predictions.items()),
    )


def _write_gold(
    connection: Connection, fingerprint: str, split: str, gold: Mapping[int, tuple[str, str, int]]
) -> None:
    """Store the utterances not yet there: trials may score different ones of the same split."""
    columns = UTTERANCES.c
    stored = {
        row[0]: tuple(row[1:])
        for row in connection.execute(
            select(columns.position, columns.conversation, columns.utterance, columns.label).where(
                columns.data_fingerprint == fingerprint, columns.split == split
            )
        )
    }
    if any(stored.get(place, row) != row for place, row in gold.items()):
        raise RuntimeError(
            f"the {split} split of data {fingerprint[:12]} is not the one already stored: "
            "the same fingerprint must mean the same utterances and labels"
        )
    own = {"data_fingerprint": fingerprint, "split": split}
    insert_all(
        connection,
        UTTERANCES,
        (
            own | {"position": i, "conversation": row[0], "utterance": row[1], "label": row[2]}
            for i, row in gold.items()
            if i not in stored
        ),
    )
