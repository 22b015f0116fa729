"""Reads of a whole study that stay small however many trials it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Engine, Select, Table, case, func, select

from tracking.ledger.reads import PLAN_ORDER, select_trials, trial_rows
from tracking.ledger.schema import EVALUATIONS, FINDINGS, TRIALS
from tracking.ledger.steps import step
from tracking.records import Phase, Status
from tracking.rows import TrialRow

_SCORED = tuple(status.value for status in Status if status.scored)


@dataclass(frozen=True)
class Fired:
    """One warning, in one cell of a phase, or in the whole search.

    Args:
        name: the diagnostic.
        warning: its words.
        phase: of the trials.
        cell: of the trials, empty for the search.
        trials: how many current trials have it.
    """

    name: str
    warning: str
    phase: Phase
    cell: str
    trials: int


@step
def status_counts(engine: Engine, study_name: str) -> dict[tuple[Phase, Status], int]:
    """Current trials by phase and status."""
    columns = TRIALS.c
    query = (
        select(columns.phase, columns.status, func.count())
        .where(columns.study == study_name, columns.current)
        .group_by(columns.phase, columns.status)
    )
    with engine.connect() as connection:
        return {(Phase(p), Status(s)): count for p, s, count in connection.execute(query)}


@step
def scored_search_trials(engine: Engine, study_name: str, most: int) -> tuple[list[TrialRow], int]:
    """Finished current trials of the search, thinned evenly by number to about ``most``.

    Returns:
        Them, and how many there are in all.
    """
    columns = TRIALS.c
    wanted = (
        columns.study == study_name,
        columns.phase == Phase.SEARCH.value,
        columns.status.in_(_SCORED),
        columns.current,
    )
    with engine.connect() as connection:
        total = connection.scalar(select(func.count()).where(*wanted)) or 0
        step = max(1, -(-total // most))
        query = select_trials().where(*wanted, columns.number % step == 0)
        return trial_rows(connection, query.order_by(*PLAN_ORDER)), total


@step
def failed_trials(engine: Engine, study_name: str, most: int) -> list[TrialRow]:
    """The first ``most`` current trials that failed, in the order of the plan."""
    query = select_trials().where(
        TRIALS.c.study == study_name, TRIALS.c.status == Status.FAILED.value, TRIALS.c.current
    )
    with engine.connect() as connection:
        return trial_rows(connection, query.order_by(*PLAN_ORDER).limit(most))


@step
def warnings_fired(engine: Engine, study_name: str) -> list[Fired]:
    """The warnings of all current trials, counted; a CACHED trial has those of its original."""
    trial, found = TRIALS.c, FINDINGS.c
    cell = case((trial.phase == Phase.SEARCH.value, ""), else_=trial.cell)
    keys = (found.name, found.warning, trial.phase, cell.label("place"))
    query = (
        select(*keys, func.count())
        .select_from(TRIALS)
        .join(FINDINGS, found.trial == func.coalesce(trial.original, trial.id))
        .where(trial.study == study_name, trial.current, found.warning.is_not(None))
        .group_by(*keys)
        .order_by(*keys)
    )
    with engine.connect() as connection:
        return [Fired(n, w, Phase(p), c, count) for n, w, p, c, count in connection.execute(query)]


@step
def warnings_of_trials(
    engine: Engine, study_name: str, phase: Phase, names: Sequence[str]
) -> dict[str, list[tuple[str, str]]]:
    """Trial id to the warnings among ``names`` that fired, as pairs of name and words.

    Of the current trials of one phase; a CACHED trial has those of its original.
    """
    found = FINDINGS.c
    query = (
        _of_trials(FINDINGS, [found.name, found.warning], study_name, phase)
        .where(found.warning.is_not(None), found.name.in_(names))
        .order_by(TRIALS.c.id, found.name)
    )
    fired: dict[str, list[tuple[str, str]]] = {}
    with engine.connect() as connection:
        for trial_id, name, words in connection.execute(query):
            fired.setdefault(trial_id, []).append((name, words))
    return fired


@step
def stored_scores(
    engine: Engine, study_name: str, phase: Phase, metric: str
) -> dict[tuple[str, str], float]:
    """Trial id and split to the stored score, without reading predictions.

    Of the current trials of one phase; a CACHED trial has those of its original.
    """
    held = EVALUATIONS.c
    query = _of_trials(EVALUATIONS, [held.split, held.value], study_name, phase).where(
        held.metric == metric, held.value.is_not(None)
    )
    with engine.connect() as connection:
        return {(t, split): value for t, split, value in connection.execute(query)}


def _of_trials(
    table: Table, columns: Sequence[Column[Any]], study_name: str, phase: Phase
) -> Select[Any]:
    """Ids of the current trials of a phase, with what a table holds of them or their originals."""
    trial = TRIALS.c
    return (
        select(trial.id, *columns)
        .join(table, table.c.trial == func.coalesce(trial.original, trial.id))
        .where(trial.study == study_name, trial.phase == phase.value, trial.current)
    )
