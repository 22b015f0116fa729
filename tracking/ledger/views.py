"""Named SQL views, so that plain SQL already answers the usual questions.

``trials_wide``
    One row per trial with its configuration, validation and test scores and cost.
``ablation``
    The comparison table, rounded to 4 digits: the reference first, then cell after cell in the
    order of the plan.
``per_class``
    F1 of every class, on validation and on test.
``cost``
    What training and inference of every trial cost.
``diagnostics``
    Every failure signature that was measured, with a warning where it fired.
``learning_curve``
    Every metric of every epoch.

All but ``ablation`` show the trials that the study's last plan asks for; a CACHED one shows what
its original recorded. The text is the same for SQLite and PostgreSQL. Every column is explained in
``docs/results-database.md``.
"""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from sslcl.config import TrialConfig
from sslcl.learning.score_names import DEFAULT_SCORE, validation_metric
from tracking.costs import COSTS
from tracking.ledger.schema import META

_TEST_METRICS = ("weighted_f1", "macro_f1", "accuracy")
_ROUNDED = (
    "mean", "sd", "difference", "ci_low", "ci_high", "p_value", "p_corrected", "seconds",
)  # fmt: skip
_TRIAL = ("t.study", "t.phase", "t.cell", "t.id AS trial", "t.seed")
_COST_HEAD = ("parameters", "seconds", "seconds_per_epoch")
"""Costs that the view ``cost`` gives first."""
_RECORDER = "coalesce(t.original, t.id)"
_VALIDATION = (
    f"CASE WHEN t.criterion = '{DEFAULT_SCORE}' THEN t.score ELSE (SELECT e.value FROM"
    f" epoch_metrics e WHERE e.trial = {_RECORDER} AND e.epoch = t.best_epoch"
    f" AND e.metric = '{validation_metric(DEFAULT_SCORE)}') END"
)
"""The weighted F1 at the best epoch, which is the score itself where that chose the epoch."""


def create_views(connection: Connection) -> None:
    """Create the views, or create them anew where their text has changed."""
    views = view_texts()
    digest = hashlib.sha256("\n".join(views.values()).encode()).hexdigest()
    stored = select(META.c.value).where(META.c.key == "views")
    if connection.scalar(stored) == digest:
        return
    for name, query in views.items():
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {query}")
    connection.execute(delete(META).where(META.c.key == "views"))
    connection.execute(insert(META).values(key="views", value=digest))


def view_texts() -> Mapping[str, str]:
    """The query of every view, by name."""
    return {
        "trials_wide": _trials_wide(),
        "ablation": _ablation(),
        "per_class": _per_class(),
        "cost": _cost(),
        "diagnostics": _recorded("findings", ("r.name", "r.value", "r.warning")),
        "learning_curve": _recorded("epoch_metrics", ("r.epoch", "r.metric", "r.value")),
    }


def _trials_wide() -> str:
    columns = [
        "t.study", "t.id AS trial", "t.phase", "t.cell", "t.status", "t.failure",
        *(f"t.{name}" for name in TrialConfig.model_fields),
        "t.best_epoch", "t.epochs_run", "t.score AS validation_score",
        f"{_VALIDATION} AS validation_weighted_f1",
        *(f"({_test_score(metric)}) AS test_{metric}" for metric in _TEST_METRICS),
        "t.seconds", "t.parameters", "t.peak_memory_mb", "t.original AS cached_from",
    ]  # fmt: skip
    return f"SELECT {', '.join(columns)} FROM trials t WHERE t.current"


def _test_score(metric: str) -> str:
    # Not a join: a question that does not ask for the column is answered without looking it up.
    return (
        f"SELECT r.value FROM evaluations r WHERE r.trial = {_RECORDER}"
        f" AND r.split = 'test' AND r.metric = '{metric}'"
    )


def _ablation() -> str:
    metrics = " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in enumerate(_TEST_METRICS))
    added = [
        "cell", "pairs", *map(_rounded, ("p_permutation", "effect_size", "smallest_difference")),
        *map(_rounded, ("p_equivalence", "p_equivalence_corrected")), "verdict", "correction",
        "look", "stopped",
        *map(_rounded, ("ci_low_corrected", "ci_high_corrected", "equivalence_low")),
        _rounded("equivalence_high"), "seed_variance", "conversation_variance",
        *map(_rounded, ("seed_df", "prior_df")), "question", "side", "decidable",
    ]  # fmt: skip
    return (
        f"SELECT study, phase, metric, factor, level, n, {', '.join(map(_rounded, _ROUNDED))},"
        f" CASE WHEN is_reference THEN 1 ELSE 0 END AS reference, {', '.join(added)}"
        f" FROM comparisons ORDER BY study, phase, CASE metric {metrics} ELSE 9 END, metric,"
        " CASE WHEN is_reference THEN 0 ELSE 1 END, position"
    )


def _rounded(name: str) -> str:
    # PostgreSQL rounds to digits only what is NUMERIC; the outer cast makes it a plain number.
    return f"CAST(round(CAST({name} AS NUMERIC), 4) AS FLOAT) AS {name}"


def _per_class() -> str:
    columns = ("r.split", "substr(r.metric, 4) AS class", "r.value AS f1")
    return f"{_recorded('evaluations', columns)} AND substr(r.metric, 1, 3) = 'f1:'"


def _cost() -> str:
    columns = (
        *_TRIAL, "t.backbone", "t.objective", "t.parameters", "t.epochs_run", "t.seconds",
        # Trials from before it was recorded have what it is made of.
        "coalesce(t.seconds_per_epoch, t.seconds / nullif(t.epochs_run, 0)) AS seconds_per_epoch",
        *(f"t.{name}" for name in COSTS if name not in _COST_HEAD), "t.fold",
    )  # fmt: skip
    return f"SELECT {', '.join(columns)} FROM trials t WHERE t.current AND t.seconds IS NOT NULL"


def _recorded(table: str, columns: tuple[str, ...]) -> str:
    """What the trial itself, or the one it was taken from, has in ``table``."""
    return (
        f"SELECT {', '.join((*_TRIAL, *columns, 't.fold'))} FROM trials t"
        f" JOIN {table} r ON r.trial = {_RECORDER} WHERE t.current"
    )
