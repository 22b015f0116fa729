"""Named SQL views, so that plain SQL already answers the usual questions.

``trials_wide``
    One row per current trial with its configuration, validation and test scores and cost; a
    CACHED trial shows the test scores of its original.
``ablation``
    The comparison table, rounded to 4 digits: the reference first, then cell after cell in the
    order of the plan.

The text is the same for SQLite and PostgreSQL.
"""

import hashlib

from sqlalchemy import Connection, delete, insert, select

from sslcl.config import TrialConfig
from tracking.schema import META

_TEST_METRICS = ("weighted_f1", "macro_f1", "accuracy")
_ROUNDED = (
    "mean", "sd", "difference", "ci_low", "ci_high", "p_value", "p_corrected", "seconds",
)  # fmt: skip


def create_views(connection: Connection) -> None:
    """Create the views, or create them anew where their text has changed."""
    views = {"trials_wide": _trials_wide(), "ablation": _ablation()}
    digest = hashlib.sha256("\n".join(views.values()).encode()).hexdigest()
    stored = select(META.c.value).where(META.c.key == "views")
    if connection.scalar(stored) == digest:
        return
    for name, query in views.items():
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {query}")
    connection.execute(delete(META).where(META.c.key == "views"))
    connection.execute(insert(META).values(key="views", value=digest))


def _trials_wide() -> str:
    columns = [
        "t.study", "t.id AS trial", "t.phase", "t.cell", "t.status", "t.failure",
        *(f"t.{name}" for name in TrialConfig.model_fields),
        "t.best_epoch", "t.epochs_run", "t.score AS validation_weighted_f1",
        *(f"{metric}.value AS test_{metric}" for metric in _TEST_METRICS),
        "t.seconds", "t.parameters", "t.peak_memory_mb", "t.original AS cached_from",
    ]  # fmt: skip
    joins = [
        f"LEFT JOIN evaluations {metric} ON {metric}.trial = coalesce(t.original, t.id)"
        f" AND {metric}.split = 'test' AND {metric}.metric = '{metric}'"
        for metric in _TEST_METRICS
    ]
    return f"SELECT {', '.join(columns)} FROM trials t {' '.join(joins)} WHERE t.current"


def _ablation() -> str:
    # PostgreSQL rounds to digits only what is NUMERIC; the outer cast makes it a plain number.
    rounded = [f"CAST(round(CAST({name} AS NUMERIC), 4) AS FLOAT) AS {name}" for name in _ROUNDED]
    metrics = " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in enumerate(_TEST_METRICS))
    return (
        f"SELECT study, phase, metric, factor, level, n, {', '.join(rounded)},"
        " CASE WHEN is_reference THEN 1 ELSE 0 END AS reference"
        f" FROM comparisons ORDER BY study, phase, CASE metric {metrics} ELSE 9 END, metric,"
        " CASE WHEN is_reference THEN 0 ELSE 1 END, position"
    )
