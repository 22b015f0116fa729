"""The steps that the ledger's transactions are made of."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from tracking.ledger.reads import known_study, unknown_trial
from tracking.ledger.schema import EPOCH_METRICS, STUDIES, TRIALS, config_columns
from tracking.ledger.writes import insert_all, known
from tracking.records import Phase, PlannedTrial, Status
from tracking.rows import ComparisonRow

_BEFORE = {
    Status.RUNNING: Status.PLANNED,
    Status.CACHED: Status.PLANNED,
    Status.PLANNED: Status.RUNNING,
    Status.COMPLETE: Status.RUNNING,
    Status.PRUNED: Status.RUNNING,
    Status.FAILED: Status.RUNNING,
}
"""The only status from which a trial can come to each status."""

_CHUNK = 500


@dataclass(frozen=True)
class Epoch:
    """What was measured in one epoch of a trial.

    Args:
        trial: its id.
        number: 1-based.
        metrics: name to value.
        measured_at: UNIX milliseconds.
    """

    trial: str
    number: int
    metrics: Mapping[str, float]
    measured_at: int


def now() -> int:
    """UNIX milliseconds."""
    return time.time_ns() // 1_000_000


def as_json(value: object) -> str:
    """JSON text, in the order of the keys."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def change_study(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    """Write those ``values`` of a study that are news; a new revision if there are any."""
    row = known_study(connection, name)
    if any(row[column] != value for column, value in values.items()):
        connection.execute(update(STUDIES).where(STUDIES.c.name == name).values(**values))
        bump_study(connection, name)


def bump_study(connection: Connection, name: str) -> None:
    """A new revision of a study."""
    connection.execute(
        update(STUDIES)
        .where(STUDIES.c.name == name)
        .values(revision=STUDIES.c.revision + 1, updated_at=now())
    )


def bump(connection: Connection, trial_id: str, **values: Any) -> None:
    """Write ``values`` to a trial, and a new revision."""
    connection.execute(
        update(TRIALS)
        .where(TRIALS.c.id == trial_id)
        .values(revision=TRIALS.c.revision + 1, **values)
    )


def status_of(connection: Connection, trial_id: str) -> Status:
    """Where a trial stands, which is then ours to change.

    Raises:
        InputError: for an unknown trial.
    """
    # The lock matters on PostgreSQL only; SQLite has one for the whole database.
    query = select(TRIALS.c.status).where(TRIALS.c.id == trial_id).with_for_update()
    status = connection.scalar(query)
    if status is None:
        raise unknown_trial(trial_id)
    return Status(status)


def move(connection: Connection, trial_id: str, to: Status, **values: Any) -> None:
    """Bring a trial to a status and write ``values`` with it.

    Raises:
        InputError: for an unknown trial.
        RuntimeError: when it cannot come there from where it stands.
    """
    status = status_of(connection, trial_id)
    if status is not _BEFORE[to]:
        raise RuntimeError(
            f"trial {trial_id[:12]} is {status.value} and cannot become {to.value}: "
            f"only a {_BEFORE[to].value} one can"
        )
    bump(connection, trial_id, status=to.value, **values)


def write_epochs(connection: Connection, trial_id: str, epochs: Sequence[Epoch]) -> None:
    """Store epochs of one RUNNING trial; metrics that are recorded already stay.

    A handful of statements and one new revision, however many epochs there are.

    Raises:
        InputError: for an unknown trial.
        RuntimeError: when the trial is not RUNNING.
    """
    columns = EPOCH_METRICS.c
    status = status_of(connection, trial_id)
    if status is not Status.RUNNING:
        raise RuntimeError(
            f"trial {trial_id[:12]} is {status.value}: epochs are recorded while RUNNING"
        )
    numbers = [epoch.number for epoch in epochs]
    query = select(columns.epoch, columns.metric).where(
        columns.trial == trial_id, columns.epoch.between(min(numbers), max(numbers))
    )
    present = {(number, metric) for number, metric in connection.execute(query)}
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for epoch in epochs:
        own = {"trial": trial_id, "epoch": epoch.number, "logged_at": epoch.measured_at}
        for name, value in epoch.metrics.items():
            if (epoch.number, name) not in present:
                row = own | {"metric": name, "value": known(value)}
                rows.setdefault((epoch.number, name), row)
    if rows:
        insert_all(connection, EPOCH_METRICS, rows.values())
        bump(connection, trial_id)


def fingerprint_of(connection: Connection, trial_id: str) -> str:
    """The fingerprint of the data that a trial was planned on."""
    query = select(TRIALS.c.data_fingerprint).where(TRIALS.c.id == trial_id)
    return str(connection.scalar(query))


def identities_of(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Identity by id of those ``ids`` that have a row."""
    found: dict[str, str] = {}
    # In chunks, since databases limit the number of parameters of a statement.
    for start in range(0, len(ids), _CHUNK):
        query = select(TRIALS.c.id, TRIALS.c.identity).where(
            TRIALS.c.id.in_(ids[start : start + _CHUNK])
        )
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def planned_row(trial: PlannedTrial, index: int) -> dict[str, Any]:
    """The columns of a new trial; ``index`` is its place in the plan."""
    return {
        **config_columns(trial.config),
        "id": trial.id,
        "phase": trial.phase.value,
        "cell": trial.cell,
        "identity": trial.identity,
        "number": trial.number,
        "ordinal": index if trial.number is None else trial.number,
        "status": Status.PLANNED.value,
        "config": as_json(trial.config.model_dump(mode="json")),
    }


def make_current(
    connection: Connection, study_name: str, phase: Phase, order: Mapping[str, int]
) -> None:
    """Mark the rows in ``order`` as current, in that order, and the phase's others as not."""
    columns = TRIALS.c
    rows = connection.execute(
        select(columns.id, columns.current, columns.ordinal).where(
            columns.study == study_name, columns.phase == phase.value
        )
    ).all()
    for trial_id, current, ordinal in rows:
        if current != (trial_id in order):
            bump(connection, trial_id, current=not current)
        # The place in the plan is for sorting alone and nothing a mirror shows: no new revision.
        if ordinal != order.get(trial_id, ordinal):
            connection.execute(
                update(TRIALS).where(columns.id == trial_id).values(ordinal=order[trial_id])
            )


def without_nan(row: ComparisonRow) -> ComparisonRow:
    """The row with ``None`` for what cannot be estimated."""
    values: dict[str, Any] = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(row).items()
    }
    return ComparisonRow(**values)


def put_row(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Update the row of ``key``, or insert it."""
    (name, value), *_ = key.items()
    changed = connection.execute(update(table).where(table.c[name] == value).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(table).values({**key, **values}))
