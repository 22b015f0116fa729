"""The reading half of the ledger."""

from typing import Any

from sqlalchemy import Engine, Select, exists, func, or_, select

from sslcl.errors import InputError
from tracking.ledger.database import open_database
from tracking.ledger.reads import (
    PLAN_ORDER,
    comparison_rows,
    known_study,
    number,
    predicted,
    select_trials,
    source,
    study_row,
    trial_rows,
    unknown_trial,
)
from tracking.ledger.schema import (
    COMPARISONS,
    EPOCH_METRICS,
    EVALUATIONS,
    FINDINGS,
    MIRROR_RUNS,
    MIRROR_STUDIES,
    STUDIES,
    TRIALS,
)
from tracking.ledger.steps import step
from tracking.records import Diagnostic, Evaluation, Phase, Status
from tracking.rows import ComparisonRow, EpochMetric, StudyRow, TrialRow


class LedgerQueries:
    """Reads of the results database; each is one transaction and sees one state.

    Trials taken from the ledger (CACHED) answer with what their original recorded.

    Args:
        url: as SQLAlchemy understands it; SQLite or PostgreSQL.

    Raises:
        InputError: when ``url`` cannot be opened, is no results database or has a newer schema.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = open_database(url)

    @property
    def url(self) -> str:
        """The URL that it was opened with."""
        return self._url

    @property
    def engine(self) -> Engine:
        """For bulk reads; never write through it."""
        return self._engine

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @step
    def study(self, name: str) -> StudyRow:
        """One study.

        Raises:
            InputError: for an unknown study, naming the nearest.
        """
        with self._engine.begin() as connection:
            return study_row(known_study(connection, name))

    @step
    def studies(self) -> list[StudyRow]:
        """All studies, by name."""
        with self._engine.begin() as connection:
            found = connection.execute(select(STUDIES).order_by(STUDIES.c.name)).mappings()
            return [study_row(row) for row in found]

    @step
    def trial(self, id_or_prefix: str) -> TrialRow:
        """The trial of that id, or the only one whose id begins so.

        Raises:
            InputError: when there is none or more than one.
        """
        with self._engine.begin() as connection:
            exact = trial_rows(connection, select_trials().where(TRIALS.c.id == id_or_prefix))
            if exact:
                return exact[0]
            begins = TRIALS.c.id.startswith(id_or_prefix, autoescape=True)
            ids = connection.scalars(
                select(TRIALS.c.id).where(begins).order_by(TRIALS.c.id).limit(4)
            ).all()
            if not id_or_prefix or not ids:
                raise unknown_trial(id_or_prefix)
            if len(ids) > 1:
                some = ", ".join(name[: len(id_or_prefix) + 8] for name in ids[:3])
                more = ", ..." if len(ids) > 3 else ""
                raise InputError(
                    f"trial '{id_or_prefix}' is ambiguous: {some}{more} begin so; give more digits"
                )
            return trial_rows(connection, select_trials().where(TRIALS.c.id == ids[0]))[0]

    @step
    def trials(
        self,
        study_name: str,
        *,
        phase: Phase | None = None,
        status: Status | None = None,
        current: bool | None = True,
    ) -> list[TrialRow]:
        """Trials of a study in the order of its plan.

        Args:
            study_name: its name.
            phase: of this phase only.
            status: with this status only.
            current: those the last plan asks for, those it no longer does, or all (``None``).

        Raises:
            InputError: for an unknown study.
        """
        query = select_trials().where(TRIALS.c.study == study_name).order_by(*PLAN_ORDER)
        if phase is not None:
            query = query.where(TRIALS.c.phase == phase.value)
        if status is not None:
            query = query.where(TRIALS.c.status == status.value)
        if current is not None:
            query = query.where(TRIALS.c.current.is_(current))
        with self._engine.begin() as connection:
            known_study(connection, study_name)
            return trial_rows(connection, query)

    @step
    def find_finished(self, identity: str, *, needs_test: bool = False) -> TrialRow | None:
        """The first COMPLETE trial of ``identity``, of any study.

        Args:
            identity: content hash of configuration, data and training code.
            needs_test: accept only a trial that was evaluated on the test split.
        """
        query = select_trials().where(
            TRIALS.c.identity == identity, TRIALS.c.status == Status.COMPLETE.value
        )
        if needs_test:
            query = query.where(
                exists().where(EVALUATIONS.c.trial == TRIALS.c.id, EVALUATIONS.c.split == "test")
            )
        with self._engine.begin() as connection:
            rows = trial_rows(connection, query.order_by(TRIALS.c.ended_at, TRIALS.c.id).limit(1))
        return rows[0] if rows else None

    @step
    def epoch_metrics(self, trial_id: str) -> list[EpochMetric]:
        """What was recorded of every epoch, by epoch and name."""
        columns = EPOCH_METRICS.c
        with self._engine.begin() as connection:
            recorder, _ = source(connection, trial_id)
            rows = connection.execute(
                select(columns.epoch, columns.metric, columns.value, columns.logged_at)
                .where(columns.trial == recorder)
                .order_by(columns.epoch, columns.metric)
            )
            return [EpochMetric(row[0], row[1], number(row[2]), row[3]) for row in rows]

    @step
    def evaluation(self, trial_id: str, split: str) -> Evaluation | None:
        """Scores and predictions on ``split``, or ``None`` where it was not evaluated."""
        with self._engine.begin() as connection:
            recorder, fingerprint = source(connection, trial_id)
            metrics = connection.execute(
                select(EVALUATIONS.c.metric, EVALUATIONS.c.value)
                .where(EVALUATIONS.c.trial == recorder, EVALUATIONS.c.split == split)
                .order_by(EVALUATIONS.c.metric)
            ).all()
            rows = connection.execute(predicted(recorder, fingerprint, split)).all()
        if not metrics and not rows:
            return None
        return Evaluation(
            split=split,
            metrics={name: number(value) for name, value in metrics},
            conversations=[row[0] for row in rows],
            utterances=[row[1] for row in rows],
            labels=[row[2] for row in rows],
            predictions=[row[3] for row in rows],
        )

    @step
    def diagnostics(self, trial_id: str) -> list[Diagnostic]:
        """The failure signatures measured on a trial, by name."""
        columns = FINDINGS.c
        with self._engine.begin() as connection:
            recorder, _ = source(connection, trial_id)
            rows = connection.execute(
                select(columns.name, columns.value, columns.warning)
                .where(columns.trial == recorder)
                .order_by(columns.name)
            )
            return [Diagnostic(row[0], number(row[1]), row[2]) for row in rows]

    @step
    def comparisons(
        self, study_name: str, phase: Phase | None = None, metric: str | None = None
    ) -> list[ComparisonRow]:
        """The stored comparisons, each table in the order in which it was put."""
        with self._engine.begin() as connection:
            known_study(connection, study_name)
            return comparison_rows(connection, study_name, phase, metric)

    @step
    def comparisons_digest(self, study_name: str, phase: Phase, metric: str) -> str | None:
        """What the stored comparisons of (study, phase, metric) were said to follow from."""
        columns = COMPARISONS.c
        with self._engine.begin() as connection:
            return connection.scalar(
                select(columns.digest)
                .where(
                    columns.study == study_name,
                    columns.phase == phase.value,
                    columns.metric == metric,
                )
                .limit(1)
            )

    @step
    def pending_mirror(self, study_name: str) -> list[TrialRow]:
        """Trials that have changed since they were mirrored, in the order of the plan.

        A PLANNED trial counts only if it has a run already.
        """
        with self._engine.begin() as connection:
            known_study(connection, study_name)
            query = _owed_to_mirror(select_trials(), study_name)
            return trial_rows(connection, query.order_by(*PLAN_ORDER))

    @step
    def count_pending_mirror(self, study_name: str) -> int:
        """How many :meth:`pending_mirror` gives, without reading them."""
        count = select(func.count()).select_from(TRIALS)
        with self._engine.begin() as connection:
            known_study(connection, study_name)
            return int(connection.scalar(_owed_to_mirror(count, study_name)) or 0)

    @step
    def mirror_run(self, trial_id: str) -> str | None:
        """The run that mirrors a trial."""
        with self._engine.begin() as connection:
            return connection.scalar(
                select(MIRROR_RUNS.c.run_id).where(MIRROR_RUNS.c.trial == trial_id)
            )

    @step
    def mirror_study(self, study_name: str) -> tuple[str | None, str | None, int]:
        """Experiment, run and mirrored revision of a study; the revision is 0 before the first."""
        columns = MIRROR_STUDIES.c
        with self._engine.begin() as connection:
            row = connection.execute(
                select(columns.experiment_id, columns.run_id, columns.mirrored_revision).where(
                    columns.study == study_name
                )
            ).first()
        return (row[0], row[1], row[2]) if row else (None, None, 0)


def _owed_to_mirror(query: Select[Any], study_name: str) -> Select[Any]:
    """Of the trials of a study those that have changed since they were mirrored."""
    known = func.coalesce(MIRROR_RUNS.c.mirrored_revision, 0)
    has_run = MIRROR_RUNS.c.run_id.is_not(None)
    return query.outerjoin(MIRROR_RUNS, MIRROR_RUNS.c.trial == TRIALS.c.id).where(
        TRIALS.c.study == study_name,
        TRIALS.c.revision > known,
        or_(TRIALS.c.status != Status.PLANNED.value, has_run),
    )
