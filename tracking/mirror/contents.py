"""What of a study and of a trial goes to MLflow: pure functions from ledger rows to run contents.

Whoever writes MLflow and whoever compares MLflow with the ledger read the same contents, so they
cannot disagree. Nothing here imports MLflow.
"""

import hashlib
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from sslcl.levels import level_of
from tracking.costs import COSTS
from tracking.records import Diagnostic, Evaluation, Phase, Status

if TYPE_CHECKING:
    from tracking.rows import EpochMetric, StudyRow, TrialRow

TRIAL_TAG = "trial"
KIND_TAG = "kind"
NAMES_TAG = "metric_names"
PARENT_TAG = "mlflow.parentRunId"
MATRIX_FILE = "confusion_matrix.png"
REPORT_FILE = "classification_report.txt"
STUDY_FILE = "study.json"
PAGE_FILE = "report.html"
PAGE_TAG = "report_sha256"

DIGEST_LENGTH = 36
KEY_LENGTH = 250
PARAMETER_LENGTH = 6000
TAG_LENGTH = 5000
MESSAGE_LENGTH = 1000

_STATUS = {
    Status.PLANNED: "SCHEDULED",
    Status.RUNNING: "RUNNING",
    Status.COMPLETE: "FINISHED",
    Status.CACHED: "FINISHED",
    Status.PRUNED: "KILLED",
    Status.FAILED: "FAILED",
}
_STUDY_STATUS = {"RUNNING": "RUNNING", "COMPLETE": "FINISHED", "STOPPED": "KILLED"}
_MEASURED = (*(name for name in COSTS if name != "seconds"), "best_epoch", "epochs_run")
_FORBIDDEN = re.compile(r"[^/\w.\- :]")


@dataclass(frozen=True)
class Point:
    """One value of one metric.

    Args:
        key: name of the metric.
        value: finite or NaN; MLflow keeps no infinities.
        timestamp: UNIX milliseconds, from the ledger, so that a repeat is the same point.
        step: epoch.
    """

    key: str
    value: float
    timestamp: int
    step: int

    @property
    def identity(self) -> tuple[str, int, int, str]:
        """Equal for points that MLflow takes for one, NaN included."""
        return self.key, self.step, self.timestamp, float(self.value).hex()


@dataclass(frozen=True)
class RunContents:
    """What one MLflow run is to hold.

    Args:
        name: shown in the UI.
        status: MLflow's word for it.
        start: UNIX milliseconds.
        end: UNIX milliseconds, ``None`` while it is not final.
        params: configuration.
        tags: everything to filter and group by.
        points: all metrics.
        evaluation: predictions to draw, if there are any to show.
    """

    name: str
    status: str
    start: int
    end: int | None
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: tuple[Point, ...] = ()
    evaluation: Evaluation | None = None


def text_of(value: object) -> str:
    """A parameter's canonical text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def metric_key(name: str) -> str:
    """``name`` as MLflow takes it for a metric.

    MLflow refuses some signs, long names, and names that are not plain paths. Such a name is
    replaced by what may stay of it and a digest, so that two names never become one.
    """
    plain = _FORBIDDEN.sub("_", name)
    if (
        plain == name
        and len(name) <= KEY_LENGTH
        and normpath(name) == name
        and name[:1] not in "./"
    ):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain.replace('/', '_')[: KEY_LENGTH - 9].lstrip('.')}_{digest}"


def true_names(names: Iterable[str]) -> str:
    """A tag's text: the names of metrics that MLflow has under another one, as JSON."""
    renamed = {metric_key(name): name for name in names if metric_key(name) != name}
    return json.dumps(renamed, sort_keys=True, ensure_ascii=False) if renamed else ""


def point(name: str, value: float, timestamp: int, step: int) -> Point:
    """A :class:`Point` with a name and a value that MLflow accepts and gives back unchanged."""
    largest = sys.float_info.max
    kept = value if math.isnan(value) else max(-largest, min(largest, float(value)))
    return Point(metric_key(name), kept + 0.0, timestamp, step)


def factor_names(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the factors of a study's specification, in its order."""
    return tuple(spec.get("factors", {}))


def looks_text(spec: Mapping[str, Any]) -> str:
    """Seeds at each look of a study's ablation, such as ``5, 10, 20``; empty where fixed."""
    seeds = (spec.get("ablate") or {}).get("seeds")
    return ", ".join(map(str, seeds["looks"])) if isinstance(seeds, Mapping) else ""


def factor_level(config: Mapping[str, Any], factor: str) -> str | None:
    """The level of ``factor`` in a configuration; ``a.b`` is entry ``b`` of field ``a``.

    ``None`` where a conditional factor does not apply.
    """
    level = level_of(config, factor)
    return None if level is None else text_of(level)


def run_name(row: "TrialRow") -> str:
    """``search/<number>``, ``tune/<cell>/<number>``, else ``<phase>/<cell>/<seed>``.

    Followed by ``/fold <name>`` where the trial is of a fold.
    """
    fold = "" if row.config.fold is None else f"/fold {row.config.fold}"
    if row.phase == Phase.SEARCH and row.number is not None:
        return f"{row.phase}/{row.number}{fold}"
    if row.phase == Phase.TUNE and row.number is not None:
        return f"{row.phase}/{row.cell}/{row.number}{fold}"
    return f"{row.phase}/{row.cell}/{row.config.seed}{fold}"


def trial_tags(row: "TrialRow", factors: Sequence[str], warnings: Iterable[str]) -> dict[str, str]:
    """Tags of a trial's run, but for its parent."""
    config = row.config.model_dump(mode="json")
    levels = {factor: factor_level(config, factor) for factor in factors}
    values = {
        **levels,
        TRIAL_TAG: row.id,
        KIND_TAG: "trial",
        "study": row.study,
        "phase": str(row.phase),
        "cell": row.cell,
        **({"fold": row.config.fold} if row.config.fold else {}),
        "status": str(row.status),
        "failure": row.failure,
        "message": row.message and row.message[:MESSAGE_LENGTH],
        "identity": row.identity,
        "original": row.original,
        "current": text_of(bool(row.current)),
        "worker": row.worker,
        "warnings": "; ".join(warnings),
        "mlflow.runName": run_name(row),
    }
    # A tag that no longer holds is emptied, not left out: MLflow would keep the old one.
    return {name: str(value or "")[:TAG_LENGTH] for name, value in values.items()}


def trial_points(
    row: "TrialRow",
    epochs: Iterable["EpochMetric"],
    evaluations: Iterable[Evaluation],
    diagnostics: Iterable[Diagnostic],
) -> tuple[Point, ...]:
    """All metrics: by epoch at the time they were logged; final ones at the trial's end.

    Final metrics have the chosen epoch as step and names that no epoch's metric has: ``score``
    (validation score of the chosen epoch), ``total_seconds``, ``test_*``, ``probe_*``,
    ``chosen_validation_*``, ``diagnostic_*``.
    """
    points = [point(item.metric, item.value, item.logged_at, item.epoch) for item in epochs]
    if row.ended_at is None:
        return tuple(points)
    final = _final_values(row, evaluations, diagnostics)
    step = row.best_epoch or 0
    points += [
        point(name, value, row.ended_at, step) for name, value in final.items() if value is not None
    ]
    return tuple(points)


def _final_values(
    row: "TrialRow", evaluations: Iterable[Evaluation], diagnostics: Iterable[Diagnostic]
) -> dict[str, float | None]:
    """What is known at a trial's end, by the names of :func:`trial_points`."""
    final: dict[str, float | None] = {"score": row.score, "total_seconds": row.seconds}
    final.update({name: getattr(row, name) for name in _MEASURED})
    for evaluation in evaluations:
        chosen = evaluation.split == "validation"
        prefix = f"chosen_{evaluation.split}" if chosen else evaluation.split
        final.update({f"{prefix}_{name}": value for name, value in evaluation.metrics.items()})
    final.update({f"diagnostic_{item.name}": item.value for item in diagnostics})
    return final


def trial_contents(
    row: "TrialRow",
    factors: Sequence[str],
    epochs: Sequence["EpochMetric"],
    evaluations: Mapping[str, Evaluation],
    diagnostics: Sequence[Diagnostic],
) -> RunContents:
    """The run of one trial. Predictions are drawn of the test split, else of validation."""
    params = {
        name: text_of(value)[:PARAMETER_LENGTH]
        for name, value in row.config.model_dump(mode="json").items()
    }
    warnings = [item.warning for item in diagnostics if item.warning]
    shown = evaluations.get("test") or evaluations.get("validation")
    final = Status(row.status).final
    names = {item.metric for item in epochs} | set(
        _final_values(row, evaluations.values(), diagnostics)
    )
    return RunContents(
        name=run_name(row),
        status=_STATUS[Status(row.status)],
        start=row.started_at or row.planned_at,
        end=row.ended_at if final else None,
        tags=trial_tags(row, factors, warnings) | {NAMES_TAG: true_names(names)[:TAG_LENGTH]},
        params=params,
        points=trial_points(row, epochs, evaluations.values(), diagnostics),
        evaluation=shown if final and not Phase(row.phase).sealed else None,
    )


def study_contents(study_row: "StudyRow") -> RunContents:
    """The parent run of a study."""
    status = _STUDY_STATUS[str(study_row.status)]
    tags = {
        KIND_TAG: "study",
        "study": study_row.name,
        "dataset": study_row.dataset,
        "status": str(study_row.status),
        "data_fingerprint": study_row.data_fingerprint,
        "code_fingerprint": study_row.code_fingerprint,
        "looks": looks_text(study_row.spec),
        "mlflow.runName": study_row.name,
    }
    end = None if status == "RUNNING" else study_row.updated_at
    return RunContents(study_row.name, status, study_row.created_at, end, tags, params={})


def study_text(study_row: "StudyRow") -> str:
    """The study as its run's artifact: specification, environment and reference, as JSON."""
    whole = {
        "name": study_row.name,
        "spec": study_row.spec,
        "environment": study_row.environment,
        "reference": study_row.reference,
        "label_names": list(study_row.label_names),
        "data_fingerprint": study_row.data_fingerprint,
        "code_fingerprint": study_row.code_fingerprint,
    }
    return json.dumps(whole, indent=2, default=str) + "\n"
