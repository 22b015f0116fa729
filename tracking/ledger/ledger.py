"""The results database: every trial has a row before it runs, and one writer keeps it.

The ledger is what the tables, the mirror and a resumed run trust. Each method is one transaction,
so that a process killed at any moment leaves all of a step or nothing of it. Whatever changes a
trial's row, or what belongs to it, raises the trial's revision; so for studies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, insert, select, update

from sslcl.errors import InputError, unknown
from tracking.costs import COSTS
from tracking.home import Home
from tracking.ledger.database import writing
from tracking.ledger.queries import LedgerQueries
from tracking.ledger.reads import comparison_rows, known_study, unknown_trial
from tracking.ledger.schema import (
    COMPARISONS,
    MIRROR_RUNS,
    MIRROR_STUDIES,
    SCHEMA_VERSION,
    STUDIES,
    TRIALS,
)
from tracking.ledger.steps import Transactions, step
from tracking.ledger.transitions import (
    Epoch,
    as_json,
    bump,
    bump_study,
    change_study,
    fingerprint_of,
    identities_of,
    make_current,
    move,
    now,
    planned_row,
    put_row,
    status_of,
    without_nan,
    write_epochs,
)
from tracking.ledger.writes import insert_all, write_outcome
from tracking.records import FailureKind, Outcome, Phase, PlannedTrial, Status, StudyRecord
from tracking.rows import ComparisonRow, EpochMetric, StudyRow, TrialRow

__all__ = ["SCHEMA_VERSION", "ComparisonRow", "EpochMetric", "Ledger", "StudyRow", "TrialRow"]

STUDY_STATUSES = ("RUNNING", "COMPLETE", "STOPPED")

_COPIED = ("best_epoch", "epochs_run", "score", "worker", *COSTS)


class Ledger(LedgerQueries):
    """The results database, to read and to write.

    One process writes at a time; its threads may share one ledger, or open their own. Methods
    that take a trial's id for writing take the whole id.

    Raises:
        InputError: for an unknown study or trial (all methods).
        RuntimeError: when a trial cannot come to the status asked for, naming it and where the
            trial stands.

    Example:
        >>> ledger = Ledger.at(Home())  # doctest: +SKIP
        >>> [row.cell for row in ledger.trials("quickstart", phase=Phase.ABLATE)]  # doctest: +SKIP
        ['reference', 'similarity=dot']
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._writer = Transactions(writing(self._engine))

    @classmethod
    def at(cls, home: Home) -> "Ledger":
        """The ledger of a home; a file and its folder are created when missing."""
        if home.results_server is not None:
            return cls(home.results_server)
        try:
            home.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot keep results in '{home.folder}': {error.strerror}") from None
        return cls(home.results_url)

    @step
    def put_study(self, study: StudyRecord) -> None:
        """Insert a study as RUNNING, or update what changed of it."""
        values = {
            "spec": as_json(study.spec),
            "dataset": study.dataset,
            "data_fingerprint": study.data_fingerprint,
            "label_names": as_json(list(study.label_names)),
            "code_fingerprint": study.code_fingerprint,
            "environment": as_json(study.environment),
        }
        with self._writer.begin() as connection:
            if connection.scalar(select(STUDIES.c.name).where(STUDIES.c.name == study.name)):
                change_study(connection, study.name, values)
            else:
                times = {"created_at": now(), "updated_at": now()}
                own = {"name": study.name, "status": "RUNNING"} | times
                connection.execute(insert(STUDIES).values(values | own))

    @step
    def set_study_status(self, name: str, status: str) -> None:
        """Note how a study stands: ``RUNNING``, ``COMPLETE`` or ``STOPPED``."""
        if status not in STUDY_STATUSES:
            raise unknown("study status", status, STUDY_STATUSES)
        with self._writer.begin() as connection:
            change_study(connection, name, {"status": status})

    @step
    def set_reference(self, name: str, config_json: Mapping[str, Any] | None) -> None:
        """Note what the ablation is compared with."""
        text = None if config_json is None else as_json(config_json)
        with self._writer.begin() as connection:
            change_study(connection, name, {"reference": text})

    @step
    def plan(
        self, study_name: str, phase: Phase, trials: Sequence[PlannedTrial], *, replace: bool
    ) -> None:
        """Give every trial a row; those that have one keep it.

        Args:
            study_name: name of the study.
            phase: the phase of all ``trials``.
            trials: in the order in which they are to be shown.
            replace: ``trials`` are the whole plan of the phase: its other rows are no longer
                current.

        Raises:
            RuntimeError: when an id is taken by a trial of another identity.
        """
        for trial in trials:
            if trial.phase != phase:
                raise ValueError(f"trial {trial.id[:12]} is of phase {trial.phase}, not {phase}")
        with self._writer.begin() as connection:
            fingerprint = known_study(connection, study_name)["data_fingerprint"]
            wanted = {trial.id: trial for trial in trials}
            present = identities_of(connection, list(wanted))
            for trial_id, identity in present.items():
                if identity != wanted[trial_id].identity:
                    raise RuntimeError(
                        f"trial {trial_id[:12]} is planned already with another configuration, "
                        "data or code"
                    )
            order = {trial_id: index for index, trial_id in enumerate(wanted)}
            own = {"study": study_name, "data_fingerprint": fingerprint, "planned_at": now()}
            insert_all(
                connection,
                TRIALS,
                (
                    planned_row(trial, order[trial.id]) | own
                    for trial in wanted.values()
                    if trial.id not in present
                ),
            )
            if replace:
                make_current(connection, study_name, phase, order)

    @step
    def start(self, trial_id: str) -> None:
        """PLANNED to RUNNING: a worker has it."""
        with self._writer.begin() as connection:
            move(
                connection,
                trial_id,
                Status.RUNNING,
                attempts=TRIALS.c.attempts + 1,
                started_at=now(),
            )

    @step
    def release(self, trial_id: str) -> None:
        """RUNNING to PLANNED: its worker or driver is gone; recorded epochs are kept."""
        with self._writer.begin() as connection:
            move(connection, trial_id, Status.PLANNED)

    @step
    def retry(self, trial_id: str) -> None:
        """FAILED to PLANNED: it failed for want of a machine, not because of what it is."""
        with self._writer.begin() as connection:
            if status_of(connection, trial_id) is not Status.FAILED:
                raise RuntimeError(f"trial {trial_id[:12]} did not fail: nothing to retry")
            bump(
                connection,
                trial_id,
                status=Status.PLANNED.value,
                failure=None,
                message=None,
                ended_at=None,
            )

    @step
    def release_running(self, study_name: str) -> list[str]:
        """Release all RUNNING trials of a study.

        Returns:
            Their ids.
        """
        running = select(TRIALS.c.id).where(
            TRIALS.c.study == study_name, TRIALS.c.status == Status.RUNNING.value
        )
        with self._writer.begin() as connection:
            known_study(connection, study_name)
            ids = list(connection.scalars(running.order_by(TRIALS.c.id)))
            for trial_id in ids:
                move(connection, trial_id, Status.PLANNED)
        return ids

    def record_epoch(self, trial_id: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Store what was measured in an epoch of a RUNNING trial; see :meth:`record_epochs`."""
        self.record_epochs([Epoch(trial_id, epoch, metrics, now())])

    @step
    def record_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Store what was measured in epochs of RUNNING trials, in one transaction.

        What is recorded already stays: a resumed trial repeats its last epochs bit for bit.
        """
        by_trial: dict[str, list[Epoch]] = {}
        for epoch in epochs:
            by_trial.setdefault(epoch.trial, []).append(epoch)
        with self._writer.begin() as connection:
            for trial_id, own in by_trial.items():
                write_epochs(connection, trial_id, own)

    def complete(self, trial_id: str, outcome: Outcome) -> None:
        """RUNNING to COMPLETE, with everything that the trial leaves."""
        self._end(trial_id, Status.COMPLETE, outcome)

    def prune(self, trial_id: str, outcome: Outcome) -> None:
        """RUNNING to PRUNED: a scheduler stopped it; ``outcome`` may hold no evaluations."""
        self._end(trial_id, Status.PRUNED, outcome)

    @step
    def _end(self, trial_id: str, status: Status, outcome: Outcome) -> None:
        with self._writer.begin() as connection:
            move(connection, trial_id, status, ended_at=now())
            write_outcome(connection, trial_id, fingerprint_of(connection, trial_id), outcome)

    @step
    def fail(self, trial_id: str, kind: FailureKind, message: str) -> None:
        """RUNNING to FAILED."""
        with self._writer.begin() as connection:
            move(
                connection,
                trial_id,
                Status.FAILED,
                failure=kind.value,
                message=message,
                ended_at=now(),
            )

    @step
    def cache(self, trial_id: str, original_id: str) -> None:
        """PLANNED to CACHED: it need not run, since ``original_id`` is the same trial.

        Score, epochs and cost are copied; epoch metrics, evaluations and diagnostics are read
        from the original.

        Raises:
            RuntimeError: when the original is not COMPLETE or has another identity.
        """
        columns = [TRIALS.c[name] for name in ("status", "identity", *_COPIED)]
        with self._writer.begin() as connection:
            found = connection.execute(select(*columns).where(TRIALS.c.id == original_id)).first()
            if found is None:
                raise unknown_trial(original_id)
            status, identity, *copied = found
            if status != Status.COMPLETE:
                raise RuntimeError(
                    f"trial {original_id[:12]} is {status}: only a COMPLETE one can stand in"
                )
            own = identities_of(connection, [trial_id]).get(trial_id, identity)
            if own != identity:
                raise RuntimeError(
                    f"trials {trial_id[:12]} and {original_id[:12]} differ in configuration, data "
                    "or code: the one cannot stand in for the other"
                )
            values = dict(zip(_COPIED, copied, strict=True))
            move(
                connection,
                trial_id,
                Status.CACHED,
                original=original_id,
                ended_at=now(),
                **values,
            )

    @step
    def put_comparisons(
        self,
        study_name: str,
        phase: Phase,
        metric: str,
        rows: Sequence[ComparisonRow],
        digest: str | None = None,
    ) -> None:
        """Replace the comparisons of (study, phase, metric); equal ones are left alone.

        Args:
            study_name: name of the study.
            phase: the phase that was compared.
            metric: what was scored.
            rows: in the order in which they are to be shown.
            digest: of what they follow from, to know later whether they still do.
        """
        for row in rows:
            if (row.study, row.phase, row.metric) != (study_name, phase, metric):
                raise ValueError(f"the row of cell '{row.cell}' belongs to another comparison")
        columns = COMPARISONS.c
        table = (
            columns.study == study_name,
            columns.phase == phase.value,
            columns.metric == metric,
        )
        clean = [without_nan(row) for row in rows]
        with self._writer.begin() as connection:
            known_study(connection, study_name)
            if clean == comparison_rows(connection, study_name, phase, metric):
                connection.execute(update(COMPARISONS).where(*table).values(digest=digest))
                return
            connection.execute(delete(COMPARISONS).where(*table))
            own = {"phase": phase.value, "digest": digest, "computed_at": now()}
            insert_all(
                connection,
                COMPARISONS,
                (asdict(row) | own | {"position": i} for i, row in enumerate(clean)),
            )
            bump_study(connection, study_name)

    @step
    def set_mirror_run(self, trial_id: str, run_id: str) -> None:
        """Note the run that mirrors a trial."""
        with self._writer.begin() as connection:
            status_of(connection, trial_id)
            put_row(connection, MIRROR_RUNS, {"trial": trial_id}, {"run_id": run_id})

    @step
    def set_mirrored(self, trial_id: str, revision: int) -> None:
        """Note that the mirror shows a trial as of ``revision``."""
        with self._writer.begin() as connection:
            status_of(connection, trial_id)
            put_row(connection, MIRROR_RUNS, {"trial": trial_id}, {"mirrored_revision": revision})

    @step
    def set_mirror_study(
        self, study_name: str, experiment_id: str | None, run_id: str | None, mirrored_revision: int
    ) -> None:
        """Note experiment and run that mirror a study, and the revision that they show."""
        values = {
            "experiment_id": experiment_id,
            "run_id": run_id,
            "mirrored_revision": mirrored_revision,
        }
        with self._writer.begin() as connection:
            known_study(connection, study_name)
            put_row(connection, MIRROR_STUDIES, {"study": study_name}, values)
