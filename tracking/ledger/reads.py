"""From rows of the tables to the records that the ledger gives out."""

import json
import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from sslcl.config import TrialConfig
from sslcl.errors import InputError, unknown
from tracking.costs import COSTS
from tracking.ledger.schema import (
    COMPARISONS,
    FORMER_VALUES,
    PREDICTIONS,
    STUDIES,
    TRIALS,
    UTTERANCES,
)
from tracking.records import FailureKind, Phase, Status
from tracking.rows import ComparisonRow, StudyRow, TrialRow

_DATABASE = "the results database"
_PLAIN = (
    "id", "study", "cell", "identity", "number", "data_fingerprint", "message", "original",
    "current", "best_epoch", "epochs_run", "score", *COSTS, "worker", "attempts", "planned_at",
    "started_at", "ended_at", "revision",
)  # fmt: skip
_TRIAL_COLUMNS = [TRIALS.c[name] for name in (*_PLAIN, "phase", "status", "failure", "config")]
_COMPARISON_COLUMNS = [
    column for column in COMPARISONS.c if column.name not in ("position", "digest", "computed_at")
]
_PHASE_ORDER = case({phase.value: index for index, phase in enumerate(Phase)}, value=TRIALS.c.phase)
PLAN_ORDER = (_PHASE_ORDER, TRIALS.c.ordinal, TRIALS.c.planned_at, TRIALS.c.id)


def number(value: float | None) -> float:
    """A stored measurement: NULL stands for NaN."""
    return math.nan if value is None else value


def known_study(connection: Connection, name: str) -> Mapping[str, Any]:
    """The row of a study.

    Raises:
        InputError: for an unknown study, naming the nearest.
    """
    row = connection.execute(select(STUDIES).where(STUDIES.c.name == name)).mappings().first()
    if row is None:
        raise unknown("study", name, connection.scalars(select(STUDIES.c.name)), _DATABASE)
    return dict(row)


def unknown_trial(trial_id: str) -> InputError:
    """The error about a trial that does not exist; ids are hashes, so no name is near another."""
    return InputError(
        f"unknown trial '{trial_id}' in {_DATABASE}: expected a trial's id or its first digits"
    )


def comparison_rows(
    connection: Connection, study_name: str, phase: Phase | None, metric: str | None
) -> list[ComparisonRow]:
    """Stored comparisons of a study, each table in the order in which it was put."""
    columns = COMPARISONS.c
    query = select(*_COMPARISON_COLUMNS).where(columns.study == study_name)
    if phase is not None:
        query = query.where(columns.phase == phase.value)
    if metric is not None:
        query = query.where(columns.metric == metric)
    found = connection.execute(
        query.order_by(columns.phase, columns.metric, columns.position)
    ).mappings()
    return [ComparisonRow(**{**row, "phase": Phase(row["phase"])}) for row in found]


def select_trials() -> Select[Any]:
    """All that a :class:`TrialRow` holds."""
    return select(*_TRIAL_COLUMNS)


def trial_rows(connection: Connection, query: Select[Any]) -> list[TrialRow]:
    """The trials of a query made from :func:`select_trials`."""
    configs: dict[str, TrialConfig] = {}
    return [_trial_row(row, configs) for row in connection.execute(query).mappings()]


def _trial_row(row: Mapping[Any, Any], configs: dict[str, TrialConfig]) -> TrialRow:
    text = row["config"]
    if text not in configs:
        configs[text] = stored_config(text)
    failure = row["failure"]
    return TrialRow(
        **{name: row[name] for name in _PLAIN},
        phase=Phase(row["phase"]),
        status=Status(row["status"]),
        failure=None if failure is None else FailureKind(failure),
        config=configs[text],
    )


def stored_config(text: str) -> TrialConfig:
    """The configuration that a trial was planned with.

    It was validated before it was written and is not again: that takes long for many trials, needs
    the components, and would hide results of those that are gone. Fields that did not exist yet
    have their defaults, or what was usual before.
    """
    values = {**FORMER_VALUES, **json.loads(text)}
    return TrialConfig.model_construct(**{name: _tuples(value) for name, value in values.items()})


def _tuples(value: Any) -> Any:
    """The value with tuples for lists: JSON has no tuples, and a configuration no lists."""
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def study_row(row: Mapping[Any, Any]) -> StudyRow:
    """A study from its columns."""
    reference = row["reference"]
    return StudyRow(
        **{
            **row,
            "spec": json.loads(row["spec"]),
            "label_names": tuple(json.loads(row["label_names"])),
            "environment": json.loads(row["environment"]),
            "reference": None if reference is None else json.loads(reference),
        }
    )


def source(connection: Connection, trial_id: str) -> tuple[str, str]:
    """The trial that recorded what ``trial_id`` shows, and the fingerprint of its data.

    Raises:
        InputError: for an unknown trial.
    """
    columns = TRIALS.c
    row = connection.execute(
        select(func.coalesce(columns.original, columns.id), columns.data_fingerprint).where(
            columns.id == trial_id
        )
    ).first()
    if row is None:
        raise unknown_trial(trial_id)
    return row[0], row[1]


def predicted(trial: str, fingerprint: str, split: str) -> Select[Any]:
    """Conversation, utterance, label and prediction of every utterance, in order."""
    gold, own = UTTERANCES.c, PREDICTIONS.c
    return (
        select(gold.conversation, gold.utterance, gold.label, own.predicted)
        .select_from(PREDICTIONS)
        .join(UTTERANCES, gold.position == own.position)
        .where(
            own.trial == trial,
            own.split == split,
            gold.data_fingerprint == fingerprint,
            gold.split == split,
        )
        .order_by(own.position)
    )
