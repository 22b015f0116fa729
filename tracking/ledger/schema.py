"""The tables of the results database.

Changing them: raise :data:`SCHEMA_VERSION` when older programs must not write the database any
more. A new table, index or column needs nothing else, since what is missing is added on open; a
new column must be nullable or have a server default, because rows exist already.

Tables whose rows are found by their whole key, and hold little beside it, are WITHOUT ROWID on
SQLite: the key is stored once, not in the table and again in an index.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, get_origin

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    true,
)
from sqlalchemy.types import TypeEngine

from sslcl.config import TrialConfig

SCHEMA_VERSION = 2

Row = Mapping[str, Any]

METADATA = MetaData()

META = Table(
    "meta",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

STUDIES = Table(
    "studies",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("spec", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("data_fingerprint", Text, nullable=False),
    Column("label_names", Text, nullable=False),
    Column("code_fingerprint", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("reference", Text),
)


def column_type(annotation: object) -> TypeEngine[Any]:
    """The SQL type of a configuration field; what is neither text nor number is JSON text."""
    plain: dict[object, TypeEngine[Any]] = {int: Integer(), float: Float(), bool: Boolean()}
    return plain.get(annotation, Text())


def is_json(annotation: object) -> bool:
    """Whether a configuration field is stored as JSON text."""
    plain = (int, float, bool, str, str | None)
    return annotation not in plain and get_origin(annotation) is not Literal


FORMER_VALUES: dict[str, Any] = {"weight_average": 0.0}
"""How trials were trained before a field existed, where that is not its default."""


def config_columns(config: TrialConfig) -> dict[str, Any]:
    """The values of the configuration's columns; ``None`` stays NULL."""
    dumped = config.model_dump(mode="json")
    return {
        name: json.dumps(dumped[name])
        if dumped[name] is not None and is_json(field.annotation)
        else dumped[name]
        for name, field in TrialConfig.model_fields.items()
    }


def _trial() -> Column[str]:
    return Column("trial", Text, ForeignKey("trials.id"), primary_key=True)


def _study() -> Column[str]:
    return Column("study", Text, ForeignKey("studies.name"), primary_key=True)


TRIALS = Table(
    "trials",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("study", Text, ForeignKey("studies.name"), nullable=False),
    Column("phase", Text, nullable=False),
    Column("cell", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("number", Integer),
    Column("ordinal", Integer, nullable=False, server_default="0"),
    Column("data_fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("failure", Text),
    Column("message", Text),
    Column("original", Text, ForeignKey("trials.id")),
    Column("current", Boolean, nullable=False, server_default=true()),
    *(
        Column(name, column_type(field.annotation))
        for name, field in TrialConfig.model_fields.items()
    ),
    Column("config", Text, nullable=False),
    Column("best_epoch", Integer),
    Column("epochs_run", Integer),
    Column("score", Float),
    Column("seconds", Float),
    Column("parameters", BigInteger),
    Column("seconds_per_epoch", Float),
    Column("utterances_per_second", Float),
    Column("peak_memory_mb", Float),
    Column("device_memory_mb", Float),
    Column("latency_p50_ms", Float),
    Column("latency_p95_ms", Float),
    Column("flops_per_utterance", Float),
    Column("worker", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("planned_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("revision", Integer, nullable=False, server_default="1"),
    Index("trials_by_status", "study", "phase", "status"),
    Index("trials_by_identity", "identity"),
)

EPOCH_METRICS = Table(
    "epoch_metrics",
    METADATA,
    _trial(),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("metric", Text, primary_key=True),
    Column("value", Float),
    Column("logged_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

EVALUATIONS = Table(
    "evaluations",
    METADATA,
    _trial(),
    Column("split", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("value", Float),
    sqlite_with_rowid=False,
)

UTTERANCES = Table(
    "utterances",
    METADATA,
    Column("data_fingerprint", Text, primary_key=True),
    Column("split", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("utterance", Text, nullable=False),
    Column("label", Integer, nullable=False),
    sqlite_with_rowid=False,
)

PREDICTIONS = Table(
    "predictions",
    METADATA,
    _trial(),
    Column("split", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("predicted", Integer, nullable=False),
    sqlite_with_rowid=False,
)

FINDINGS = Table(
    "findings",
    METADATA,
    _trial(),
    Column("name", Text, primary_key=True),
    Column("value", Float),
    Column("warning", Text),
    sqlite_with_rowid=False,
)

COMPARISONS = Table(
    "comparisons",
    METADATA,
    _study(),
    Column("phase", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("cell", Text, primary_key=True),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("factor", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("is_reference", Boolean, nullable=False),
    Column("n", Integer, nullable=False),
    Column("mean", Float),
    Column("sd", Float),
    Column("difference", Float),
    Column("ci_low", Float),
    Column("ci_high", Float),
    Column("p_value", Float),
    Column("p_corrected", Float),
    Column("seconds", Float),
    Column("pairs", Integer),
    Column("p_permutation", Float),
    Column("effect_size", Float),
    Column("smallest_difference", Float),
    Column("p_equivalence", Float),
    Column("p_equivalence_corrected", Float),
    Column("verdict", Text),
    Column("correction", Text),
    Column("look", Integer),
    Column("stopped", Text),
    Column("ci_low_corrected", Float),
    Column("ci_high_corrected", Float),
    Column("equivalence_low", Float),
    Column("equivalence_high", Float),
    Column("seed_variance", Float),
    Column("conversation_variance", Float),
    Column("seed_df", Float),
    Column("prior_df", Float),
    Column("question", Text),
    Column("side", Text),
    Column("decidable", Text),
    Column("digest", Text),
    Column("computed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

MIRROR_RUNS = Table(
    "mirror_runs",
    METADATA,
    _trial(),
    Column("run_id", Text),
    Column("mirrored_revision", Integer, nullable=False, server_default="0"),
)

MIRROR_STUDIES = Table(
    "mirror_studies",
    METADATA,
    _study(),
    Column("experiment_id", Text),
    Column("run_id", Text),
    Column("mirrored_revision", Integer, nullable=False, server_default="0"),
)
